"""``qnn.fully_connected``: portable, and for Armv7E-M."""

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import pairs, structs
from tinyiree.kernels.channels import Channels, output, sum_problem, wide_problem
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
    """Why the kernels for Armv7E-M cannot compute the op."""
    weights, channels = _weights(op), Channels.of(op)
    if access.shape(op.operands[0])[0] >= 2**16:
        return "more than 65535 rows"
    return (
        structs.too_large(STRUCT, fields(op))
        or channels.problem(pairs.SCALE)
        or pairs.problem(weights)
        or sum_problem(weights, channels.bias, access.integer(op, "input_zero_point"))
    )


def _arrays(op: ir.Operation, block: int) -> dict[str, Array]:
    weights, channels = _weights(op), Channels.of(op)
    bias = channels.bias - access.integer(op, "input_zero_point") * weights.sum(1)
    return {
        "weights": pairs.pack(weights, block),
        "channels": channels.packed(bias + pairs.offset(weights), pairs.SCALE, block),
    }


def pack(op: ir.Operation) -> Packed:
    """Weights for four outputs at a time, 8 inputs a step: see ``armv7em/columns.h``."""
    return Packed(STRUCT, fields(op), _arrays(op, 4))


def scratch(op: ir.Operation) -> int:
    """The inputs as 16-bit words, and two words for incomplete fours."""
    return 16 * -(-access.shape(op.operands[1])[1] // 8) + 8


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
    return Packed("tinyiree_conv2d_t", members, _arrays(op, 2))


def scratch_as_conv2d(op: ir.Operation) -> int:
    """As `conv2d.dense_scratch` of the convolution."""
    outputs, inputs = access.shape(op.operands[1])
    spare = 2 * (outputs + 1) if outputs % 2 else 0
    return 32 * -(-inputs // 8) + spare + (-(-inputs // 4) * 4 if inputs % 4 else 0)
