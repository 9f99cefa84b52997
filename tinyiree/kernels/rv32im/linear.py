"""``rv32im.fully_connected``, and the way between fully connected and convolution.

A convolution takes six rows at a time for about what four of them cost alone; a convolution of one
pixel is a row.
"""

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import structs
from tinyiree.kernels.channels import Channels, Int64, output
from tinyiree.kernels.kernel import Array, Field, Packed
from tinyiree.kernels.rv32im import dense, rescale

STRUCT = "tinyiree_mulh_fully_connected_t"
OUTPUTS = 8
"""That the kernel computes at a time."""
FOUR = 4
LONGEST = 255
OFFSET = 128
ROWS_AT_ONCE = 6
WORTH = 4
"""How many rows alone cost as much as all at once."""


def _weights(op: ir.Operation) -> Int64:
    weights = access.constant(op.operands[1]).astype(np.int64)
    return weights.reshape(len(weights), -1)


def lengths(fours: Int64) -> list[int]:
    """How many fours of inputs go before each drain, 0 for one four of two twos.

    Args:
        fours: weights of some outputs, [outputs, K / 4, 4].
    """
    most = np.where(fours > 0, 127, -128) * fours
    least = np.where(fours > 0, -128, 127) * fours
    high, low = most.sum(2).T, least.sum(2).T
    found: list[int] = []
    start, count = 0, high.shape[0]
    while start < count:
        reach_high = high[start : start + LONGEST].cumsum(0).max(1)
        reach_low = low[start : start + LONGEST].cumsum(0).min(1)
        length = int(((reach_high < 2**15) & (reach_low >= -(2**15))).sum())
        found.append(length)
        start += max(length, 1)
    return found


def _tile(weights: Int64) -> bytes:
    """The weights [8, K] of eight outputs: see ``targets/kernels/rv32im/fully_connected.c``."""
    whole = weights.shape[1] // FOUR * FOUR
    drains = lengths(weights[:, :whole].reshape(OUTPUTS, -1, FOUR))
    count = len(drains) + drains.count(0)
    size = (4 + len(drains) + 3) // 4 * 4
    head = np.array([count, size], "<u2").tobytes() + bytes(drains)
    couples = (weights[:, :whole] + OFFSET).reshape(OUTPUTS // 2, 2, whole // 2, 2)
    words = couples.transpose(2, 0, 1, 3).astype(np.uint8).tobytes()
    tail = np.ascontiguousarray(weights[:, whole:].T).astype(np.int8).tobytes()
    return head + bytes(size - len(head)) + words + tail


def _arrays(op: ir.Operation) -> dict[str, Array]:
    weights = _weights(op)
    full = len(weights) // OUTPUTS * OUTPUTS
    tiles = [_tile(weights[i : i + OUTPUTS]) for i in range(0, full, OUTPUTS)]
    data = b"".join(tiles) + weights[full:].astype(np.int8).tobytes()
    channels = rescale.rescale(op, Channels.of(op)).packed(rescale.folded(op, weights))
    return {"weights": np.frombuffer(data, np.int8), "channels": channels}


def fields(op: ir.Operation) -> dict[str, Field]:
    """``tinyiree_mulh_fully_connected_t``."""
    outputs, inputs = _weights(op).shape
    return {
        "weights": "weights",
        "channels": "channels",
        "inputs": inputs,
        "outputs": outputs,
        "output": output(op),
        "rescale": rescale.rescale(op, Channels.of(op)).fields(),
    }


def problem(op: ir.Operation) -> str | None:
    """Why the kernel cannot compute the op."""
    weights = _weights(op)
    return (
        rescale.problem(op, weights)
        or structs.too_large(STRUCT, fields(op))
        or dense.twos_problem(weights)
    )


def pack(op: ir.Operation) -> Packed:
    """Weights of eight outputs and two inputs side by side."""
    return Packed(STRUCT, fields(op), _arrays(op))


def problem_for_pixel(op: ir.Operation) -> str | None:
    """Why a convolution is not computed as a row."""
    image, window = access.shape(op.operands[0]), access.shape(op.operands[1])
    if image[0] != 1 or image[1:] != window[1:] or any(access.ints(op, "padding")):
        return "a window that is not the image"
    return problem(op)


def problem_as_conv2d(op: ir.Operation) -> str | None:
    """Why the op is not computed as a convolution."""
    rows = access.shape(op.operands[0])[0]
    if rows < WORTH * -(-rows // ROWS_AT_ONCE):
        return f"too few rows ({rows}) for {ROWS_AT_ONCE} at a time"
    if rows >= 2**16:
        return "more than 65535 rows"
    return problem(op)


def pack_as_conv2d(op: ir.Operation) -> Packed:
    """``tinyiree_mulh_conv2d_t`` of a pointwise convolution over an image of width 1."""
    own, flat = fields(op), _weights(op)
    rows, inputs = access.shape(op.operands[0])
    ones: dict[str, int | str] = dict.fromkeys(structs.STRUCTS["tinyiree_window_t"], 1)
    geometry = {**ones, "in_height": rows, "in_channels": inputs, "pad_top": 0, "pad_left": 0}
    weights, last = dense.pack_weights(flat)
    channels = rescale.rescale(op, Channels.of(op)).packed(rescale.folded(op, flat), 2)
    members: dict[str, Field] = {
        "weights": "weights",
        "channels": "channels",
        "window": geometry,
        "output": own["output"],
        "rescale": own["rescale"],
        "out_channels": own["outputs"],
        "input_zero_point": access.integer(op, "input_zero_point"),
        "odd_weights": last,
    }
    return Packed(dense.STRUCT, members, {"weights": weights, "channels": channels})


def scratch_as_conv2d(op: ir.Operation) -> int:
    """As `dense.scratch` of the convolution."""
    _, inputs = access.shape(op.operands[1])
    return 12 * -(-inputs // FOUR) * FOUR
