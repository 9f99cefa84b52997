"""The order of independent steps that needs the least memory at its heaviest tick.

A step is one bit of a mask; a state is the set of steps that have run. What a step needs while it
runs depends on that set alone, not on the order within it, so that a search over sets finds the
least peak of all orders.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tinyiree.passes.planning.alternatives import Choices
from tinyiree.passes.planning.conflicts import tick_units
from tinyiree.passes.planning.occupancy import StepUses, Use, occupancies

MAX_STEPS = 400
"""Programs with more keep their order."""
MAX_STATES = 20_000
"""Sets of steps that the exact search looks at; beyond it a beam search takes over."""
MAX_WORK = 200_000
"""Buffers that a search looks at, over all sets: about a second, and the same on every machine."""
BEAM = 32
"""States that the beam search keeps for each number of steps done, when there is work left."""
MAX_ORDERS = 16
"""Orders that are placed when the least peak alone does not decide."""


@dataclass(frozen=True)
class Found:
    """Result of a search.

    Attributes:
        order: indices of the steps.
        peak: most units needed at one tick of it.
        exact: True when no order has a lower peak.
    """

    order: tuple[int, ...]
    peak: int
    exact: bool


@dataclass(frozen=True, eq=False)
class Graph:
    """Steps, and what they need.

    Attributes:
        sizes: bytes of each buffer.
        steps: in an order that is right.
        inputs, outputs, always: as of `occupancy.occupancies`.
        alignment: bytes of a unit.
    """

    sizes: Sequence[int]
    steps: Sequence[StepUses]
    inputs: frozenset[int]
    outputs: frozenset[int]
    always: frozenset[int] = frozenset()
    alignment: int = 8
    _peaks: dict[tuple[object, ...], int] = field(default_factory=dict)
    _work: list[int] = field(default_factory=lambda: [0])

    @property
    def work(self) -> int:
        """Buffers that were looked at so far."""
        return self._work[0]

    @cached_property
    def before(self) -> list[int]:
        """For each step the mask of those that must run before it: they share bytes, one writes."""
        found = []
        for number, step in enumerate(self.steps):
            earlier, mask = (1 << number) - 1, 0
            for (buffer, writes), (low, high) in _hulls(step).items():
                for also_writes in (True, False) if writes else (True,):
                    for other, also_low, also_high in self._touching[buffer][also_writes]:
                        if other & earlier and low < also_high and also_low < high:
                            mask |= other
            found.append(mask)
        return found

    @cached_property
    def _touching(self) -> list[dict[bool, list[tuple[int, int, int]]]]:
        """For each buffer and kind of access: (mask of the step, low, high)."""
        found: list[dict[bool, list[tuple[int, int, int]]]] = [
            {True: [], False: []} for _ in self.sizes
        ]
        for number, step in enumerate(self.steps):
            for (buffer, writes), (low, high) in _hulls(step).items():
                found[buffer][writes].append((1 << number, low, high))
        return found

    def ready(self, done: int) -> Iterator[int]:
        """Steps that may run next."""
        for step, before in enumerate(self.before):
            if not done >> step & 1 and before & ~done == 0:
                yield step

    def peak(self, done: int, step: int) -> int:
        """Units needed at the heaviest tick of a step that runs after the steps in `done`."""
        rest, touched = 0, []
        uses = self.steps[step].touched
        self._work[0] += len(self._candidates)
        for buffer in self._candidates:
            written, read = self._written(buffer, done), self._read(buffer, done | 1 << step)
            if buffer in uses:
                touched.append((buffer, written, read))
            else:
                low, high = max(written[0], read[0]), min(written[1], read[1])
                rest += max(0, self._units(high) - self._units(low))
        key = (step, *touched)
        if key not in self._peaks:
            self._peaks[key] = self._heaviest(step, touched)
        return rest + self._peaks[key]

    @cached_property
    def _candidates(self) -> list[int]:
        return [i for i, size in enumerate(self.sizes) if size and i not in self.always]

    def _units(self, size: int) -> int:
        return -(-size // self.alignment)

    def _written(self, buffer: int, done: int) -> tuple[int, int]:
        if buffer in self.inputs:
            return 0, self.sizes[buffer]
        return _hull(self._touching[buffer][True], done)

    def _read(self, buffer: int, done: int) -> tuple[int, int]:
        if buffer in self.outputs:
            return 0, self.sizes[buffer]
        return _hull(self._touching[buffer][False], ~done)

    def _heaviest(
        self, step: int, touched: list[tuple[int, tuple[int, int], tuple[int, int]]]
    ) -> int:
        """Of the buffers that a step touches, with what was written before and is read later."""
        numbers = {buffer: i for i, (buffer, _, _) in enumerate(touched)}
        own = self.steps[step].renumbered(numbers)
        first = [Use.at(numbers[b], True, 0, *written) for b, written, _ in touched]
        last = [Use.at(numbers[b], False, 0, *read) for b, _, read in touched]
        program = (StepUses(1, tuple(first)), own, StepUses(1, tuple(last)))
        needed = occupancies([self.sizes[b] for b, _, _ in touched], program, (), ())
        units = tick_units(needed, self.alignment)
        return int(units[2 : 2 + own.ticks].max(initial=0))

    def choices(self, order: Iterable[int], buffers: Sequence[int]) -> Choices:
        """The program in an order, with these buffers alone, under new numbers."""
        number = {buffer: i for i, buffer in enumerate(buffers)}
        return Choices(
            sizes=[self.sizes[buffer] for buffer in buffers],
            steps=[self.steps[i].renumbered(number) for i in order],
            inputs=[number[buffer] for buffer in self.inputs if buffer in number],
            outputs=[number[buffer] for buffer in self.outputs if buffer in number],
            alignment=self.alignment,
        )

    def peak_of(self, order: Iterable[int]) -> int:
        """Units needed at the heaviest tick of an order."""
        done, most = 0, 0
        for step in order:
            most = max(most, self.peak(done, step))
            done |= 1 << step
        return most


def search(graph: Graph) -> Found:
    """The order with the lowest peak; the given one when none is lower."""
    given = tuple(range(len(graph.steps)))
    peak = graph.peak_of(given)
    if not any(len(list(graph.ready((1 << i) - 1))) > 1 for i in given):
        return Found(given, peak, exact=True)
    found = _best_first(graph) or _beam(graph)
    return found if found.peak < peak else Found(given, peak, found.exact)


def _best_first(graph: Graph) -> Found | None:
    """Dijkstra's algorithm with the highest peak on the way for a distance; None past the limit."""
    everything = (1 << len(graph.steps)) - 1
    heap: list[tuple[int, int, int, tuple[int, ...]]] = [(0, 0, 0, ())]
    seen: set[int] = set()
    limit = graph.work + MAX_WORK
    while heap:
        peak, _, done, order = heapq.heappop(heap)
        if done == everything:
            return Found(order, peak, exact=True)
        if done in seen:
            continue
        seen.add(done)
        if len(seen) > MAX_STATES or graph.work > limit:
            return None
        for step in graph.ready(done):
            after = done | 1 << step
            if after not in seen:
                most = max(peak, graph.peak(done, step))
                # Of equal peaks the longest first.
                heapq.heappush(heap, (most, -len(order) - 1, after, (*order, step)))
    return None


def _beam(graph: Graph) -> Found:
    """Level by level, the states with the lowest peaks and then the least left in memory."""
    level: dict[int, tuple[int, int, tuple[int, ...]]] = {0: (0, 0, ())}
    limit = graph.work + MAX_WORK
    for _ in graph.steps:
        width = BEAM if graph.work < limit else 1
        following: dict[int, tuple[int, int, tuple[int, ...]]] = {}
        for done, (peak, _, order) in level.items():
            for step in graph.ready(done):
                after, needed = done | 1 << step, graph.peak(done, step)
                entry = (max(peak, needed), needed, (*order, step))
                if after not in following or entry < following[after]:
                    following[after] = entry
        level = dict(sorted(following.items(), key=lambda item: item[1])[:width])
    ((peak, _, order),) = level.values()
    return Found(order, peak, exact=False)


def orders_below(graph: Graph, limit: int) -> Iterator[tuple[int, ...]]:
    """All orders whose peak is below a limit, at most MAX_ORDERS."""
    everything, count = (1 << len(graph.steps)) - 1, 0
    stack: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    enough = graph.work + MAX_WORK
    while stack and count < MAX_ORDERS and graph.work < enough:
        done, order = stack.pop()
        if done == everything:
            count += 1
            yield order
            continue
        ready = [step for step in graph.ready(done) if graph.peak(done, step) < limit]
        stack += [(done | 1 << step, (*order, step)) for step in reversed(ready)]


def _hulls(step: StepUses) -> dict[tuple[int, bool], tuple[int, int]]:
    """The bytes that a step touches by buffer and kind of access."""
    found: dict[tuple[int, bool], tuple[int, int]] = {}
    for use in step.uses:
        real = use.low < use.high
        if not real.any():
            continue
        low, high = int(use.low[real].min()), int(use.high[real].max())
        old = found.get((use.buffer, use.writes), (low, high))
        found[use.buffer, use.writes] = (min(low, old[0]), max(high, old[1]))
    return found


def _hull(accesses: Iterable[tuple[int, int, int]], mask: int) -> tuple[int, int]:
    low, high = 2**62, 0
    for step, begin, end in accesses:
        if step & mask:
            low, high = min(low, begin), max(high, end)
    return (low, high) if low < high else (0, 0)
