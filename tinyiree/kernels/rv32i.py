"""The kernels of ``targets/kernels/rv32i``: RISC-V cores without multiplication, for size first.

Weights are as in the IR; sums end as in ``targets/kernels/rv32im``, by the high word of a product,
here computed bit by bit.
"""

from collections.abc import Callable

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import add, structs
from tinyiree.kernels.channels import Channels
from tinyiree.kernels.conv2d import no_scratch
from tinyiree.kernels.kernel import Array, Kernel, Packed, Reads
from tinyiree.kernels.pool import max_problem, pack_max, positions_of
from tinyiree.kernels.rv32im import dense, depthwise, linear, pool, rescale
from tinyiree.kernels.window import batch_problem

MAX_SHIFT = 6
"""Sums have 24 bits: shifted so, the high word's additions stay within 32."""

_PRODUCT = "rv32i/product.c"
_POOL = "rv32i/pool.c"


def _shift_problem(end: rescale.Rescale) -> str | None:
    return "a rescaling factor too large" if end.shift > MAX_SHIFT else None


def _end(op: ir.Operation) -> rescale.Rescale:
    return rescale.rescale(op, Channels.of(op))


def dense_problem(op: ir.Operation) -> str | None:
    """Why ``rv32i.conv2d`` cannot compute the op."""
    if access.integer(op, "groups") != 1:
        return "more than one group"
    weights = dense.weights_of(op)
    return (
        batch_problem(op)
        # The factors first: the struct has members for those that are possible.
        or rescale.problem(op, weights.reshape(len(weights), -1))
        or _shift_problem(_end(op))
        or structs.too_large(dense.STRUCT, dense.fields(op))
    )


def depthwise_problem(op: ir.Operation) -> str | None:
    """Why ``rv32i.depthwise`` cannot compute the op."""
    return depthwise.problem(op) or _shift_problem(_end(op))


def linear_problem(op: ir.Operation) -> str | None:
    """Why ``rv32i.fully_connected`` cannot compute the op."""
    weights = access.constant(op.operands[1]).astype(np.int64)
    return (
        rescale.problem(op, weights)
        or _shift_problem(_end(op))
        or structs.too_large(linear.STRUCT, linear.fields(op))
    )


def average_problem(op: ir.Operation) -> str | None:
    """Why ``rv32i.avg_pool2d`` cannot compute the op."""
    return pool.problem(op) or _shift_problem(rescale.rescale(op, positions_of(op)))


def _arrays(op: ir.Operation) -> dict[str, Array]:
    weights = access.constant(op.operands[1]).astype(np.int8)
    flat = weights.reshape(len(weights), -1).astype(np.int64)
    return {"weights": weights, "channels": _end(op).packed(rescale.folded(op, flat))}


def pack_conv2d(op: ir.Operation) -> Packed:
    """``tinyiree_mulh_conv2d_t``."""
    return Packed(dense.STRUCT, dense.fields(op), _arrays(op))


def pack_linear(op: ir.Operation) -> Packed:
    """``tinyiree_mulh_fully_connected_t``."""
    return Packed(linear.STRUCT, linear.fields(op), _arrays(op))


def _kernel(
    name: str,
    files: tuple[str, ...],
    ops: tuple[str, ...],
    accepts: Callable[[ir.Operation], str | None],
    pack: Callable[[ir.Operation], Packed],
    reads: Reads,
) -> Kernel:
    symbols = (f"tinyiree_rv32i_{name}",)
    return Kernel(f"rv32i.{name}", files, ops, symbols, accepts, pack, no_scratch, reads)


_CONV = ("rv32i/conv2d.c", _PRODUCT)
_LINEAR = ("rv32i/fully_connected.c", _PRODUCT)
_ADD = ("rv32i/add.c", _PRODUCT)
_AVERAGE = ("rv32i/avg_pool2d.c", _POOL, _PRODUCT)
_MAXIMUM = ("rv32i/max_pool2d.c", _POOL, _PRODUCT)
_ADDS, _AVERAGES = ("qnn.add", "qnn.tflite_add"), ("qnn.avg_pool2d", "qnn.mean")

KERNELS: tuple[Kernel, ...] = (
    _kernel("conv2d", _CONV, ("qnn.conv2d",), dense_problem, pack_conv2d, Reads.PIXEL),
    _kernel("depthwise", _CONV, ("qnn.conv2d",), depthwise_problem, pack_conv2d, Reads.CHANNELS),
    _kernel(
        "fully_connected",
        _LINEAR,
        ("qnn.fully_connected",),
        linear_problem,
        pack_linear,
        Reads.PIXEL,
    ),
    _kernel("add", _ADD, _ADDS, add.problem, add.pack, Reads.ELEMENTS),
    _kernel("avg_pool2d", _AVERAGE, _AVERAGES, average_problem, pool.pack, Reads.CHANNELS),
    _kernel("max_pool2d", _MAXIMUM, ("nn.max_pool2d",), max_problem, pack_max, Reads.CHANNELS),
)
