"""Placement to proven optimality with CP-SAT."""

from collections.abc import Sequence
from dataclasses import dataclass

from tinyiree.passes.planning.conflicts import Problem

SEED = 1


@dataclass(frozen=True)
class Solution:
    """A placement and what was proven of it; all in units of the alignment.

    Attributes:
        offsets: of the buffers.
        arena: their highest end.
        bound: no placement needs less.
    """

    offsets: tuple[int, ...]
    arena: int
    bound: int


def solve(problem: Problem, start: Sequence[int], effort: float) -> Solution:
    """The best placement found, with the best bound.

    Each conflict is one Boolean: which of the two buffers lies above. The search is the same on
    every machine: one worker, a fixed seed, and a limit that counts the solver's work, not time.

    Args:
        problem: sizes and conflicts.
        start: a valid placement to begin with.
        effort: the limit, in CP-SAT's deterministic time; a unit is around a second.
    """
    arena = problem.arena(start)
    if arena <= problem.bound:
        return Solution(tuple(start), arena, problem.bound)
    # Slow to import (it brings pandas), and most models never get here.
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    offsets = [
        model.new_int_var(0, arena - size, f"offset{i}") for i, size in enumerate(problem.sizes)
    ]
    top = model.new_int_var(problem.bound, arena, "arena")
    for offset, size in zip(offsets, problem.sizes, strict=True):
        model.add(offset + size <= top)
    for offset, value in zip(offsets, start, strict=True):
        model.add_hint(offset, value)
    model.add_hint(top, arena)
    for conflict in problem.conflicts:
        a, b = offsets[conflict.a], offsets[conflict.b]
        b_above = model.new_bool_var(f"above{conflict.a}_{conflict.b}")
        model.add(b - a >= conflict.above).only_enforce_if(b_above)
        model.add(a - b >= conflict.below).only_enforce_if(~b_above)
        model.add_hint(b_above, start[conflict.b] - start[conflict.a] >= conflict.above)
    model.minimize(top)

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = SEED
    solver.parameters.max_deterministic_time = effort
    status = solver.solve(model)
    bound = max(problem.bound, round(solver.best_objective_bound))
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Solution(tuple(start), arena, min(bound, arena))
    found = tuple(solver.value(offset) for offset in offsets)
    return Solution(found, problem.arena(found), min(bound, problem.arena(found)))
