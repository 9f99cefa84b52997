"""``rv32im.avg_pool2d`` and ``rv32im.max_pool2d``."""

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels.channels import BITS
from tinyiree.kernels.kernel import Packed
from tinyiree.kernels.pool import average_fields, average_problem, positions_of
from tinyiree.kernels.rv32im.rescale import rescale

STRUCT = "tinyiree_mulh_avg_pool2d_t"


def problem(op: ir.Operation) -> str | None:
    """Why the kernel cannot compute the op."""
    found = average_problem(op)
    if found is not None:
        return found
    positions = positions_of(op)
    _, height, width, _ = access.shape(op.operands[0])
    if max(255 * height * width, int(np.abs(positions.bias).max())) >= 2 ** (BITS - 1):
        return f"sums of more than {BITS} bits"
    return rescale(op, positions).problem()


def pack(op: ir.Operation) -> Packed:
    """``tinyiree_mulh_avg_pool2d_t``."""
    positions = positions_of(op)
    end = rescale(op, positions)
    fields = {**average_fields(op, len(positions.bias)), "rescale": end.fields()}
    return Packed(STRUCT, fields, {"positions": end.packed(positions.bias)})
