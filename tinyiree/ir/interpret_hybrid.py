"""The interpreter's ops on float activations that are quantized when the model runs."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir.access import (
    MLIR_TO_NUMPY,
    Array,
    boolean,
    element_type,
    integer,
    ints,
)
from tinyiree.ir.interpret_float import cross_correlate
from tinyiree.ir.interpret_layout import padded

Float32 = npt.NDArray[np.float32]

INT8_MAX = 127
INT8_STEPS = 255


def _dynamic_range(op: ir.Operation, operands: Sequence[Array]) -> Array:
    """Columns: scale, its inverse, zero point; one row for each element of the first axis."""
    x = operands[0].reshape(len(operands[0]), -1).astype(np.float32)
    if not boolean(op, "asymmetric"):
        most = np.abs(x).max(axis=1)
        one = most == 0
        safe = np.where(one, np.float32(1), most)
        scale = np.where(one, np.float32(1), safe / np.float32(INT8_MAX))
        inverse = np.where(one, np.float32(1), np.float32(INT8_MAX) / safe)
        return np.stack([scale, inverse, np.zeros_like(scale)], axis=1).astype(np.float32)
    low = np.minimum(x.min(axis=1), np.float32(0))
    high = np.maximum(x.max(axis=1), np.float32(0))
    one = low == high
    scale = np.where(one, np.float32(1), (high - low) / np.float32(INT8_STEPS)).astype(np.float32)
    below, above = low / scale, high / scale
    # The end of the range that is nearer to zero is met better.
    from_low = np.float32(-INT8_MAX - 1) - below
    from_high = np.float32(INT8_MAX) - above
    nearer = np.abs(below) + np.float32(INT8_MAX + 1) < np.abs(above) + np.float32(INT8_MAX)
    zero_point = np.clip(np.where(nearer, from_low, from_high), -128, 127)
    zero_point = np.where(one, np.float32(0), _round_away(zero_point))
    return np.stack([scale, np.float32(1) / scale, zero_point], axis=1).astype(np.float32)


def _round_away(x: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    whole = np.trunc(x)
    result: npt.NDArray[np.floating] = whole + np.sign(x) * (np.abs(x - whole) >= 0.5)
    return result


def _dynamic_quantize(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, parameters = operands
    rows = x.reshape(len(x), -1).astype(np.float32)
    zero_point = parameters[:, 2:3].astype(np.float32)
    steps = _round_away(zero_point + rows * parameters[:, 1:2].astype(np.float32))
    element = element_type(op.results[0])
    low = -INT8_MAX if element == "i8" else -INT8_MAX - 1
    centered: Array = np.clip(steps, low, INT8_MAX) - zero_point
    return centered.astype(MLIR_TO_NUMPY[element]).reshape(x.shape)


def _hybrid_conv2d(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, w, *rest = operands
    sums = cross_correlate(
        padded(x.astype(np.float64), ints(op, "padding"), 0),
        w.astype(np.float64),
        ints(op, "strides"),
        ints(op, "dilations"),
        integer(op, "groups"),
    )
    return _scaled(sums, *rest)


def _hybrid_fully_connected(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, w, *rest = operands
    return _scaled(x.astype(np.float64) @ w.astype(np.float64).T, *rest)


def _scaled(sums: npt.NDArray[np.float64], bias: Array, scales: Array, parameters: Array) -> Array:
    """Whole numbers times scale of the channel times scale of the row, plus bias, in float32."""
    rows = parameters[:, 0].astype(np.float32).reshape([-1] + [1] * (sums.ndim - 1))
    result: Float32 = sums.astype(np.float32) * scales.astype(np.float32) * rows
    return result + bias.astype(np.float32)


HYBRID_OPS: dict[str, Callable[[ir.Operation, Sequence[Array]], Array]] = {
    "nn.dynamic_range": _dynamic_range,
    "nn.dynamic_quantize": _dynamic_quantize,
    "qnn.hybrid_conv2d": _hybrid_conv2d,
    "qnn.hybrid_fully_connected": _hybrid_fully_connected,
}
