"""``qnn.fully_connected`` on cores without long multiplication."""

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import structs
from tinyiree.kernels.armv6m import channels as rescaling
from tinyiree.kernels.armv6m import halves
from tinyiree.kernels.channels import Channels
from tinyiree.kernels.fully_connected import STRUCT, fields
from tinyiree.kernels.kernel import Array, Packed

GROUP = 8
"""Outputs whose weights alternate."""
WORD = 4
OFFSET = 128
"""Added to weights so that they are loaded without sign."""


def problem(op: ir.Operation) -> str | None:
    """Why ``armv6m.fully_connected`` cannot compute the op."""
    rows, inputs = access.shape(op.operands[0])
    if rows >= 2**16:
        return "more than 65535 rows"
    if rows > 1 and inputs % WORD != 0:
        return f"rows of {inputs} bytes, which do not start at words"
    weights = access.constant(op.operands[1]).astype(np.int64)
    return structs.too_large(STRUCT, fields(op)) or rescaling.weighted_problem(op, weights)


def pack(op: ir.Operation) -> Packed:
    """Weights of eight outputs alternate; see ``armv6m/fully_connected.c``."""
    weights, channels = access.constant(op.operands[1]).astype(np.int64), Channels.of(op)
    # One rescaling for all outputs is loaded once for eight of them.
    uniform = len(np.unique(np.stack([channels.multiplier, channels.shift]), axis=1).T) == 1
    bias = rescaling.folded(channels, weights, access.integer(op, "input_zero_point"))
    arrays: dict[str, Array] = {
        "weights": halves.interleaved(weights, GROUP).view(np.uint8) ^ np.uint8(OFFSET),
        "channels": rescaling.pack(channels, bias, int(uniform)),
    }
    return Packed(STRUCT, fields(op), arrays)
