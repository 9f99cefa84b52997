"""Convolutions and linear layers with long multiplication: see ``targets/kernels/armv7m``."""

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import conv2d, fully_connected, structs
from tinyiree.kernels.armv6m import channels as rescaling
from tinyiree.kernels.armv6m import halves
from tinyiree.kernels.armv6m.conv2d import columns
from tinyiree.kernels.armv6m.fully_connected import GROUP
from tinyiree.kernels.channels import BITS, Channels, Int64, sum_problem
from tinyiree.kernels.kernel import Array, Packed
from tinyiree.kernels.window import batch_problem

SCALE = {"single": 256, "double": 2}
"""What the kernels multiply a sum with before its high word is taken."""


def _problem(op: ir.Operation, weights: Int64) -> str | None:
    """Why the sums of an op with the operands (x, w, bias, ...) cannot be computed."""
    channels, zero_point = Channels.of(op), access.integer(op, "input_zero_point")
    if channels.rounding not in SCALE:
        return f"rounding {channels.rounding}"
    found = channels.problem(SCALE[channels.rounding])
    found = found or sum_problem(weights, channels.bias, zero_point)
    if found is None:
        bias = rescaling.folded(channels, weights, zero_point)
        if np.abs(bias).max() >= 2 ** (BITS - 1):
            return f"a bias of more than {BITS} bits"
    return found


def _channels(op: ir.Operation, weights: Int64, modes: Int64 | int = 0) -> npt.NDArray[np.int32]:
    """``tinyiree_channel_t[]`` with a number of the kernel's above the shift."""
    channels = Channels.of(op)
    bias = rescaling.folded(channels, weights, access.integer(op, "input_zero_point"))
    packed = channels.packed(bias, SCALE[channels.rounding], 1)
    packed[:, 0] |= np.asarray(modes << rescaling.MODE_BIT, np.int32)
    return packed


def dense_problem(op: ir.Operation) -> str | None:
    """Why ``armv7m.conv2d`` cannot compute the op."""
    if access.integer(op, "groups") != 1:
        return "more than one group"
    weights = columns(op)
    return (
        batch_problem(op)
        or structs.too_large(conv2d.STRUCT, conv2d.fields(op))
        or halves.problem(weights)
        or _problem(op, weights)
    )


def pack_dense(op: ir.Operation) -> Packed:
    """Weights [O, K], padded in K; how often sums are split for each channel."""
    weights = columns(op)
    arrays: dict[str, Array] = {
        "weights": weights.astype(np.int8),
        "channels": _channels(op, weights, halves.modes(weights)),
    }
    return Packed(conv2d.STRUCT, conv2d.fields(op), arrays)


def _filters(op: ir.Operation) -> Int64:
    weights = conv2d.weights_of(op)
    return weights.reshape(len(weights), -1)


def depthwise_problem(op: ir.Operation) -> str | None:
    """Why ``armv7m.depthwise`` cannot compute the op."""
    outputs, _, _, depth = access.shape(op.operands[1])
    groups = access.integer(op, "groups")
    if depth != 1 or outputs != groups or access.shape(op.operands[0])[3] != groups:
        return "not one filter for each channel"
    return (
        batch_problem(op)
        or structs.too_large(conv2d.STRUCT, conv2d.fields(op))
        or _problem(op, _filters(op))
    )


def pack_depthwise(op: ir.Operation) -> Packed:
    """Weights [C, taps]."""
    weights = _filters(op)
    arrays: dict[str, Array] = {
        "weights": weights.astype(np.int8),
        "channels": _channels(op, weights),
    }
    return Packed(conv2d.STRUCT, conv2d.fields(op), arrays)


def _linear(op: ir.Operation) -> Int64:
    return access.constant(op.operands[1]).astype(np.int64)


def fully_connected_problem(op: ir.Operation) -> str | None:
    """Why ``armv7m.fully_connected`` cannot compute the op."""
    if access.shape(op.operands[0])[0] >= 2**16:
        return "more than 65535 rows"
    fields = fully_connected.fields(op)
    return structs.too_large(fully_connected.STRUCT, fields) or _problem(op, _linear(op))


def pack_fully_connected(op: ir.Operation) -> Packed:
    """Weights of eight outputs alternate."""
    weights = _linear(op)
    arrays: dict[str, Array] = {
        "weights": halves.interleaved(weights, GROUP),
        "channels": _channels(op, weights),
    }
    return Packed(fully_connected.STRUCT, fully_connected.fields(op), arrays)
