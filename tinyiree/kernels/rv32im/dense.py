"""``rv32im.conv2d``: two products in each multiplication.

A word holds two sums of products of int8 in its halves, which overflow unless the word is drained
in time. How many inputs go between two drains follows from the weights alone: four, or two where
their absolute values are large. See ``targets/kernels/rv32im/conv2d.c``.
"""

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import structs
from tinyiree.kernels.channels import Channels, Int64, output
from tinyiree.kernels.kernel import Array, Field, Packed
from tinyiree.kernels.rv32im import rescale
from tinyiree.kernels.window import batch_problem, window

STRUCT = "tinyiree_mulh_conv2d_t"
FOUR = 4
LONGEST_RUN = 255


def weights_of(op: ir.Operation) -> Int64:
    """The weights, int64 [O, KH, KW, C/G]."""
    return access.constant(op.operands[1]).astype(np.int64)


def fits(weights: Int64) -> npt.NDArray[np.bool_]:
    """Whether no sum over the last axis leaves 16 bits for any int8 inputs."""
    most = np.where(weights > 0, 127, -128) * weights
    least = np.where(weights > 0, -128, 127) * weights
    result: npt.NDArray[np.bool_] = (most.sum(-1) < 2**15) & (least.sum(-1) >= -(2**15))
    return result


def fours(weights: Int64, outputs: int) -> Int64:
    """Weights [O, K] as [O / outputs, K / 4, 4, outputs], padded with zeros."""
    count, depth = weights.shape
    padded = np.pad(weights, ((0, -count % outputs), (0, -depth % FOUR)))
    return padded.reshape(-1, outputs, padded.shape[1] // FOUR, FOUR).transpose(0, 2, 3, 1)


def twos_problem(weights: Int64) -> str | None:
    """Why not even two inputs may go between drains; `weights` is [O, K]."""
    padded = np.pad(weights, ((0, 0), (0, weights.shape[1] % 2)))
    if not fits(padded.reshape(len(weights), -1, 2)).all():
        return "two weights of -128 side by side: their products need 17 bits"
    return None


def stream(blocks: Int64) -> bytes:
    """Of some channels, [K / 4, 4, outputs]: how often twos are drained, and runs of fours."""
    good = np.all(fits(blocks.transpose(0, 2, 1)), axis=1, keepdims=True)[:, 0]
    body, run, twos = b"", b"", 0
    for block, is_good in zip(blocks.astype(np.int8), good, strict=True):
        length = len(run) // block.nbytes
        if is_good and length < LONGEST_RUN:
            run += block.tobytes()
            continue
        body += bytes([length]) + run + block.tobytes()
        run, twos = b"", twos + 1
    body += bytes([len(run) // blocks[0].size]) + run
    return twos.to_bytes(2, "little") + body


def weights_problem(weights: Int64) -> str | None:
    """Why weights [O, K] cannot be packed."""
    if weights.shape[1] >= 2**17:
        return "too many weights a channel"
    return twos_problem(weights)


def pack_weights(weights: Int64) -> tuple[npt.NDArray[np.int8], int]:
    """All weights [O, K] two channels at a time, and where the last two start."""
    streams = [stream(blocks) for blocks in fours(weights, 2)]
    packed = np.frombuffer(b"".join(streams), np.int8)
    return packed, len(packed) - len(streams[-1])


def fields(op: ir.Operation) -> dict[str, Field]:
    """``tinyiree_mulh_conv2d_t``."""
    outputs, height, width, _ = weights_of(op).shape
    geometry = window(op, (height, width), access.ints(op, "strides"), access.ints(op, "padding"))
    return {
        "weights": "weights",
        "channels": "channels",
        "window": geometry,
        "output": output(op),
        "rescale": rescale.rescale(op, Channels.of(op)).fields(),
        "out_channels": outputs,
        "input_zero_point": access.integer(op, "input_zero_point"),
        "odd_weights": 0,
    }


def problem(op: ir.Operation) -> str | None:
    """Why the kernel cannot compute the op."""
    if access.integer(op, "groups") != 1:
        return "more than one group"
    flat = weights_of(op).reshape(len(weights_of(op)), -1)
    # The factors first: the struct has members for those that are possible.
    return (
        batch_problem(op)
        or rescale.problem(op, flat)
        or structs.too_large(STRUCT, fields(op))
        or weights_problem(flat)
    )


def pack(op: ir.Operation) -> Packed:
    """Weights of two channels side by side, and their channels."""
    flat = weights_of(op).reshape(len(weights_of(op)), -1)
    weights, last = pack_weights(flat)
    channels = rescale.rescale(op, Channels.of(op)).packed(rescale.folded(op, flat), 2)
    arrays: dict[str, Array] = {"weights": weights, "channels": channels}
    return Packed(STRUCT, {**fields(op), "odd_weights": last}, arrays)


def scratch(op: ir.Operation) -> int:
    """Three words for each input of six pixels, and a row of two windows where borders are."""
    _, height, width, depth = access.shape(op.operands[1])
    inside = not any(access.ints(op, "padding")) and access.ints(op, "dilations")[1] == 1
    staging = 0 if inside else 2 * width * depth
    return 12 * -(-height * width * depth // FOUR) * FOUR + staging
