"""The passes, in order, and how a pipeline is changed."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tinyiree.errors import TinyireeError
from tinyiree.passes.base import Pass
from tinyiree.passes.calibrate import Calibrate
from tinyiree.passes.fold_batch_norm import FoldBatchNorm
from tinyiree.passes.fold_padding import FoldPadding
from tinyiree.passes.fuse import Fuse
from tinyiree.passes.group_dispatches import GroupDispatches
from tinyiree.passes.hoist_clamp import HoistClamp
from tinyiree.passes.integerize import Integerize
from tinyiree.passes.plan_memory import PlanMemory
from tinyiree.passes.propagate_layout import PropagateLayout
from tinyiree.passes.quantize import Quantize
from tinyiree.passes.select_kernels import SelectKernels
from tinyiree.passes.verify_integer import VerifyInteger

DEFAULT: tuple[Pass, ...] = (
    PropagateLayout(),
    FoldBatchNorm(),
    FoldPadding(),
    HoistClamp(),
    Calibrate(),
    Quantize(),
    Integerize(),
    Fuse(),
    VerifyInteger(),
    SelectKernels(),
    GroupDispatches(),
)


@dataclass(frozen=True)
class Pipeline:
    """The passes on the normal form, and the planner that places what comes out of them.

    Immutable: every change gives a new pipeline.
    """

    passes: tuple[Pass, ...] = DEFAULT
    planner: PlanMemory = field(default_factory=PlanMemory)

    def __iter__(self) -> Iterator[Pass]:
        return iter(self.passes)

    def names(self) -> list[str]:
        """Names of the passes, in order."""
        return [step.name for step in self.passes]

    def insert_before(self, name: str, step: Pass) -> "Pipeline":
        """A pipeline with a pass right before the named one."""
        return self._splice(name, 0, 0, (step,))

    def insert_after(self, name: str, step: Pass) -> "Pipeline":
        """A pipeline with a pass right after the named one."""
        return self._splice(name, 1, 1, (step,))

    def replace(self, name: str, step: Pass) -> "Pipeline":
        """A pipeline with a pass in place of the named one."""
        return self._splice(name, 0, 1, (step,))

    def remove(self, name: str) -> "Pipeline":
        """A pipeline without the named pass."""
        return self._splice(name, 0, 1, ())

    def _splice(self, name: str, start: int, end: int, steps: tuple[Pass, ...]) -> "Pipeline":
        for step in steps:
            if not isinstance(step, Pass):
                raise TinyireeError(
                    f"{step!r} is not a pass: it needs a `name` and a `run(module, context)`"
                )
            if step.name in self.names() and step.name != name:
                raise TinyireeError(f"the pipeline has a pass '{step.name}' already")
        if name not in self.names():
            close = difflib.get_close_matches(name, self.names(), 1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise TinyireeError(
                f"no pass '{name}' in the pipeline{hint} (it has {', '.join(self.names())})"
            )
        at = self.names().index(name)
        return replace(self, passes=self.passes[: at + start] + steps + self.passes[at + end :])
