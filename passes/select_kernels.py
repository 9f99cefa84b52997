"""Which ops hand-made kernels compute."""

from dataclasses import dataclass

from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels.catalogue import candidates
from tinyiree.passes.base import PassContext

KERNEL_ATTRIBUTE = "tiny.kernel"


@dataclass(frozen=True)
class SelectKernels:
    """Choose what computes each op: a kernel of the core's ISA where one accepts it, or IREE.

        qnn.conv2d  ->  qnn.conv2d {tiny.kernel = "armv7em.conv2d"}

    Portable kernels are references: IREE's own code is better than they are.

    Attributes:
        without: names of kernels that are not to be used.
    """

    without: frozenset[str] = frozenset()
    name: str = "select-kernels"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Set the attribute on the ops that a kernel computes."""
        with module.context:
            for op in access.operations(module):
                for kernel, problem in candidates(op, context.core):
                    usable = kernel.isa != "portable" and kernel.name not in self.without
                    if usable and problem is None:
                        op.attributes[KERNEL_ATTRIBUTE] = ir.StringAttr.get(kernel.name)
                        break
