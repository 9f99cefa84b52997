"""Layers that slide down, and the ones that bring the chain up again."""

import numpy as np

from tinyiree.passes.plan_memory import PlanMemory
from tinyiree.passes.planning.occupancy import StepUses, Use
from tinyiree.passes.planning.order import Graph

ROWS, ROW = 12, 16
SIZE = ROWS * ROW


def layer(source: int, target: int, window: int, both_ways: bool) -> StepUses:
    """Row by row; row r reads the rows r - window to r + window."""

    def walk(rows: "np.typing.NDArray[np.int64]") -> StepUses:
        low, high = np.maximum(rows - window, 0) * ROW, np.minimum(rows + window + 1, ROWS) * ROW
        ticks = 2 * np.arange(ROWS)
        uses = [
            Use(source, False, ticks, low, high),
            Use(target, True, ticks + 1, rows * ROW, (rows + 1) * ROW),
            Use.at(target, False, 2 * ROWS - 1, 0, SIZE),
        ]
        return StepUses(2 * ROWS, tuple(uses))

    down = walk(np.arange(ROWS))
    up = walk(np.arange(ROWS)[::-1]) if both_ways else None
    return StepUses(down.ticks, down.uses, up)


def chain(both_ways: bool) -> Graph:
    """Windows and pointwise layers in turn; only the latter may go from the bottom up."""
    steps = [layer(i, i + 1, 1 - i % 2, both_ways and i % 2 == 1) for i in range(8)]
    return Graph([SIZE] * 9, steps, frozenset({0}), frozenset({8}))


def test_a_chain_moves_down_and_down() -> None:
    _, plan = PlanMemory().arrange(chain(both_ways=False))
    assert plan.alternatives == ()
    assert plan.arena_bytes == plan.bound_bytes == SIZE + 4 * ROW


def test_layers_from_the_bottom_bring_it_up() -> None:
    _, plan = PlanMemory().arrange(chain(both_ways=True))
    assert plan.arena_bytes == plan.bound_bytes == SIZE + ROW
    assert plan.alternatives == (1, 3, 5)
    for step in plan.alternatives:
        assert plan.offsets[step + 1] > plan.offsets[step]


def test_none_goes_the_other_way_without_need() -> None:
    steps = [layer(0, 1, 0, both_ways=True), layer(1, 2, 1, both_ways=True)]
    _, plan = PlanMemory().arrange(Graph([SIZE] * 3, steps, frozenset({0}), frozenset({2})))
    assert plan.alternatives == ()
    assert plan.arena_bytes == plan.bound_bytes == SIZE + ROW
