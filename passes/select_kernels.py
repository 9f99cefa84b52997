"""Which ops hand-made kernels compute."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels.catalogue import candidates
from tinyiree.kernels.signature import signature
from tinyiree.kernels.tuned import IREE, Tuned, shipped
from tinyiree.passes.base import PassContext
from tinyiree.targets import Core

KERNEL_ATTRIBUTE = "tiny.kernel"
WHY_ATTRIBUTE = "tiny.why"


@dataclass(frozen=True)
class Selection:
    """What computes an op: a kernel's name, or ``iree``; and why, for the report."""

    kernel: str
    why: str


@dataclass(frozen=True)
class SelectKernels:
    """Choose what computes each op: a kernel of the core's ISA where one accepts it, or IREE.

        qnn.conv2d  ->  qnn.conv2d {tiny.kernel = "armv7em.conv2d"}

    Kernels are tried in the order of the catalogue, best first, unless something else was measured
    to be better for the layer. Portable kernels are references: IREE's own code is better than
    they are.

    Attributes:
        without: names of kernels that are not to be used.
        tuned: what was measured; None: the table of the package.
        forced: by layer name, what is to compute it (a kernel's name, or ``iree``) if it can.
    """

    without: frozenset[str] = frozenset()
    tuned: Tuned | None = None
    forced: Mapping[str, str] = field(default_factory=dict)
    name: str = "select-kernels"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Set the attributes on the ops that a kernel computes or might have computed."""
        with module.context:
            for op in access.operations(module):
                chosen = self.select(op, context.core)
                if chosen is None:
                    continue
                op.attributes[WHY_ATTRIBUTE] = ir.StringAttr.get(chosen.why)
                if chosen.kernel != IREE:
                    op.attributes[KERNEL_ATTRIBUTE] = ir.StringAttr.get(chosen.kernel)

    def usable(self, op: ir.Operation, core: Core) -> tuple[list[str], list[str]]:
        """Names of the kernels that can compute an op, best first; and why others cannot."""
        able, refused = [], []
        for kernel, problem in candidates(op, core):
            if kernel.isa == "portable" or kernel.name in self.without:
                continue
            if problem is None:
                able.append(kernel.name)
            else:
                refused.append(f"{kernel.name}: {problem}")
        return able, refused

    def select(self, op: ir.Operation, core: Core) -> Selection | None:
        """What computes an op; None when there is no kernel for such ops on the core."""
        able, refused = self.usable(op, core)
        if not able and not refused:
            return None
        not_able = f" (not {'; '.join(refused)})" if refused else ""
        forced = self.forced.get(access.layer_name(op))
        if forced in (IREE, *able):
            return Selection(forced, "as asked for")
        choice = (self.tuned or shipped()).find(core.name, signature(op))
        if choice is not None and choice.kernel in (IREE, *able):
            return Selection(choice.kernel, choice.why)
        if not able:
            return Selection(IREE, "; ".join(refused))
        return Selection(able[0], f"the first of {len(able)} kernels that can{not_able}")
