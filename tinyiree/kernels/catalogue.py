"""All kernels, the better ones first."""

from collections.abc import Iterator

from iree.compiler import ir

from tinyiree.kernels import armv7em, portable
from tinyiree.kernels.kernel import Kernel
from tinyiree.targets import Core

KERNELS: tuple[Kernel, ...] = (
    *armv7em.KERNELS,
    *portable.KERNELS,
)


def candidates(op: ir.Operation, core: Core) -> Iterator[tuple[Kernel, str | None]]:
    """The kernels for an op on a core, best first, each with why it cannot be used, or None."""
    for kernel in KERNELS:
        if op.name in kernel.ops and kernel.runs_on(core):
            yield kernel, kernel.accepts(op)
