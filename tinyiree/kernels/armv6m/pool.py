"""``qnn.avg_pool2d`` and ``qnn.mean`` on cores without long multiplication."""

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels.armv6m import channels as rescaling
from tinyiree.kernels.channels import BITS
from tinyiree.kernels.kernel import Packed
from tinyiree.kernels.pool import AVERAGE, average_fields, average_problem, positions_of


def problem(op: ir.Operation) -> str | None:
    """Why ``armv6m.avg_pool2d`` cannot compute the op."""
    found = average_problem(op)
    if found is not None:
        return found
    table = positions_of(op)
    _, height, width, _ = access.shape(op.operands[0])
    if max(255 * height * width, int(np.abs(table.bias).max())) >= 2 ** (BITS - 1):
        return f"sums of more than {BITS} bits"
    return rescaling.problem(table)


def pack(op: ir.Operation) -> Packed:
    """``tinyiree_avg_pool2d_t``."""
    table = positions_of(op)
    arrays = {"positions": rescaling.pack(table, table.bias)}
    return Packed(AVERAGE, average_fields(op, len(table.bias)), arrays)
