"""The way to run a schedule, for speed, for RAM, and for a limit."""

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.interleave.choose import Arranged, arrange
from tinyiree.interleave.cost import Work
from tinyiree.interleave.goal import Goal
from tinyiree.interleave.search import Search
from tinyiree.iree.schedule import KernelCall
from tinyiree.passes.plan_memory import PlanMemory

from .chains import Model, run


def tower() -> Model:
    """Maps of 4,096 bytes after an input of 1,024, and a result of 512."""
    model = Model()
    last = model.tensor(16, 16, 4, "input")
    for _ in range(3):
        last = model.window(last, 16, 3, pad=1)
    model.window(last, 8, 3, stride=2, pad=1)
    return model


def arranged(model: Model, goal: Goal, macs_of_a_byte: int = 144) -> Arranged:
    schedule = model.schedule()
    macs = {i: macs_of_a_byte * model.buffers[i + 1].size for i in range(len(model.steps))}
    return arrange(schedule, model.walks, Work(macs), PlanMemory(), goal, "tower")


def calls(found: Arranged) -> int:
    return sum(isinstance(step, KernelCall) for step in found.schedule.steps)


def test_ram_needs_less_than_speed() -> None:
    model = tower()
    speed, ram = (arranged(model, Goal(optimize)) for optimize in ("speed", "ram"))  # type: ignore[arg-type]
    assert ram.plan.arena_bytes < 1024 + 3 * 3 * 256 + 512 + 100 < speed.plan.arena_bytes
    assert calls(speed) < calls(ram)
    for found in (speed, ram):
        assert run(found.schedule, found.plan.offsets, model) == []


def test_layers_that_cost_little_run_whole() -> None:
    """With next to no work in a row, calls are too dear."""
    model = tower()
    assert calls(arranged(model, Goal(), macs_of_a_byte=0)) == len(model.steps)


def test_the_cheapest_that_fits_a_limit() -> None:
    model = tower()
    ram, speed = arranged(model, Goal("ram")), arranged(model, Goal())
    between = (ram.plan.arena_bytes + speed.plan.arena_bytes) // 2
    found = arranged(model, Goal(ram_limit=between))
    assert ram.plan.arena_bytes <= found.plan.arena_bytes <= between
    assert calls(speed) < calls(found) <= calls(ram)
    roomy = arranged(model, Goal(ram_limit=speed.plan.arena_bytes))
    assert roomy.schedule == speed.schedule


def test_a_limit_that_nothing_fits() -> None:
    least = arranged(tower(), Goal("ram")).plan.arena_bytes
    with pytest.raises(TinyireeError, match=f"tower: .* at most 100 bytes .* has {least:,}"):
        arranged(tower(), Goal(ram_limit=100))
    found = arranged(tower(), Goal(ram_limit=100, required=False))
    assert found.plan.arena_bytes == least


def test_without_walks_everything_is_whole() -> None:
    model = tower()
    found = arrange(model.schedule(), {}, Work({}), PlanMemory(), Goal("ram"))
    assert found.plan.arena_bytes == 2 * 4096
    assert calls(found) == len(model.steps)


def test_ways_rise_in_need_and_fall_in_price() -> None:
    model = tower()
    work = Work(dict.fromkeys(range(4), 500_000))
    ways = Search(model.schedule(), model.walks, work, PlanMemory()).ways()
    assert len(ways) > 1
    assert [way.need for way in ways] == sorted(way.need for way in ways)
    assert [way.price for way in ways] == sorted((way.price for way in ways), reverse=True)
    assert ways[-1].cuts == ()


@pytest.mark.parametrize("bad", [{"optimize": "size"}, {"ram_limit": 0}])
def test_goals_that_make_no_sense(bad: dict[str, object]) -> None:
    with pytest.raises(TinyireeError, match="expected"):
        Goal(**bad)  # type: ignore[arg-type]
