"""``qnn.conv2d``: portable, and for Armv7E-M dense and depthwise."""

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import pairs, structs
from tinyiree.kernels.channels import (
    BITS,
    WIDE_BITS,
    WIDE_SCALE,
    Channels,
    output,
    sum_problem,
    wide_problem,
)
from tinyiree.kernels.kernel import Array, Field, Packed
from tinyiree.kernels.window import batch_problem, window

STRUCT = "tinyiree_conv2d_t"
DEPTHWISE_SCALE = {"single": 256, "double": 2}
COLUMN_STEP = 8
"""Inputs that the dense kernel takes at a time."""
MIN_TAPS = 3
BLOCK = 4
"""Channels that the depthwise kernel takes at a time."""


def weights_of(op: ir.Operation) -> npt.NDArray[np.int64]:
    """The weights, int64 [O, KH, KW, C/G]."""
    return access.constant(op.operands[1]).astype(np.int64)


def fields(op: ir.Operation) -> dict[str, Field]:
    """``tinyiree_conv2d_t``."""
    outputs, height, width, _ = weights_of(op).shape
    geometry = window(op, (height, width), access.ints(op, "strides"), access.ints(op, "padding"))
    return {
        "weights": "weights",
        "channels": "channels",
        "window": geometry,
        "output": output(op),
        "out_channels": outputs,
        "groups": access.integer(op, "groups"),
        "input_zero_point": access.integer(op, "input_zero_point"),
    }


def _common_problem(op: ir.Operation) -> str | None:
    return batch_problem(op) or structs.too_large(STRUCT, fields(op))


def portable_problem(op: ir.Operation) -> str | None:
    """Why the portable kernel cannot compute the op."""
    return _common_problem(op) or wide_problem(Channels.of(op))


def pack_portable(op: ir.Operation) -> Packed:
    """Weights and channels as in the IR."""
    arrays: dict[str, Array] = {
        "weights": weights_of(op).astype(np.int8),
        "channels": Channels.of(op).wide(),
    }
    return Packed(STRUCT, fields(op), arrays)


def rows_of_windows(op: ir.Operation) -> npt.NDArray[np.int64]:
    """The weights as int64 [O, KH * width], each row of a window padded to a multiple of four."""
    weights = weights_of(op)
    outputs, height, width, depth = weights.shape
    rows = weights.reshape(outputs, height, width * depth)
    return np.pad(rows, ((0, 0), (0, 0), (0, -width * depth % 4))).reshape(outputs, -1)


def dense_problem(op: ir.Operation) -> str | None:
    """Why ``armv7em.conv2d`` cannot compute the op."""
    return _dense_problem(op, pairs.SCALE, BITS)


def wide_dense_problem(op: ir.Operation) -> str | None:
    """Why ``armv7em.conv2d_wide`` cannot compute the op."""
    return _dense_problem(op, WIDE_SCALE, WIDE_BITS)


def _dense_problem(op: ir.Operation, scale: int, bits: int) -> str | None:
    if access.integer(op, "groups") != 1:
        return "more than one group"
    weights, channels = rows_of_windows(op), Channels.of(op)
    return (
        _common_problem(op)
        or channels.problem(scale)
        or pairs.problem(weights)
        or sum_problem(weights, channels.bias, access.integer(op, "input_zero_point"), bits)
    )


def pack_dense(op: ir.Operation) -> Packed:
    """Weights for two output channels at a time, 8 inputs a step: see ``armv7em/columns.h``."""
    channels = Channels.of(op).packed(_column_bias(op), pairs.SCALE, 2)
    return Packed(STRUCT, fields(op), {"weights": _columns(op), "channels": channels})


def pack_dense_wide(op: ir.Operation) -> Packed:
    """As `pack_dense`, with wide channels."""
    channels = Channels.of(op).wide_packed(_column_bias(op), 2)
    return Packed(STRUCT, fields(op), {"weights": _columns(op), "channels": channels})


def _columns(op: ir.Operation) -> npt.NDArray[np.int16]:
    return pairs.pack(rows_of_windows(op), 2, COLUMN_STEP)


def _column_bias(op: ir.Operation) -> npt.NDArray[np.int64]:
    weights, zero_point = rows_of_windows(op), access.integer(op, "input_zero_point")
    folded: npt.NDArray[np.int64] = (
        Channels.of(op).bias - zero_point * weights.sum(1) + pairs.column_offset(weights)
    )
    return folded


def dense_scratch(op: ir.Operation) -> int:
    """Two columns of 16-bit inputs; see `run` in ``armv7em/conv2d.c`` for the rest."""
    outputs, height, width, depth = access.shape(op.operands[1])
    row = -(-width * depth // 4) * 4
    steps = -(-height * row // 8)
    spare = 2 * (outputs + 1) if outputs % 2 else 0
    # Windows that are inside in whole words need no staging.
    plain = row == width * depth and access.ints(op, "dilations")[1] == 1
    staging = 0 if plain and not any(access.ints(op, "padding")) else row
    return 32 * steps + spare + staging


def depthwise_problem(op: ir.Operation) -> str | None:
    """Why ``armv7em.depthwise`` cannot compute the op."""
    outputs, _, _, depth = access.shape(op.operands[1])
    groups = access.integer(op, "groups")
    if depth != 1 or outputs != groups or access.shape(op.operands[0])[3] != groups:
        return "not one filter for each channel"
    if outputs < BLOCK:
        return f"less than {BLOCK} channels"
    weights, channels = weights_of(op).reshape(outputs, -1), Channels.of(op)
    zero_point = access.integer(op, "input_zero_point")
    problem = (
        _common_problem(op)
        or channels.problem(DEPTHWISE_SCALE[channels.rounding])
        or sum_problem(weights, channels.bias, zero_point)
    )
    folded = channels.bias - zero_point * weights.sum(1)
    if problem is None and np.abs(folded).max() >= 2 ** (BITS - 1):
        problem = f"a bias of more than {BITS} bits"
    return problem


def taps(op: ir.Operation) -> int:
    """Taps of the window, padded to an odd number."""
    _, height, width, _ = access.shape(op.operands[1])
    return max(MIN_TAPS, height * width | 1)


def pack_depthwise(op: ir.Operation) -> Packed:
    """Two taps and four channels at a time: see ``armv7em/depthwise.c``.

    Channels beyond a multiple of four make a block together with some before them.
    """
    outputs, count = access.shape(op.operands[1])[0], taps(op)
    flat, channels = weights_of(op).reshape(outputs, -1), Channels.of(op)
    scale = DEPTHWISE_SCALE[channels.rounding]
    bias = channels.bias - access.integer(op, "input_zero_point") * flat.sum(1)
    order = np.arange(outputs)
    if outputs % BLOCK:
        order = np.concatenate([order[: outputs // BLOCK * BLOCK], order[-BLOCK:]])
    padded = np.zeros((len(order), count), np.int16)
    padded[:, : flat.shape[1]] = flat[order] * scale
    blocks = padded.reshape(-1, BLOCK, count)
    coupled = blocks[:, :, :-1].reshape(len(blocks), BLOCK, -1, 2).transpose(0, 2, 1, 3)
    last = blocks[:, [0, 2, 1, 3], -1]
    words = np.concatenate([coupled.reshape(len(blocks), -1), last], axis=1)
    arrays: dict[str, Array] = {
        "weights": words.astype(np.int16),
        "channels": channels.packed(bias, scale, 1)[order],
    }
    return Packed(STRUCT, fields(op), arrays)


def depthwise_scratch(op: ir.Operation) -> int:
    """A table of pointers, and a row of zero points."""
    return 4 * taps(op) + access.shape(op.operands[0])[3]


def no_scratch(op: ir.Operation) -> int:
    """Kernels without scratch."""
    del op
    return 0
