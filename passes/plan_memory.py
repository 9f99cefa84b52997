"""Where each tensor lies in the arena."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinyiree.errors import TinyireeError
from tinyiree.passes.planning import exact, greedy
from tinyiree.passes.planning.alternatives import Choices
from tinyiree.passes.planning.conflicts import Problem, make_problem
from tinyiree.passes.planning.occupancy import Occupancy
from tinyiree.passes.planning.order import MAX_STEPS, Graph, orders_below, search


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

    def occupancy(self) -> Occupancy:
        """All of the buffer all of that time, one tick a step."""
        return Occupancy.whole(self.size, self.first + 1, self.last + 1)


@dataclass(frozen=True)
class MemoryPlan:
    """A placement.

    Attributes:
        offsets: bytes from the arena's start, one a buffer.
        arena_bytes: size of the arena.
        bound_bytes: no placement for this order of steps needs less.
        conflicts: pairs of buffers that exclude some distances: the tensor conflict graph.
        method: how the offsets were found.
        seconds: how long that took.
        alternatives: numbers of the steps that go their alternative way, in the order to run.
        banks: where there are several memories, the index of each buffer's; its offset is that in
            the bank's arena. Else empty.
        bank_bytes: bytes of the arena in each bank; empty for a single memory.
    """

    offsets: tuple[int, ...]
    arena_bytes: int
    bound_bytes: int
    conflicts: tuple[tuple[int, int], ...]
    method: str = ""
    seconds: float = 0.0
    alternatives: tuple[int, ...] = ()
    banks: tuple[int, ...] = ()
    bank_bytes: tuple[int, ...] = ()

    @property
    def proven(self) -> bool:
        """True when no placement for this order of steps is smaller."""
        return self.arena_bytes == self.bound_bytes


@dataclass(frozen=True)
class PlanMemory:
    """Places every tensor in one arena, as small as it can be, with the proof.

        {x: 256 B, steps 0-1} {y: 512 B, 1-2} {z: 128 B, 2-3}
        ->  y at 0, x at 512, z at 512;  arena 768 B, bound 768 B

    A buffer is a `Lifetime`, or an `Occupancy` where parts of it come and go: then an output may
    lie over the part of its input that nobody reads any more. Greedy by size comes first; where it
    does not meet the lower bound, some changed orders of it, and then CP-SAT within a limit of
    work. See ``tinyiree.passes.planning``.

    Attributes:
        alignment: bytes that every offset is a multiple of.
        effort: limit of the exact search in CP-SAT's deterministic time, of which a unit takes
            a few seconds; 0 leaves it out.
        overlap: whether an output may lie over the part of an input that is not read any more.
        order: whether independent steps may change places.
    """

    alignment: int = 8
    effort: float = 1.0
    overlap: bool = True
    order: bool = True
    name: str = "plan-memory"

    def __post_init__(self) -> None:
        if self.alignment < 1 or self.effort < 0:
            raise TinyireeError(
                f"plan-memory: expected an alignment of at least 1 and an effort of at least 0, "
                f"found {self.alignment} and {self.effort}"
            )

    def plan(self, buffers: Sequence[Lifetime | Occupancy]) -> MemoryPlan:
        """Place the buffers; the result is the same for the same buffers."""
        start = time.perf_counter()
        problem = self.problem(buffers)
        solution, method = self._solve(problem)
        return MemoryPlan(
            offsets=tuple(offset * self.alignment for offset in solution.offsets),
            arena_bytes=solution.arena * self.alignment,
            bound_bytes=solution.bound * self.alignment,
            conflicts=tuple((conflict.a, conflict.b) for conflict in problem.conflicts),
            method=method,
            seconds=time.perf_counter() - start,
        )

    def arrange(self, program: Graph) -> tuple[tuple[int, ...], MemoryPlan]:
        """Order the steps of a program, and place its buffers.

        The order with the lowest peak is taken when it makes the arena smaller. Where its placement
        needs more than its peak, other orders of a low peak are placed too.

        Returns:
            The indices of the steps in the order to run them, and the placement. Buffers that
            keep their bytes always lie behind all others.
        """
        order = tuple(range(len(program.steps)))
        best = self._place(program, order)
        if not self.order or len(order) > MAX_STEPS:
            return order, best
        found = search(program)
        if found.order != order:
            better = self._place(program, found.order)
            if better.arena_bytes < best.arena_bytes:
                order, best = found.order, better
        if self._needed(program, best) > found.peak:
            quick = replace(self, effort=self.effort / 10)
            for other in orders_below(program, self._needed(program, best)):
                placed = quick._place(program, other)
                if placed.arena_bytes < best.arena_bytes:
                    order, best = other, placed
        return order, best

    def _needed(self, program: Graph, plan: MemoryPlan) -> int:
        """Units of an arena without what lies behind all others."""
        kept = sum(-(-program.sizes[i] // self.alignment) for i in program.always)
        return plan.arena_bytes // self.alignment - kept

    def _place(self, program: Graph, order: Sequence[int]) -> MemoryPlan:
        """A placement for an order. Buffers that keep their bytes always come last."""
        rest = [i for i in range(len(program.sizes)) if i not in program.always]
        choices = program.choices(order, rest)
        plan = self._improved(choices, self.plan(choices.needed(())))
        offsets = dict(zip(rest, plan.offsets, strict=True))
        end = plan.arena_bytes
        for i in sorted(program.always):
            offsets[i] = end
            end += -(-program.sizes[i] // self.alignment) * self.alignment
        return replace(
            plan,
            offsets=tuple(offsets[i] for i in range(len(program.sizes))),
            arena_bytes=end,
            bound_bytes=plan.bound_bytes + end - plan.arena_bytes,
            conflicts=tuple((rest[a], rest[b]) for a, b in plan.conflicts),
        )

    def _improved(self, choices: Choices, plan: MemoryPlan) -> MemoryPlan:
        """The plan with as few steps as needed on their alternative way, if that makes it smaller.

        Its bound holds for every choice.
        """
        start = time.perf_counter()
        candidates = [i for i, step in enumerate(choices.steps) if step.alternative is not None]
        if not candidates:
            return plan
        solution, method = self._solve(choices.relaxed(candidates))
        bound = solution.bound * self.alignment
        used = choices.used(solution.offsets, candidates)
        for step in list(used):
            fewer = [i for i in used if i != step]
            other, _ = self._solve(choices.relaxed(fewer))
            if other.arena <= solution.arena:
                solution, used = other, choices.used(other.offsets, fewer)
        problem = choices.problem(used)
        arena = solution.arena * self.alignment
        seconds = plan.seconds + time.perf_counter() - start
        if arena >= plan.arena_bytes or any(problem.violations(solution.offsets)):
            return replace(plan, bound_bytes=min(bound, plan.arena_bytes), seconds=seconds)
        return MemoryPlan(
            offsets=tuple(offset * self.alignment for offset in solution.offsets),
            arena_bytes=arena,
            bound_bytes=bound,
            conflicts=tuple((conflict.a, conflict.b) for conflict in problem.conflicts),
            method=method,
            seconds=seconds,
            alternatives=tuple(used),
        )

    def problem(self, buffers: Sequence[Lifetime | Occupancy]) -> Problem:
        """The conflicts of the buffers, in units of the alignment."""
        occupied = [b.occupancy() if isinstance(b, Lifetime) else b for b in buffers]
        return make_problem(occupied, self.alignment)

    def _solve(self, problem: Problem) -> tuple[exact.Solution, str]:
        offsets = greedy.place(problem)
        method = "greedy by size"
        if problem.arena(offsets) > problem.bound and self.effort:
            better = greedy.place_better(problem, greedy.TRIALS)
            if problem.arena(better) < problem.arena(offsets):
                offsets, method = better, "greedy, improved"
            if problem.arena(offsets) > problem.bound:
                return exact.solve(problem, offsets, self.effort), "CP-SAT"
        return exact.Solution(tuple(offsets), problem.arena(offsets), problem.bound), method
