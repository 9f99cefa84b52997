"""The planner never overlaps what lives together, and never beats its own bound."""

from hypothesis import given
from hypothesis import strategies as st

from tinyiree.passes.plan_memory import Lifetime, PlanMemory


@st.composite
def lifetimes(draw: st.DrawFn) -> list[Lifetime]:
    count = draw(st.integers(0, 30))
    result = []
    for _ in range(count):
        first = draw(st.integers(-1, 20))
        result.append(Lifetime(draw(st.integers(0, 5000)), first, draw(st.integers(first, 21))))
    return result


@given(lifetimes(), st.sampled_from([1, 4, 8, 16]))
def test_no_two_live_buffers_overlap(buffers: list[Lifetime], alignment: int) -> None:
    plan = PlanMemory(alignment).plan(buffers)
    for a in range(len(buffers)):
        assert plan.offsets[a] % alignment == 0
        assert plan.offsets[a] + buffers[a].size <= plan.arena_bytes
        for b in range(a + 1, len(buffers)):
            together = any(
                buffers[a].first <= step <= buffers[a].last
                and buffers[b].first <= step <= buffers[b].last
                for step in range(-1, 22)
            )
            assert ((a, b) in plan.conflicts) == together
            if together:
                apart_above = plan.offsets[a] + buffers[a].size <= plan.offsets[b]
                apart_below = plan.offsets[b] + buffers[b].size <= plan.offsets[a]
                assert apart_above or apart_below


@given(lifetimes())
def test_the_bound_is_the_heaviest_step(buffers: list[Lifetime]) -> None:
    plan = PlanMemory(1).plan(buffers)
    heaviest = max(
        (
            sum(buffer.size for buffer in buffers if buffer.first <= step <= buffer.last)
            for step in range(-1, 22)
        ),
        default=0,
    )
    assert plan.bound_bytes == heaviest
    assert plan.arena_bytes >= plan.bound_bytes


def test_the_example_of_the_docstring() -> None:
    plan = PlanMemory().plan([Lifetime(256, 0, 1), Lifetime(512, 1, 2), Lifetime(128, 2, 3)])
    assert plan.offsets == (512, 0, 512)
    assert (plan.arena_bytes, plan.bound_bytes) == (768, 768)


def test_a_chain_reuses_memory() -> None:
    plan = PlanMemory().plan([Lifetime(100, i, i + 1) for i in range(10)])
    assert plan.arena_bytes == plan.bound_bytes == 208
