"""The schedule and its placement for a goal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tinyiree.errors import TinyireeError
from tinyiree.interleave.banks import distribute
from tinyiree.interleave.chain import apply_all
from tinyiree.interleave.cost import Work
from tinyiree.interleave.goal import Goal, Optimize
from tinyiree.interleave.occupancy import graph
from tinyiree.interleave.search import Search, Way
from tinyiree.iree.schedule import Schedule
from tinyiree.kernels.walk import Walk
from tinyiree.passes.plan_memory import MemoryPlan, PlanMemory

SHARE: Mapping[Optimize, float] = {"speed": 0.005, "ram": 0.25}
"""Instructions that chains may cost, as a share of the model's; an estimate."""
GAIN: Mapping[Optimize, float] = {"speed": 0.03, "ram": 0.0}
"""Share of the arena that has to be won: a chain takes a kilobyte of flash, more or less."""
TRIES = 3
"""Ways that are placed, from the one with the least estimate on."""
MAX_PLACED = 24
"""Ways that are placed when a limit is looked for."""


@dataclass(frozen=True)
class Arranged:
    """A schedule in the order to run, and where its buffers lie."""

    schedule: Schedule
    plan: MemoryPlan


def arrange(
    schedule: Schedule,
    walks: Mapping[int, Walk],
    work: Work,
    planner: PlanMemory,
    goal: Goal,
    name: str = "",
) -> Arranged:
    """Order the steps, run chains of them in parts, and place the buffers.

    Args:
        schedule: of whole steps.
        walks: by dispatch group; none when tensors may not overlap.
        work: of the layers.
        planner: places.
        goal: see `Goal`.
        name: of the model, for messages.

    Raises:
        TinyireeError: no way fits the goal's limit; the message has the least that was found.
    """
    order, plan = planner.arrange(graph(schedule, walks, planner.alignment))
    base = Arranged(replace(schedule, steps=tuple(schedule.steps[i] for i in order)), plan)
    search = Search(base.schedule, walks, work, planner)
    placer = _Placer(base, walks, planner)
    if goal.banks:
        ways = placer.candidates(search.ways())
        return Arranged(*distribute(ways, walks, planner.alignment, goal.banks, name))
    limit = goal.ram_limit
    share = SHARE[goal.optimize] * search.instructions
    chosen = _least(base, search.ways(), share, GAIN[goal.optimize], placer)
    if limit is None or chosen.plan.arena_bytes <= limit:
        return chosen
    smallest = chosen
    for found in placer.cheapest_first(search.ways(), limit):
        if found.plan.arena_bytes <= limit:
            return found
        smallest = min(smallest, found, key=lambda one: one.plan.arena_bytes)
    if not goal.required:
        return smallest
    least = smallest.plan.arena_bytes
    raise TinyireeError(
        f"{name or 'the model'}: expected an arena of at most {limit:,} bytes (the RAM limit), the "
        f"smallest that was found has {least:,}, {least - limit:,} too many; raise the "
        "limit or take a smaller model"
    )


class _Placer:
    """Places ways to run a schedule."""

    def __init__(self, base: Arranged, walks: Mapping[int, Walk], planner: PlanMemory) -> None:
        self._base, self._walks = base, walks
        self._exact = replace(planner, order=False)
        self._quick = replace(self._exact, effort=planner.effort / 10)

    def place(self, way: Way, quick: bool = False) -> Arranged:
        """The schedule of a way, and its placement."""
        if not way.cuts:
            return self._base
        schedule = apply_all(self._base.schedule, way.cuts)
        planner = self._quick if quick else self._exact
        _, plan = planner.arrange(graph(schedule, self._walks, planner.alignment))
        return Arranged(schedule, plan)

    def candidates(self, ways: Sequence[Way]) -> Iterator[tuple[Schedule, MemoryPlan]]:
        """Schedules and their placement in one memory, the cheapest way first."""
        for way in ways[::-1][:MAX_PLACED]:
            found = self.place(way, quick=True)
            yield found.schedule, found.plan

    def cheapest_first(self, ways: Sequence[Way], limit: int) -> Iterator[Arranged]:
        """Placements, from the cheapest way that may fit on, with the least one at the end."""
        hopeful = [way for way in ways if way.need <= limit * 5 // 4] or list(ways[:1])
        for way in hopeful[::-1][:MAX_PLACED]:
            yield self.place(way)


def _least(
    base: Arranged, ways: Sequence[Way], share: float, gain: float, placer: _Placer
) -> Arranged:
    """The smallest of the ways that cost at most `share`; of equal ones the cheapest."""
    affordable = [way for way in ways if way.cuts and way.price <= share][:TRIES]
    if not affordable:
        return base
    tried = [(placer.place(way, quick=True).plan.arena_bytes, way.price, way) for way in affordable]
    _, _, best = min(tried, key=lambda entry: entry[:2])
    found = placer.place(best)
    return found if found.plan.arena_bytes < base.plan.arena_bytes * (1 - gain) else base
