"""``qnn.conv2d`` with one group for MVE."""

from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import structs
from tinyiree.kernels.channels import Channels
from tinyiree.kernels.conv2d import STRUCT, fields, weights_of
from tinyiree.kernels.kernel import Array, Packed
from tinyiree.kernels.mve import packing
from tinyiree.kernels.window import batch_problem

COLUMNS = 3
"""Output pixels at a time."""


def problem(op: ir.Operation) -> str | None:
    """Why ``mve.conv2d`` cannot compute the op."""
    if access.integer(op, "groups") != 1:
        return "more than one group"
    weights = weights_of(op)
    flat = weights.reshape(len(weights), -1)
    return (
        batch_problem(op)
        or structs.too_large(STRUCT, fields(op))
        or packing.problem(Channels.of(op), flat, access.integer(op, "input_zero_point"))
    )


def pack(op: ir.Operation) -> Packed:
    """Weights for two output channels at a time, 16 inputs a step: see ``mve/dot.h``."""
    weights, channels = weights_of(op), Channels.of(op)
    flat = weights.reshape(len(weights), -1)
    bias = channels.bias - access.integer(op, "input_zero_point") * flat.sum(1)
    arrays: dict[str, Array] = {
        "weights": packing.pack_pairs(flat),
        "channels": packing.pack_channels(channels, bias),
    }
    return Packed(STRUCT, fields(op), arrays)


def scratch(op: ir.Operation) -> int:
    """Three columns, and one before it is cut into steps."""
    _, height, width, depth = access.shape(op.operands[1])
    column = -(-height * width * depth // packing.LANES) * packing.LANES
    staging = height * width > 1 and depth % packing.LANES != 0
    return column * (COLUMNS + staging)
