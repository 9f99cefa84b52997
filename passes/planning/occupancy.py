"""Which bytes of a buffer are needed when."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

_NONE = np.int64(2**62)


@dataclass(frozen=True, eq=False)
class Use:
    """Accesses of one kind by one step to one buffer.

    Attributes:
        buffer: its index.
        writes: or reads.
        ticks: of the step, counted from 0, rising; int64 [n].
        low, high: at each of them the bytes ``[low, high)`` of the buffer; int64 [n]. They may
            reach out of the buffer: what lies outside is ignored.
    """

    buffer: int
    writes: bool
    ticks: Int64
    low: Int64
    high: Int64

    @staticmethod
    def at(buffer: int, writes: bool, tick: int, low: int, high: int) -> "Use":
        """A single access."""
        return Use(buffer, writes, *(np.array([number], np.int64) for number in (tick, low, high)))


@dataclass(frozen=True, eq=False)
class StepUses:
    """One step.

    Attributes:
        ticks: how many it takes, at least 1.
        uses: all its accesses.
        alternative: the same step another way: in as many ticks, with the same bytes.
    """

    ticks: int
    uses: tuple[Use, ...]
    alternative: "StepUses | None" = None

    def renumbered(self, numbers: Mapping[int, int]) -> "StepUses":
        """The step with new numbers for its buffers; accesses to others are left out."""
        return StepUses(
            self.ticks,
            tuple(
                replace(use, buffer=numbers[use.buffer])
                for use in self.uses
                if use.buffer in numbers
            ),
            self.alternative.renumbered(numbers) if self.alternative is not None else None,
        )

    @property
    def touched(self) -> frozenset[int]:
        """The buffers that the step reads or writes."""
        return frozenset(use.buffer for use in self.uses)


@dataclass(frozen=True, eq=False)
class Occupancy:
    """The bytes ``[low, high)`` that a buffer needs at each tick from `first` on.

    Attributes:
        size: bytes of the buffer.
        first: tick of the first entry.
        low, high: int64 [ticks]; equal where nothing is needed.
    """

    size: int
    first: int
    low: Int64
    high: Int64

    @property
    def end(self) -> int:
        """The tick after the last."""
        return self.first + len(self.low)

    @staticmethod
    def whole(size: int, first: int, last: int) -> "Occupancy":
        """All of the buffer from one tick to another, both included."""
        count = max(0, last - first + 1)
        return Occupancy(size, first, np.zeros(count, np.int64), np.full(count, size, np.int64))


def total_ticks(steps: Iterable[StepUses]) -> int:
    """Ticks of a program: those of its steps, one before and one after."""
    return sum(step.ticks for step in steps) + 2


def occupancies(
    sizes: Sequence[int],
    steps: Sequence[StepUses],
    inputs: Iterable[int],
    outputs: Iterable[int],
    always: Iterable[int] = (),
    only: Collection[int] | None = None,
) -> list[Occupancy]:
    """What each buffer needs over the whole program.

    A byte is needed from a write to the last read that follows; the interval at a tick covers all
    needed bytes: it is cut from below by what is still read, and from above by what was written.

    Args:
        sizes: bytes of each buffer.
        steps: in order of execution.
        inputs: buffers that are written whole before the first step.
        outputs: buffers that are read whole after the last one.
        always: buffers that keep all their bytes at all ticks, such as state.
        only: these buffers; the others come out empty.
    """
    end = total_ticks(steps) - 1
    found: list[list[tuple[bool, Int64, Int64, Int64]]] = [[] for _ in sizes]

    def add(tick: int, use: Use) -> None:
        if only is not None and use.buffer not in only:
            return
        low = np.clip(use.low, 0, sizes[use.buffer])
        high = np.clip(use.high, 0, sizes[use.buffer])
        found[use.buffer].append((use.writes, use.ticks + tick, low, high))

    for buffer in inputs:
        add(0, Use.at(buffer, True, 0, 0, sizes[buffer]))
    for buffer in outputs:
        add(end, Use.at(buffer, False, 0, 0, sizes[buffer]))
    start = 1
    for step in steps:
        for use in step.uses:
            add(start, use)
        start += step.ticks
    kept = frozenset(always)
    return [
        Occupancy.whole(size, 0, end) if buffer in kept else _occupancy(size, found[buffer])
        for buffer, size in enumerate(sizes)
    ]


def _occupancy(size: int, accesses: Sequence[tuple[bool, Int64, Int64, Int64]]) -> Occupancy:
    accesses = [
        (writes, ticks[low < high], low[low < high], high[low < high])
        for writes, ticks, low, high in accesses
    ]
    accesses = [access for access in accesses if len(access[1])]
    if not accesses:
        return Occupancy.whole(size, 0, -1)
    first = min(int(ticks.min()) for _, ticks, _, _ in accesses)
    count = max(int(ticks.max()) for _, ticks, _, _ in accesses) - first + 1
    # By kind: the lowest and highest byte of each tick.
    low = {kind: np.full(count, _NONE) for kind in (True, False)}
    high = {kind: np.full(count, -_NONE) for kind in (True, False)}
    for writes, ticks, begins, ends in accesses:
        np.minimum.at(low[writes], ticks - first, begins)
        np.maximum.at(high[writes], ticks - first, ends)
    touched_low = np.minimum(low[True], low[False])
    touched_high = np.maximum(high[True], high[False])
    lowest = np.maximum(
        np.minimum.accumulate(low[True]), np.minimum.accumulate(low[False][::-1])[::-1]
    )
    highest = np.minimum(
        np.maximum.accumulate(high[True]), np.maximum.accumulate(high[False][::-1])[::-1]
    )
    # What is written and never read, or read and never written, is needed at that tick.
    empty = lowest >= highest
    lowest = np.minimum(np.where(empty, _NONE, lowest), touched_low)
    highest = np.maximum(np.where(empty, -_NONE, highest), touched_high)
    empty = lowest >= highest
    return Occupancy(size, first, np.where(empty, 0, lowest), np.where(empty, 0, highest))
