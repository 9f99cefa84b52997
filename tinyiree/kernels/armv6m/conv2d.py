"""``qnn.conv2d`` on cores without long multiplication."""

from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import structs
from tinyiree.kernels.armv6m import channels as rescaling
from tinyiree.kernels.armv6m import halves
from tinyiree.kernels.channels import Channels
from tinyiree.kernels.conv2d import STRUCT, fields, weights_of
from tinyiree.kernels.kernel import Array, Packed
from tinyiree.kernels.window import batch_problem

GROUP = 8
"""Output channels whose weights alternate."""
ROUND = 4
"""K is padded to a multiple of this."""


def columns(op: ir.Operation) -> halves.Int64:
    """The weights as int64 [O, K], padded with zeros."""
    weights = weights_of(op)
    return halves.padded(weights.reshape(len(weights), -1), ROUND)


def leaves_image(op: ir.Operation) -> bool:
    """True when there are windows that are not inside of the image altogether."""
    return any(access.ints(op, "padding"))


def dense_problem(op: ir.Operation) -> str | None:
    """Why ``armv6m.conv2d`` cannot compute the op."""
    if access.integer(op, "groups") != 1:
        return "more than one group"
    weights = columns(op)
    return (
        batch_problem(op)
        or structs.too_large(STRUCT, fields(op))
        or halves.problem(weights)
        or rescaling.weighted_problem(op, weights)
    )


def pack_dense(op: ir.Operation) -> Packed:
    """Weights of eight channels alternate; see ``armv6m/conv2d.c``."""
    weights, channels = columns(op), Channels.of(op)
    modes = halves.modes(weights)
    bias = rescaling.folded(channels, weights, access.integer(op, "input_zero_point"))
    arrays: dict[str, Array] = {
        "weights": halves.interleaved(weights, GROUP),
        "channels": rescaling.pack(channels, bias, modes),
    }
    return Packed(STRUCT, fields(op), arrays)


def dense_scratch(op: ir.Operation) -> int:
    """The columns of four pixels, and a pixel of zero points where windows leave the image."""
    depth, inputs = access.shape(op.operands[0])[3], int(columns(op).shape[1])
    return 8 * inputs + (depth if leaves_image(op) else 0)


DEPTHWISE_GROUP = 16
"""Channels whose weights alternate in the depthwise kernel."""


def depthwise_problem(op: ir.Operation) -> str | None:
    """Why ``armv6m.depthwise`` cannot compute the op."""
    outputs, _, _, depth = access.shape(op.operands[1])
    groups = access.integer(op, "groups")
    if depth != 1 or outputs != groups or access.shape(op.operands[0])[3] != groups:
        return "not one filter for each channel"
    return (
        batch_problem(op)
        or structs.too_large(STRUCT, fields(op))
        or rescaling.weighted_problem(op, weights_of(op).reshape(outputs, -1))
    )


def pack_depthwise(op: ir.Operation) -> Packed:
    """Weights of sixteen channels alternate; see ``armv6m/depthwise.c``."""
    weights, channels = weights_of(op), Channels.of(op)
    flat = weights.reshape(len(weights), -1)
    bias = rescaling.folded(channels, flat, access.integer(op, "input_zero_point"))
    arrays: dict[str, Array] = {
        "weights": halves.interleaved(flat, DEPTHWISE_GROUP),
        "channels": rescaling.pack(channels, bias),
    }
    return Packed(STRUCT, fields(op), arrays)


def depthwise_scratch(op: ir.Operation) -> int:
    """Pointers to the taps of four pixels, and a pixel of zero points for the border."""
    _, height, width, _ = access.shape(op.operands[1])
    zeros = access.shape(op.operands[0])[3] if leaves_image(op) else 0
    return 16 * height * width + zeros
