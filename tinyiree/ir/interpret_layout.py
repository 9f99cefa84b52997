"""The interpreter's ops that move or select elements, of any element type."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir.access import Array, integer, ints, number, shape


def padded(x: npt.NDArray[Any], padding: Sequence[int], value: float) -> npt.NDArray[Any]:
    """``[N,H,W,C]`` with (top, left, bottom, right) rows and columns of a value around it."""
    top, left, bottom, right = padding
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def windows(
    x: npt.NDArray[Any],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int] = (1, 1),
) -> npt.NDArray[Any]:
    """The windows of an already padded ``[N,H,W,C]`` as ``[N,OH,OW,C,KH,KW]``."""
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(1, 2))
    return view[:, :: strides[0], :: strides[1], :, :: dilations[0], :: dilations[1]]


def lowest(dtype: np.dtype[np.generic]) -> float:
    """The value that never wins a maximum."""
    return -np.inf if dtype.kind == "f" else float(np.iinfo(dtype).min)  # type: ignore[type-var]


def _max_pool2d(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x = operands[0]
    x = padded(x, ints(op, "padding"), lowest(x.dtype))
    view = windows(x, ints(op, "kernel"), ints(op, "strides"), ints(op, "dilations"))
    result: Array = view.max(axis=(4, 5))
    return result


def _argmax(op: ir.Operation, operands: Sequence[Array]) -> Array:
    found = np.asarray(np.argmax(operands[0], axis=integer(op, "axis")))
    return found.astype(np.int32).reshape(shape(op.results[0]))


def _concat(op: ir.Operation, operands: Sequence[Array]) -> Array:
    return np.concatenate(list(operands), axis=integer(op, "axis"))


def _reshape(op: ir.Operation, operands: Sequence[Array]) -> Array:
    return operands[0].reshape(shape(op.results[0]))


def _transpose(op: ir.Operation, operands: Sequence[Array]) -> Array:
    return operands[0].transpose(ints(op, "permutation"))


def _pad(op: ir.Operation, operands: Sequence[Array]) -> Array:
    widths = list(zip(ints(op, "low"), ints(op, "high"), strict=True))
    value = np.asarray(number(op, "value")).astype(operands[0].dtype)
    return np.pad(operands[0], widths, constant_values=value)


def _slice(op: ir.Operation, operands: Sequence[Array]) -> Array:
    sizes = shape(op.results[0])
    along = zip(ints(op, "offsets"), ints(op, "strides"), sizes, strict=True)
    return operands[0][tuple(slice(o, o + s * (n - 1) + 1, s) for o, s, n in along)]


def _upsample_nearest(op: ir.Operation, operands: Sequence[Array]) -> Array:
    rows, columns = ints(op, "factors")
    return operands[0].repeat(rows, axis=1).repeat(columns, axis=2)


def _gather(op: ir.Operation, operands: Sequence[Array]) -> Array:
    return operands[0].take(ints(op, "indices"), axis=integer(op, "axis"))


def _maximum(op: ir.Operation, operands: Sequence[Array]) -> Array:
    result: Array = np.maximum(operands[0], operands[1])
    return result


def _minimum(op: ir.Operation, operands: Sequence[Array]) -> Array:
    result: Array = np.minimum(operands[0], operands[1])
    return result


LAYOUT_OPS: dict[str, Callable[[ir.Operation, Sequence[Array]], Array]] = {
    "nn.max_pool2d": _max_pool2d,
    "nn.argmax": _argmax,
    "nn.concat": _concat,
    "nn.reshape": _reshape,
    "nn.transpose": _transpose,
    "nn.pad": _pad,
    "nn.slice": _slice,
    "nn.upsample_nearest": _upsample_nearest,
    "nn.gather": _gather,
    "nn.maximum": _maximum,
    "nn.minimum": _minimum,
}
