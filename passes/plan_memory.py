"""Where each tensor lies in the arena."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Lifetime:
    """How long a buffer's bytes must stay: from step ``first`` to step ``last``, both included.

    Attributes:
        size: bytes, at least 0.
        first: the step that writes it; -1 for what the application writes before the first step.
        last: the last step that uses it; the number of steps for what the application reads
            after them.
    """

    size: int
    first: int
    last: int

    def conflicts(self, other: "Lifetime") -> bool:
        """True when the two may not share a byte: both are alive at some step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class MemoryPlan:
    """A placement.

    Attributes:
        offsets: bytes from the arena's start, one a buffer.
        arena_bytes: size of the arena.
        bound_bytes: no placement of these lifetimes needs less: the largest sum of sizes alive
            at one step.
        conflicts: pairs of buffers that are alive at the same time: the tensor conflict graph.
    """

    offsets: tuple[int, ...]
    arena_bytes: int
    bound_bytes: int
    conflicts: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class PlanMemory:
    """Places every tensor in one arena: greedy by size, with a proven lower bound.

        {x: 256 B, steps 0-1} {y: 512 B, 1-2} {z: 128 B, 2-3}
        ->  y at 0, x at 512, z at 512;  arena 768 B, bound 768 B

    Greedy by size is algorithm 4.2 ("greedy by size for offset calculation") of Pisarchyk and Lee,
    "Efficient Memory Management for Deep Neural Net Inference", 2020: from the largest buffer down,
    each goes to the lowest offset where it overlaps no buffer that lives at the same time.

    Attributes:
        alignment: bytes that every offset is a multiple of.
    """

    alignment: int = 8
    name: str = "plan-memory"
    method: str = "greedy by size"

    def plan(self, lifetimes: Sequence[Lifetime]) -> MemoryPlan:
        """Place the buffers; the result is the same for the same lifetimes."""
        sizes = [self._align(lifetime.size) for lifetime in lifetimes]
        count = len(lifetimes)
        conflicts = tuple(
            (a, b)
            for a in range(count)
            for b in range(a + 1, count)
            if lifetimes[a].conflicts(lifetimes[b])
        )
        neighbours: list[list[int]] = [[] for _ in range(count)]
        for a, b in conflicts:
            neighbours[a].append(b)
            neighbours[b].append(a)

        offsets: dict[int, int] = {}
        for buffer in sorted(range(count), key=lambda i: (-sizes[i], lifetimes[i].first, i)):
            offset = 0
            placed = sorted((offsets[n], sizes[n]) for n in neighbours[buffer] if n in offsets)
            for start, size in placed:
                if offset + sizes[buffer] <= start:
                    break
                offset = max(offset, start + size)
            offsets[buffer] = offset
        return MemoryPlan(
            offsets=tuple(offsets[i] for i in range(count)),
            arena_bytes=max((offsets[i] + sizes[i] for i in range(count)), default=0),
            bound_bytes=self._bound(lifetimes, sizes),
            conflicts=conflicts,
        )

    def _align(self, size: int) -> int:
        return -(-size // self.alignment) * self.alignment

    @staticmethod
    def _bound(lifetimes: Sequence[Lifetime], sizes: Sequence[int]) -> int:
        """The heaviest clique.

        Intervals that pairwise overlap share a step, so it is a sum at one step.
        """
        return max(
            (
                sum(
                    size
                    for other, size in zip(lifetimes, sizes, strict=True)
                    if other.first <= lifetime.first <= other.last
                )
                for lifetime in lifetimes
            ),
            default=0,
        )
