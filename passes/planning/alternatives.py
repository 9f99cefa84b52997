"""Steps that may also go another way through their tensors: which of them shall.

A kernel that walks its rows from the top down lets an output slide below its input only, so that a
chain of such layers moves down and down. Walked from the bottom up, one of them brings it back.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from tinyiree.passes.planning.conflicts import (
    Conflict,
    Problem,
    make_problem,
    separation,
    tick_units,
)
from tinyiree.passes.planning.occupancy import Int64, Occupancy, StepUses, occupancies


@dataclass(frozen=True, eq=False)
class Choices:
    """The steps of a program in their order, some of which have an alternative.

    Attributes:
        sizes, inputs, outputs: as of `occupancy.occupancies`.
        steps: in order of execution.
        alignment: bytes of a unit.
    """

    sizes: Sequence[int]
    steps: Sequence[StepUses]
    inputs: Collection[int]
    outputs: Collection[int]
    alignment: int

    def needed(self, chosen: Collection[int]) -> list[Occupancy]:
        """What the buffers need when the steps of these numbers go the other way."""
        return occupancies(self.sizes, self._steps(chosen), self.inputs, self.outputs)

    def problem(self, chosen: Collection[int]) -> Problem:
        """The placement problem when the steps of these numbers go the other way."""
        return make_problem(self.needed(chosen), self.alignment)

    def relaxed(self, candidates: Collection[int]) -> Problem:
        """Each pair may keep the distances of either way; the bound holds for all choices."""
        base = self.needed(())
        plain = make_problem(base, self.alignment)
        distances = {(c.a, c.b): (c.above, c.below) for c in plain.conflicts}
        units = tick_units(base, self.alignment)
        for step in candidates:
            other = self._changed(base, step)
            for a, b in combinations(sorted(other), 2):
                found = separation(other[a], other[b], self.alignment)
                if found is None:
                    distances.pop((a, b), None)
                elif (a, b) in distances:
                    old = distances[a, b]
                    distances[a, b] = (min(found[0], old[0]), min(found[1], old[1]))
            self._relax(units, base, other, step)
        largest = max((-(-size // self.alignment) for size in self.sizes), default=0)
        return replace(
            plain,
            conflicts=tuple(
                Conflict(a, b, above, below)
                for (a, b), (above, below) in sorted(distances.items())
                if above + below > 0
            ),
            bound=max(int(units.max(initial=0)), largest),
        )

    def used(self, offsets: Sequence[int], candidates: Collection[int]) -> list[int]:
        """The candidates that must go the other way for a placement of the relaxed problem."""
        base = self.needed(())
        found = []
        for step in candidates:
            for a, b in combinations(sorted(self.steps[step].touched), 2):
                apart = separation(base[a], base[b], self.alignment)
                distance = offsets[b] - offsets[a]
                if apart is not None and distance < apart[0] and -distance < apart[1]:
                    found.append(step)
                    break
        return found

    def _steps(self, chosen: Collection[int]) -> list[StepUses]:
        return [
            step.alternative if i in chosen and step.alternative is not None else step
            for i, step in enumerate(self.steps)
        ]

    def _changed(self, base: Sequence[Occupancy], step: int) -> dict[int, Occupancy]:
        touched = self.steps[step].touched
        steps = self._steps((step,))
        found = occupancies(self.sizes, steps, self.inputs, self.outputs, only=touched)
        return {buffer: found[buffer] for buffer in touched}

    def _relax(
        self,
        units: Int64,
        base: Sequence[Occupancy],
        other: dict[int, Occupancy],
        step: int,
    ) -> None:
        """Put the lesser of the two heaviest ticks of a step in place of its ticks."""
        start = 1 + sum(before.ticks for before in self.steps[:step])
        end = start + self.steps[step].ticks
        changed = [other.get(i, needed) for i, needed in enumerate(base)]
        heaviest = tick_units(changed, self.alignment)[start:end].max(initial=0)
        units[start:end] = np.minimum(units[start:end], heaviest)
