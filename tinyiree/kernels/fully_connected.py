"""``qnn.fully_connected``: portable, and for Armv7E-M."""

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import conv2d, pairs, structs
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

STRUCT = "tinyiree_fully_connected_t"


def fields(op: ir.Operation) -> dict[str, Field]:
    """``tinyiree_fully_connected_t``."""
    outputs, inputs = access.shape(op.operands[1])
    return {
        "weights": "weights",
        "channels": "channels",
        "inputs": inputs,
        "outputs": outputs,
        "input_zero_point": access.integer(op, "input_zero_point"),
        "output": output(op),
    }


def portable_problem(op: ir.Operation) -> str | None:
    """Why the portable kernel cannot compute the op."""
    return structs.too_large(STRUCT, fields(op)) or wide_problem(Channels.of(op))


def pack_portable(op: ir.Operation) -> Packed:
    """Weights and channels as in the IR."""
    weights = access.constant(op.operands[1]).astype(np.int8)
    arrays: dict[str, Array] = {"weights": weights, "channels": Channels.of(op).wide()}
    return Packed(STRUCT, fields(op), arrays)


def _weights(op: ir.Operation) -> npt.NDArray[np.int64]:
    return access.constant(op.operands[1]).astype(np.int64)


def packed_problem(op: ir.Operation) -> str | None:
    """Why ``armv7em.fully_connected`` and ``armv7em.conv2d_for_rows`` cannot compute the op."""
    return _packed_problem(op, pairs.SCALE, BITS)


def wide_packed_problem(op: ir.Operation) -> str | None:
    """Why ``armv7em.fully_connected_wide`` cannot compute the op."""
    return _packed_problem(op, WIDE_SCALE, WIDE_BITS)


def _packed_problem(op: ir.Operation, scale: int, bits: int) -> str | None:
    weights, channels = _weights(op), Channels.of(op)
    if access.shape(op.operands[0])[0] >= 2**16:
        return "more than 65535 rows"
    return (
        structs.too_large(STRUCT, fields(op))
        or channels.problem(scale)
        or pairs.problem(weights)
        or sum_problem(weights, channels.bias, access.integer(op, "input_zero_point"), bits)
    )


WIDE_PART = 4 * 96
"""Inputs that ``armv7em.fully_connected_wide`` sums up at a time."""
BLOCK = 8
"""Outputs that ``armv7em.fully_connected`` takes at a time; what is left goes one by one."""


def _folded_bias(op: ir.Operation) -> npt.NDArray[np.int64]:
    zero_point = access.integer(op, "input_zero_point")
    result: npt.NDArray[np.int64] = Channels.of(op).bias - zero_point * _weights(op).sum(1)
    return result


def pack(op: ir.Operation) -> Packed:
    """Weights for eight outputs at a time, four inputs a step: see ``armv7em/pairs.h``."""
    channels = Channels.of(op)
    _, shifts = channels.shifts(pairs.SCALE)
    bias = _folded_bias(op) + pairs.offset(_weights(op), shifts)
    arrays: dict[str, Array] = {
        "weights": _blocks(op),
        "channels": channels.packed(bias, pairs.SCALE, 1),
    }
    return Packed(STRUCT, fields(op), arrays)


def pack_wide(op: ir.Operation) -> Packed:
    """As `pack`, with wide channels: every part of a sum has an offset of its own."""
    weights, inputs = _weights(op), access.shape(op.operands[1])[1]
    last = (inputs - 1) // pairs.STEP * pairs.STEP
    bias = _folded_bias(op)
    for start in (*range(0, last, WIDE_PART), last):
        end = min(start + WIDE_PART, last) if start < last else inputs
        bias += pairs.offset(weights[:, start:end], np.zeros_like(bias))
    arrays: dict[str, Array] = {
        "weights": _blocks(op),
        "channels": Channels.of(op).wide_packed(bias, 1),
    }
    return Packed(STRUCT, fields(op), arrays)


def _blocks(op: ir.Operation) -> npt.NDArray[np.int16]:
    weights = _weights(op)
    full = len(weights) // BLOCK * BLOCK
    parts = [pairs.pack(weights[:full], BLOCK), pairs.pack(weights[full:], 1)]
    return np.concatenate([part.ravel() for part in parts])


def pack_as_conv2d(op: ir.Operation) -> Packed:
    """``tinyiree_conv2d_t`` of a pointwise convolution over an image of width 1."""
    own = fields(op)
    rows, inputs = access.shape(op.operands[0])
    ones: dict[str, int | str] = dict.fromkeys(structs.STRUCTS["tinyiree_window_t"], 1)
    geometry = {**ones, "in_height": rows, "in_channels": inputs, "pad_top": 0, "pad_left": 0}
    members: dict[str, Field] = {
        "weights": "weights",
        "channels": "channels",
        "window": geometry,
        "output": own["output"],
        "out_channels": own["outputs"],
        "groups": 1,
        "input_zero_point": own["input_zero_point"],
    }
    weights = _weights(op)
    bias = _folded_bias(op) + pairs.column_offset(weights)
    arrays: dict[str, Array] = {
        "weights": pairs.pack(weights, 2, conv2d.COLUMN_STEP),
        "channels": Channels.of(op).packed(bias, pairs.SCALE, 2),
    }
    return Packed("tinyiree_conv2d_t", members, arrays)


def scratch_as_conv2d(op: ir.Operation) -> int:
    """As `conv2d.dense_scratch` of the convolution."""
    outputs, inputs = access.shape(op.operands[1])
    spare = 2 * (outputs + 1) if outputs % 2 else 0
    return 32 * -(-inputs // 8) + spare + (-(-inputs // 4) * 4 if inputs % 4 else 0)
