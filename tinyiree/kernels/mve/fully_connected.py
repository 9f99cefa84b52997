"""``qnn.fully_connected`` for MVE: row by row, or three rows at a time as a convolution.

A convolution whose window is the image is a single row.
"""

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import structs
from tinyiree.kernels.channels import Channels, output
from tinyiree.kernels.fully_connected import STRUCT
from tinyiree.kernels.kernel import Array, Field, Packed
from tinyiree.kernels.mve import packing

FEW = 4
"""Outputs that the kernel also takes at a time, at the end."""
MAX_ROWS = 2**16


def _weights(op: ir.Operation) -> npt.NDArray[np.int64]:
    weights = access.constant(op.operands[1]).astype(np.int64)
    return weights.reshape(len(weights), -1)


def _fields(op: ir.Operation) -> dict[str, Field]:
    outputs, inputs = _weights(op).shape
    return {
        "weights": "weights",
        "channels": "channels",
        "inputs": inputs,
        "outputs": outputs,
        "input_zero_point": access.integer(op, "input_zero_point"),
        "output": output(op),
    }


def problem(op: ir.Operation) -> str | None:
    """Why ``mve.fully_connected`` cannot compute the op."""
    if access.shape(op.operands[0])[0] >= MAX_ROWS:
        return f"more than {MAX_ROWS - 1} rows"
    zero_point = access.integer(op, "input_zero_point")
    too_large = structs.too_large(STRUCT, _fields(op))
    return too_large or packing.problem(Channels.of(op), _weights(op), zero_point)


def problem_for_pixel(op: ir.Operation) -> str | None:
    """Why a convolution is not computed as a row."""
    image, window = access.shape(op.operands[0]), access.shape(op.operands[1])
    if image[0] != 1 or image[1:] != window[1:] or any(access.ints(op, "padding")):
        return "a window that is not the image"
    return problem(op)


def problem_of_rows(op: ir.Operation) -> str | None:
    """Why it is not computed as a convolution."""
    rows = access.shape(op.operands[0])[0]
    if rows < 2:
        return "a single row"
    return problem(op)


def _channels(op: ir.Operation) -> npt.NDArray[np.uint8]:
    channels = Channels.of(op)
    bias = channels.bias - access.integer(op, "input_zero_point") * _weights(op).sum(1)
    return packing.pack_channels(channels, bias)


def pack(op: ir.Operation) -> Packed:
    """Weights for eight outputs at a time, 16 inputs a step, the first of which may be padded."""
    weights = _weights(op)
    missing = -weights.shape[1] % packing.LANES
    first = (packing.LANES - missing) % packing.LANES
    filled = np.pad(weights[:, :first], ((0, 0), (0, missing)))
    rows = packing.padded(np.concatenate([filled, weights[:, first:]], axis=1), 0, FEW)
    blocks = [rows[at : at + packing.BLOCK] for at in range(0, len(rows), packing.BLOCK)]
    steps = [
        block.reshape(len(block), -1, packing.LANES).transpose(1, 0, 2).ravel() for block in blocks
    ]
    arrays: dict[str, Array] = {
        "weights": np.concatenate(steps).astype(np.int8),
        "channels": _channels(op),
    }
    return Packed(STRUCT, _fields(op), arrays)


def pack_as_conv2d(op: ir.Operation) -> Packed:
    """``tinyiree_conv2d_t`` of a pointwise convolution over an image of width 1."""
    own = _fields(op)
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
    arrays: dict[str, Array] = {
        "weights": packing.pack_pairs(_weights(op)),
        "channels": _channels(op),
    }
    return Packed("tinyiree_conv2d_t", members, arrays)


def scratch_as_conv2d(op: ir.Operation) -> int:
    """Three columns."""
    inputs = access.shape(op.operands[1])[1]
    return 3 * -(-inputs // packing.LANES) * packing.LANES
