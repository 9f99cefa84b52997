"""The planner never overlaps what is needed together, and never beats its own bound."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyiree.errors import TinyireeError
from tinyiree.passes.plan_memory import Lifetime, PlanMemory
from tinyiree.passes.planning.occupancy import Occupancy, StepUses, Use
from tinyiree.passes.planning.order import Graph

QUICK = PlanMemory(effort=0.05)


@st.composite
def lifetimes(draw: st.DrawFn, most: int = 30) -> list[Lifetime]:
    count = draw(st.integers(0, most))
    result = []
    for _ in range(count):
        first = draw(st.integers(-1, 20))
        result.append(Lifetime(draw(st.integers(0, 5000)), first, draw(st.integers(first, 21))))
    return result


@settings(deadline=None, max_examples=60)
@given(lifetimes(), st.sampled_from([1, 4, 8, 16]))
def test_no_two_live_buffers_overlap(buffers: list[Lifetime], alignment: int) -> None:
    plan = PlanMemory(alignment, effort=0.05).plan(buffers)
    for a in range(len(buffers)):
        assert plan.offsets[a] % alignment == 0
        assert plan.offsets[a] + buffers[a].size <= plan.arena_bytes
        for b in range(a + 1, len(buffers)):
            together = buffers[a].size and buffers[b].size and buffers[a].conflicts(buffers[b])
            assert ((a, b) in plan.conflicts) == bool(together)
            if together:
                apart_above = plan.offsets[a] + buffers[a].size <= plan.offsets[b]
                apart_below = plan.offsets[b] + buffers[b].size <= plan.offsets[a]
                assert apart_above or apart_below


@settings(deadline=None, max_examples=60)
@given(lifetimes())
def test_the_bound_is_no_less_than_the_heaviest_step(buffers: list[Lifetime]) -> None:
    plan = PlanMemory(1, effort=0.05).plan(buffers)
    heaviest = max(
        (
            sum(buffer.size for buffer in buffers if buffer.first <= step <= buffer.last)
            for step in range(-1, 22)
        ),
        default=0,
    )
    assert heaviest <= plan.bound_bytes <= plan.arena_bytes


@settings(deadline=None, max_examples=25)
@given(lifetimes(most=5))
def test_small_problems_are_solved_to_the_minimum(buffers: list[Lifetime]) -> None:
    """Against first fit in every order, which has a best placement among its results."""
    plan = PlanMemory(1).plan(buffers)
    best = min(
        (_first_fit(buffers, order) for order in permutations(range(len(buffers)))), default=0
    )
    assert plan.arena_bytes == plan.bound_bytes == best


def _first_fit(buffers: list[Lifetime], order: tuple[int, ...]) -> int:
    placed: list[tuple[int, Lifetime]] = []
    for i in order:
        new = buffers[i]
        around = sorted(
            ((offset, old.size) for offset, old in placed if old.size and new.conflicts(old)),
        )
        at = 0
        for offset, size in around:
            if at + new.size <= offset:
                break
            at = max(at, offset + size)
        placed.append((at, new))
    return max((offset + old.size for offset, old in placed), default=0)


def test_the_example_of_the_docstring() -> None:
    plan = PlanMemory().plan([Lifetime(256, 0, 1), Lifetime(512, 1, 2), Lifetime(128, 2, 3)])
    assert plan.offsets == (512, 0, 512)
    assert (plan.arena_bytes, plan.bound_bytes) == (768, 768)
    assert plan.proven
    assert plan.method == "greedy by size"


def test_a_chain_reuses_memory() -> None:
    plan = PlanMemory().plan([Lifetime(100, i, i + 1) for i in range(10)])
    assert plan.arena_bytes == plan.bound_bytes == 208


def test_the_same_every_time() -> None:
    buffers = [Lifetime((37 * i * i) % 2000 + 1, i % 17, i % 17 + (7 * i) % 9) for i in range(40)]
    first, second = QUICK.plan(buffers), QUICK.plan(buffers)
    assert first.offsets == second.offsets
    assert first.bound_bytes == second.bound_bytes


def test_an_output_slides_over_its_input() -> None:
    """Rows of 8 bytes; row r of the output needs the rows r - 1 to r + 1 of the input."""
    rows = np.arange(10)
    source = Occupancy(80, 0, np.append(0, np.maximum(rows - 1, 0) * 8), np.full(11, 80))
    target = Occupancy(80, 1, np.zeros(10, np.int64), (rows + 1) * 8)
    plan = PlanMemory().plan([source, target])
    assert plan.offsets == (16, 0)
    assert plan.arena_bytes == plan.bound_bytes == 96


def whole(step: int, reads: dict[int, int], writes: dict[int, int]) -> StepUses:
    uses = [Use.at(b, False, 0, 0, size) for b, size in reads.items()]
    uses += [Use.at(b, True, 0, 0, size) for b, size in writes.items()]
    return StepUses(1, tuple(uses))


def branches() -> Graph:
    """Two branches of a wide and a narrow step: one after the other needs less."""
    sizes = [8, 80, 80, 8, 8, 8]
    steps = [
        whole(0, {0: 8}, {1: 80}),
        whole(1, {0: 8}, {2: 80}),
        whole(2, {1: 80}, {3: 8}),
        whole(3, {2: 80}, {4: 8}),
        whole(4, {3: 8, 4: 8}, {5: 8}),
    ]
    return Graph(sizes, steps, frozenset({0}), frozenset({5}))


def test_branches_change_places() -> None:
    order, plan = PlanMemory().arrange(branches())
    assert order in ((0, 2, 1, 3, 4), (1, 3, 0, 2, 4))
    assert plan.arena_bytes == plan.bound_bytes == 96
    kept, wide = PlanMemory(order=False).arrange(branches())
    assert kept == (0, 1, 2, 3, 4)
    assert wide.arena_bytes == 168


def test_what_is_kept_always_lies_behind_the_rest() -> None:
    """Such as variables: nothing shares their bytes, and everything else begins at 0."""
    steps = [whole(0, {0: 16, 2: 24}, {1: 16}), whole(1, {1: 16}, {2: 24, 3: 16})]
    graph = Graph([16, 16, 24, 16], steps, frozenset({0}), frozenset({3}), frozenset({2}))
    _, plan = PlanMemory().arrange(graph)
    assert plan.offsets[2] == 32
    assert max(plan.offsets[i] + 16 for i in (0, 1, 3)) == 32
    assert plan.arena_bytes == plan.bound_bytes == 56


@pytest.mark.parametrize("options", [{"alignment": 0}, {"effort": -1.0}])
def test_wrong_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(TinyireeError, match="alignment of at least 1 and an effort of at least 0"):
        PlanMemory(**options)  # type: ignore[arg-type]
