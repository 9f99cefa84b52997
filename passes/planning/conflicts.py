"""How far apart two buffers have to lie, and how much memory any placement needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tinyiree.passes.planning.occupancy import Int64, Occupancy


@dataclass(frozen=True)
class Conflict:
    """Two buffers that are needed at the same time.

    One of two must hold, in bytes or in units of the alignment:

        offset(b) - offset(a) >= above        b lies above a
        offset(a) - offset(b) >= below        b lies below a
    """

    a: int
    b: int
    above: int
    below: int


@dataclass(frozen=True)
class Problem:
    """An offset for each buffer is wanted, so that the highest end is as low as it can be.

    All numbers count units of the alignment.

    Attributes:
        sizes: of the buffers.
        firsts: tick from which a buffer is needed; decides ties.
        conflicts: pairs that exclude some distances.
        bound: no placement needs less.
    """

    sizes: tuple[int, ...]
    firsts: tuple[int, ...]
    conflicts: tuple[Conflict, ...]
    bound: int

    def arena(self, offsets: Sequence[int]) -> int:
        """The highest end."""
        return max((o + size for o, size in zip(offsets, self.sizes, strict=True)), default=0)

    def violations(self, offsets: Sequence[int]) -> Iterator[Conflict]:
        """The conflicts that a placement does not keep."""
        for conflict in self.conflicts:
            distance = offsets[conflict.b] - offsets[conflict.a]
            if distance < conflict.above and -distance < conflict.below:
                yield conflict


def separation(a: Occupancy, b: Occupancy, alignment: int) -> tuple[int, int] | None:
    """`above` and `below` in units; None when no distance is forbidden."""
    first, end = max(a.first, b.first), min(a.end, b.end)
    if first >= end:
        return None
    a_low, a_high = (part[first - a.first : end - a.first] for part in (a.low, a.high))
    b_low, b_high = (part[first - b.first : end - b.first] for part in (b.low, b.high))
    both = (a_low < a_high) & (b_low < b_high)
    if not both.any():
        return None
    above = -(-int((a_high - b_low)[both].max()) // alignment)
    below = -(-int((b_high - a_low)[both].max()) // alignment)
    return None if above + below <= 0 else (above, below)


def make_problem(buffers: Sequence[Occupancy], alignment: int) -> Problem:
    """The placement problem of some buffers, for offsets that are multiples of `alignment`."""
    conflicts = []
    # Only neighbours in time are compared.
    order = sorted(range(len(buffers)), key=lambda i: buffers[i].first)
    open_: list[int] = []
    for new in order:
        open_ = [old for old in open_ if buffers[old].end > buffers[new].first]
        for old in open_:
            a, b = min(old, new), max(old, new)
            found = separation(buffers[a], buffers[b], alignment)
            if found is not None:
                conflicts.append(Conflict(a, b, *found))
        open_.append(new)
    return Problem(
        sizes=tuple(-(-buffer.size // alignment) for buffer in buffers),
        firsts=tuple(buffer.first for buffer in buffers),
        conflicts=tuple(sorted(conflicts, key=lambda c: (c.a, c.b))),
        bound=heaviest_tick(buffers, alignment),
    )


def tick_units(buffers: Sequence[Occupancy], alignment: int) -> Int64:
    """Units that any placement needs at each tick.

    At a tick the intervals of all buffers are disjoint in memory. Rounding addresses up to
    the alignment keeps them so, and turns ``[low, high)`` into whole units.
    """
    units = np.zeros(max((buffer.end for buffer in buffers), default=0), np.int64)
    for buffer in buffers:
        rounded = -(-buffer.high // alignment) - -(-buffer.low // alignment)
        units[buffer.first : buffer.end] += rounded
    return units


def heaviest_tick(buffers: Sequence[Occupancy], alignment: int) -> int:
    """A lower bound of the arena in units: the most that is needed at one tick."""
    largest = max((-(-buffer.size // alignment) for buffer in buffers), default=0)
    return max(int(tick_units(buffers, alignment).max(initial=0)), largest)
