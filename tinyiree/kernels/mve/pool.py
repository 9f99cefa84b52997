"""``qnn.avg_pool2d`` and ``qnn.mean`` over the height and width for MVE."""

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import pool
from tinyiree.kernels.channels import Channels
from tinyiree.kernels.kernel import Packed
from tinyiree.kernels.mve import packing


def average_problem(op: ir.Operation) -> str | None:
    """Why ``mve.avg_pool2d`` cannot compute the op."""
    refused = pool.average_problem(op)
    if refused is not None:
        return refused
    _, height, width, _ = access.shape(op.operands[0])
    return packing.range_problem(pool.positions_of(op), 255 * height * width)


def pack_average(op: ir.Operation) -> Packed:
    """``tinyiree_avg_pool2d_t``: the left shift, and then three words for each position."""
    positions: Channels = pool.positions_of(op)
    words = [packing.wrapped(positions.bias), positions.multiplier, packing.shifts(positions)]
    table = np.stack(words, axis=1).ravel()
    packed = np.concatenate([[packing.left_shift(positions)], table]).astype(np.int32)
    fields = pool.average_fields(op, len(positions.bias))
    return Packed(pool.AVERAGE, fields, {"positions": packed})
