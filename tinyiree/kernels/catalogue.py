"""All kernels, the better ones first."""

from collections.abc import Iterator

from iree.compiler import ir

from tinyiree.kernels import armv6m, armv7em, armv7m, mve, portable, rv32i, rv32im
from tinyiree.kernels.kernel import Kernel
from tinyiree.kernels.types import other_types
from tinyiree.targets import Core

KERNELS: tuple[Kernel, ...] = (
    *mve.KERNELS,
    *armv7em.KERNELS,
    *armv7m.KERNELS,
    *armv6m.KERNELS,
    *rv32im.KERNELS,
    *rv32i.KERNELS,
    *portable.KERNELS,
)


def candidates(op: ir.Operation, core: Core) -> Iterator[tuple[Kernel, str | None]]:
    """The kernels for an op on a core, best first, each with why it cannot be used, or None."""
    for kernel in KERNELS:
        if op.name in kernel.ops and kernel.runs_on(core):
            yield kernel, other_types(op) or kernel.accepts(op)
