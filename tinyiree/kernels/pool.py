"""``qnn.avg_pool2d``, ``qnn.mean`` over the height and width, ``nn.max_pool2d`` of int8."""

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import structs
from tinyiree.kernels.channels import BITS, Channels, output
from tinyiree.kernels.kernel import Field, Packed
from tinyiree.kernels.window import batch_problem, window

AVERAGE = "tinyiree_avg_pool2d_t"
MAXIMUM = "tinyiree_max_pool2d_t"
BLOCK = 4
"""Channels that the kernels for Armv7E-M take at a time."""
SCALE = 256


def average_fields(op: ir.Operation, positions: int) -> dict[str, Field]:
    """``tinyiree_avg_pool2d_t``, for so many positions."""
    if op.name == "qnn.mean":
        kernel, strides, padding = tuple(access.shape(op.operands[0])[1:3]), [1, 1], [0] * 4
        geometry = {**window_of_mean(op, kernel[0], kernel[1])}
    else:
        size = access.ints(op, "kernel")
        strides, padding = access.ints(op, "strides"), access.ints(op, "padding")
        geometry = {**window(op, (size[0], size[1]), strides, padding)}
    return {
        "positions": "positions",
        "window": geometry,
        "output": output(op),
        "one_position": int(positions == 1),
    }


def window_of_mean(op: ir.Operation, height: int, width: int) -> dict[str, int | str]:
    """The window that is the whole image."""
    names = structs.STRUCTS["tinyiree_window_t"]
    ones: dict[str, int | str] = dict.fromkeys(names, 1)
    size = {"in_height": height, "in_width": width, "kernel_height": height, "kernel_width": width}
    channels = access.shape(op.operands[0])[3]
    return {**ones, **size, "in_channels": channels, "pad_top": 0, "pad_left": 0}


def positions_of(op: ir.Operation) -> Channels:
    """What follows the sums: once for all windows, or once for each output position."""
    zero_point = access.integer(op, "input_zero_point")
    _, height, width, _ = access.shape(op.operands[0])
    if op.name == "qnn.mean":
        row = [-zero_point * height * width]
        row += [access.integer(op, "multiplier"), access.integer(op, "shift")]
        table = np.array(row, np.int64)[:, None]
        return Channels(table[0], table[1], table[2], access.rounding(op))
    multiplier, shift = (access.constant(op.operands[i]).astype(np.int64) for i in (1, 2))
    _, out_height, out_width, _ = access.shape(op.results[0])
    sizes = [
        _covered(out, size, kernel, stride, pad)
        for out, size, kernel, stride, pad in zip(
            (out_height, out_width),
            (height, width),
            access.ints(op, "kernel"),
            access.ints(op, "strides"),
            access.ints(op, "padding")[:2],
            strict=True,
        )
    ]
    counts = sizes[0][:, None] * sizes[1][None, :]
    multiplier, shift, counts = np.broadcast_arrays(multiplier, shift, counts)
    table = np.stack([-zero_point * counts, multiplier, shift]).reshape(3, -1)
    if (table == table[:, :1]).all():
        table = table[:, :1]
    return Channels(table[0], table[1], table[2], "single")


def _covered(out: int, size: int, kernel: int, stride: int, pad: int) -> npt.NDArray[np.int64]:
    """How many elements each window covers along one axis."""
    start = np.arange(out, dtype=np.int64) * stride - pad
    return np.minimum(start + kernel, size) - np.maximum(start, 0)


def average_problem(op: ir.Operation) -> str | None:
    """Why the kernels cannot compute the op."""
    if access.rounding(op) == "even":
        return "halves rounded to even"
    if len(access.shape(op.operands[0])) != 4:
        return "not an image"
    if op.name == "qnn.mean":
        if sorted(access.ints(op, "axes")) != [1, 2]:
            return f"the mean over the axes {access.ints(op, 'axes')}"
    elif len(access.shape(op.operands[1])) != 2:
        return "multipliers that are not [OH, OW]"
    return batch_problem(op) or structs.too_large(AVERAGE, average_fields(op, 1))


def packed_average_problem(op: ir.Operation) -> str | None:
    """Why ``armv7em.avg_pool2d`` cannot compute the op."""
    return average_problem(op) or few_channels(op) or _packed_problem(op)


def _packed_problem(op: ir.Operation) -> str | None:
    positions = positions_of(op)
    _, height, width, _ = access.shape(op.operands[0])
    if max(255 * height * width, int(np.abs(positions.bias).max())) >= 2 ** (BITS - 1):
        return f"sums of more than {BITS} bits"
    return positions.problem(SCALE)


def few_channels(op: ir.Operation) -> str | None:
    """Kernels that take four channels at a time do the last four twice, so there must be four."""
    channels = access.shape(op.operands[0])[3]
    return None if channels >= BLOCK else f"less than {BLOCK} channels"


def pack_average_portable(op: ir.Operation) -> Packed:
    """``tinyiree_avg_pool2d_t`` with wide channels."""
    positions = positions_of(op)
    fields = average_fields(op, len(positions.bias))
    return Packed(AVERAGE, fields, {"positions": positions.wide()})


def pack_average(op: ir.Operation) -> Packed:
    """``tinyiree_avg_pool2d_t`` for sums that are 256-fold."""
    positions = positions_of(op)
    fields = average_fields(op, len(positions.bias))
    packed = positions.packed(positions.bias, SCALE, 1)
    return Packed(AVERAGE, fields, {"positions": packed})


def _max_fields(op: ir.Operation) -> dict[str, Field]:
    height, width = access.ints(op, "kernel")
    strides, padding = access.ints(op, "strides"), access.ints(op, "padding")
    return {"window": window(op, (height, width), strides, padding)}


def max_problem(op: ir.Operation) -> str | None:
    """Why the kernels cannot compute the op."""
    if access.element_type(op.operands[0]) != "i8":
        return f"elements of {access.element_type(op.operands[0])}"
    return batch_problem(op) or structs.too_large(MAXIMUM, _max_fields(op))


def packed_max_problem(op: ir.Operation) -> str | None:
    """Why ``armv7em.max_pool2d`` cannot compute the op."""
    return max_problem(op) or few_channels(op)


def pack_max(op: ir.Operation) -> Packed:
    """``tinyiree_max_pool2d_t``."""
    return Packed(MAXIMUM, _max_fields(op), {})
