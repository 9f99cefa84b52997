"""``qnn.conv2d`` with one filter for each channel for MVE."""

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import structs
from tinyiree.kernels.channels import Channels
from tinyiree.kernels.conv2d import STRUCT, fields, weights_of
from tinyiree.kernels.kernel import Array, Packed
from tinyiree.kernels.mve import packing
from tinyiree.kernels.window import batch_problem

ROWS = 4
"""Of a window, in a word."""
WORDS = 4
"""Of a window, in a step: one for each column and four rows."""
MAX_STEPS = 8
PIXELS, WIDE_PIXELS = 8, 4
"""Output pixels at a time, in one step and in more."""
COLUMN = 64
"""Bytes of four rows and 16 channels."""


def _groups(op: ir.Operation) -> int:
    return -(-access.shape(op.operands[1])[1] // ROWS)


def _steps(op: ir.Operation) -> int:
    return -(-_groups(op) * access.shape(op.operands[1])[2] // WORDS)


def problem(op: ir.Operation) -> str | None:
    """Why ``mve.depthwise`` cannot compute the op."""
    return _problem(op, 1)


def wide_problem(op: ir.Operation) -> str | None:
    """Why ``mve.depthwise_wide`` cannot compute the op."""
    return _problem(op, MAX_STEPS)


def _problem(op: ir.Operation, steps: int) -> str | None:
    outputs, height, width, depth = access.shape(op.operands[1])
    groups = access.integer(op, "groups")
    if depth != 1 or outputs != groups or access.shape(op.operands[0])[3] != groups:
        return "not one filter for each channel"
    if _steps(op) > steps:
        return f"a window of {height}x{width}"
    weights = weights_of(op).reshape(outputs, -1)
    return (
        batch_problem(op)
        or structs.too_large(STRUCT, fields(op))
        or packing.problem(Channels.of(op), weights, access.integer(op, "input_zero_point"))
    )


def pack(op: ir.Operation) -> Packed:
    """For each channel 16 weights a step, in words of rows, bias, multiplier, right shift < 0."""
    weights, channels = weights_of(op)[..., 0], Channels.of(op)
    outputs, _, width = weights.shape
    zero_point = access.integer(op, "input_zero_point")
    bias = packing.wrapped(channels.bias - zero_point * weights.sum((1, 2)))
    constants = np.stack([bias, channels.multiplier, packing.shifts(channels)], axis=1)
    rows = packing.padded(weights, 1, ROWS).reshape(outputs, -1, ROWS, width)
    words = rows.transpose(0, 1, 3, 2).reshape(outputs, -1)
    taps = packing.padded(words, 1, ROWS * WORDS)
    together = [taps.astype(np.int8), constants.astype("<i4").view(np.int8)]
    arrays: dict[str, Array] = {
        "weights": np.concatenate(together, axis=1),
        "channels": np.array([packing.left_shift(channels)], np.int32),
    }
    return Packed(STRUCT, fields(op), arrays)


def scratch(op: ir.Operation) -> int:
    """16 zero points, addresses, rows, and the inputs of some pixels and 16 channels."""
    width = access.shape(op.operands[1])[2]
    stride, dilation = access.ints(op, "strides")[1], access.ints(op, "dilations")[1]
    out_width = access.shape(op.results[0])[2]
    groups, steps, reach = _groups(op), _steps(op), (width - 1) * dilation
    columns = min(PIXELS if steps == 1 else WIDE_PIXELS, -(-out_width // 2) * 2) + reach // stride
    return 16 + 16 * (steps + groups) + groups * min(stride, reach + 1) * columns * COLUMN
