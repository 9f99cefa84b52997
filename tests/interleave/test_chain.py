"""Chains of calls of a few rows: every row is there when it is read, and none is computed twice."""

from collections import Counter

import pytest

from tinyiree.interleave.chain import Cut, apply_all, cut
from tinyiree.interleave.layers import make_chain, row_layer
from tinyiree.interleave.occupancy import graph, lifetimes
from tinyiree.iree.schedule import Copy, KernelCall, Schedule
from tinyiree.passes.plan_memory import PlanMemory

from .chains import Model, random_model, run

PLANNER = PlanMemory(order=False, effort=0)


def cut_all(model: Model, schedule: Schedule, rows: int) -> Cut | None:
    """The whole schedule as one chain; None when it is none."""
    layers = [row_layer(step, schedule, model.walks) for step in schedule.steps]
    if any(layer is None for layer in layers):
        return None
    outer = frozenset((*schedule.inputs, *schedule.outputs))
    chain = make_chain([layer for layer in layers if layer is not None], outer)
    return cut(chain, rows) if chain is not None else None


def offsets_side_by_side(schedule: Schedule) -> list[int]:
    found, at = [], 0
    for buffer in schedule.buffers:
        found.append(at)
        at += -(-buffer.size // 8) * 8 + 8
    return found


def check(model: Model, rows: int) -> bool:
    """True when there was a chain to check."""
    whole = model.schedule()
    one = cut_all(model, whole, rows)
    if one is None:
        return False
    schedule = apply_all(whole, [(0, one)])
    assert run(schedule, offsets_side_by_side(schedule), model) == []
    _, plan = PLANNER.arrange(graph(schedule, model.walks, 8))
    assert run(schedule, plan.offsets, model) == []
    computed = Counter(
        (call.group, row)
        for call in schedule.steps
        if isinstance(call, KernelCall) and call.part is not None
        for row in range(*call.part)
    )
    assert set(computed.values()) == {1}
    return True


@pytest.mark.parametrize("start", range(0, 240, 40))
def test_random_chains(start: int) -> None:
    """Placed side by side and by the planner: no read finds anything but its row."""
    checked = sum(
        check(random_model(seed), rows) for seed in range(start, start + 40) for rows in (1, 2, 3)
    )
    assert checked > 30


def test_a_window_that_is_too_small_is_found() -> None:
    model = Model()
    x = model.tensor(16, 4, 8, "input")
    model.window(model.window(x, 8, 3, pad=1), 8, 3, pad=1)
    whole = model.schedule()
    one = cut_all(model, whole, 1)
    assert one is not None
    (buffer,) = one.windows
    assert one.windows[buffer].rows == 3
    late = Cut(one.chain, one.calls, one.windows, tuple(low + 1 for low in one.lows))
    schedule = apply_all(whole, [(0, late)])
    assert run(schedule, offsets_side_by_side(schedule), model)


def test_the_order_and_the_windows_of_a_residual_block() -> None:
    model = Model()
    x = model.tensor(8, 4, 8, "input")
    first = model.window(x, 8, 1)
    model.add(first, model.window(model.window(first, 8, 3, pad=1), 8, 3, pad=1))
    one = cut_all(model, model.schedule(), 1)
    assert one is not None
    calls = [(call.layer, call.first) for call in one.calls]
    assert calls[:7] == [(0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0), (3, 0)]
    # The map that goes around the convolutions waits while two more rows of it come.
    assert [one.windows[b].rows for b in sorted(one.windows)] == [3, 3, 1]


def test_a_tensor_that_is_needed_later_exists_whole() -> None:
    model = Model()
    x = model.tensor(8, 4, 8, "input")
    first = model.window(x, 8, 3, pad=1)
    second = model.window(first, 8, 3, pad=1)
    schedule = model.schedule(first, second)
    one = cut_all(model, schedule, 1)
    assert one is not None
    assert one.windows == {}
    assert {call.last for call in one.calls if call.layer == 0} == set(range(1, 9))


def test_a_layer_that_does_not_lead_to_the_last_makes_no_chain() -> None:
    model = Model()
    x = model.tensor(8, 4, 8, "input")
    side, last = model.window(x, 8, 3, pad=1), model.window(x, 8, 3, pad=1)
    assert cut_all(model, model.schedule(side, last), 1) is None


def test_moves_keep_what_is_needed() -> None:
    model = Model()
    x = model.tensor(16, 4, 8, "input")
    model.window(model.window(x, 8, 3, pad=1), 8, 3, pad=1)
    whole = model.schedule()
    one = cut_all(model, whole, 2)
    assert one is not None
    schedule = apply_all(whole, [(0, one)])
    moves = [step for step in schedule.steps if isinstance(step, Copy)]
    assert {(move.source.offset, move.target.offset, move.source.length) for move in moves} == {
        (32, 0, 64),
        (64, 0, 64),
    }
    assert max(alive.size for alive in lifetimes(schedule)[1:2]) == 4 * 32
