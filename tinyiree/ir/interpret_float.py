"""The interpreter's float ops: float64 inside, one rounding to float32 at the end of each op."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir.access import (
    MLIR_TO_NUMPY,
    Array,
    boolean,
    element_type,
    floats,
    integer,
    ints,
    number,
    rounding,
    shape,
    string,
)
from tinyiree.ir.functions import FUNCTIONS
from tinyiree.ir.interpret_layout import padded, windows

Float64 = npt.NDArray[np.float64]


def cross_correlate(
    x: Float64, w: Float64, strides: Sequence[int], dilations: Sequence[int], groups: int
) -> Float64:
    """Padded ``[N,H,W,C]`` with ``[O,KH,KW,C/G]``: ``[N,OH,OW,O]``."""
    outputs, height, width, depth = w.shape
    view = windows(x, (height, width), strides, dilations)
    n, rows, columns = view.shape[:3]
    view = view.reshape(n, rows, columns, groups, depth, height, width)
    kernel = w.reshape(groups, outputs // groups, height, width, depth)
    result: Float64 = np.einsum("nrcgdhw,gohwd->nrcgo", view, kernel, optimize=True)
    return result.reshape(n, rows, columns, outputs)


def _conv2d(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, w, *bias = (operand.astype(np.float64) for operand in operands)
    x = padded(x, ints(op, "padding"), 0)
    result = cross_correlate(
        x, w, ints(op, "strides"), ints(op, "dilations"), integer(op, "groups")
    )
    return _float32(result + bias[0] if bias else result)


def _fully_connected(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, w, *bias = (operand.astype(np.float64) for operand in operands)
    result = x @ w.T
    return _float32(result + bias[0] if bias else result)


def _batch_matmul(op: ir.Operation, operands: Sequence[Array]) -> Array:
    a, b = (operand.astype(np.float64) for operand in operands)
    return _float32(a @ b)


def _batch_norm(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, scale, offset, mean, variance = (operand.astype(np.float64) for operand in operands)
    deviation = np.sqrt(variance + number(op, "epsilon"))
    return _float32((x - mean) / deviation * scale + offset)


def _clamp(op: ir.Operation, operands: Sequence[Array]) -> Array:
    return _float32(np.clip(operands[0].astype(np.float64), number(op, "min"), number(op, "max")))


def _unary(op: ir.Operation, operands: Sequence[Array]) -> Array:
    function = FUNCTIONS[string(op, "fn")]
    return _float32(function(operands[0].astype(np.float64), number(op, "alpha")))


def _softmax(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x = operands[0].astype(np.float64)
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return _float32(e / e.sum(axis=-1, keepdims=True))


def _log_softmax(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x = operands[0].astype(np.float64)
    x = x - x.max(axis=-1, keepdims=True)
    return _float32(x - np.log(np.exp(x).sum(axis=-1, keepdims=True)))


def _add(op: ir.Operation, operands: Sequence[Array]) -> Array:
    a, b = (operand.astype(np.float64) for operand in operands)
    return _float32(a + b)


def _sub(op: ir.Operation, operands: Sequence[Array]) -> Array:
    a, b = (operand.astype(np.float64) for operand in operands)
    return _float32(a - b)


def _mul(op: ir.Operation, operands: Sequence[Array]) -> Array:
    a, b = (operand.astype(np.float64) for operand in operands)
    return _float32(a * b)


def _avg_pool2d(op: ir.Operation, operands: Sequence[Array]) -> Array:
    kernel, strides, padding = ints(op, "kernel"), ints(op, "strides"), ints(op, "padding")
    x = operands[0].astype(np.float64)
    total = windows(padded(x, padding, 0), kernel, strides).sum(axis=(4, 5))
    if boolean(op, "count_include_pad"):
        return _float32(total / (kernel[0] * kernel[1]))
    real = windows(padded(np.ones_like(x), padding, 0), kernel, strides).sum(axis=(4, 5))
    # A window of padding alone has a sum of zero; so is its average.
    return _float32(total / np.maximum(real, 1))


def _mean(op: ir.Operation, operands: Sequence[Array]) -> Array:
    mean = operands[0].astype(np.float64).mean(axis=tuple(ints(op, "axes")))
    return _float32(mean.reshape(shape(op.results[0])))


def _quantize(op: ir.Operation, operands: Sequence[Array]) -> Array:
    scale, zero_point = _parameters(op, operands[0].ndim)
    if rounding(op) == "away":
        # The quotient is rounded to float32 first.
        real = (operands[0] / scale.astype(np.float32)).astype(np.float64)
        away = np.abs(real - np.trunc(real)) >= 0.5
        steps: Float64 = np.trunc(real) + np.sign(real) * away
    else:
        steps = np.rint(operands[0].astype(np.float64) / scale)
    limits = np.iinfo(MLIR_TO_NUMPY[element_type(op.results[0])])
    return np.clip(steps + zero_point, limits.min, limits.max).astype(limits.dtype)


def _dequantize(op: ir.Operation, operands: Sequence[Array]) -> Array:
    scale, zero_point = _parameters(op, operands[0].ndim)
    return _float32((operands[0].astype(np.float64) - zero_point) * scale)


def _parameters(op: ir.Operation, rank: int) -> tuple[Float64, Float64]:
    """Scales and zero points, shaped so that they broadcast along the op's axis."""
    scales = np.array(floats(op, "scales"))
    zero_points = np.array(ints(op, "zero_points"), np.float64)
    if scales.size == 1:
        return scales.reshape(()), zero_points.reshape(())
    extents = [1] * rank
    extents[integer(op, "axis")] = -1
    return scales.reshape(extents), zero_points.reshape(extents)


def _float32(array: npt.NDArray[np.floating]) -> Array:
    return np.asarray(array).astype(np.float32)


FLOAT_OPS: dict[str, Callable[[ir.Operation, Sequence[Array]], Array]] = {
    "nn.conv2d": _conv2d,
    "nn.fully_connected": _fully_connected,
    "nn.batch_matmul": _batch_matmul,
    "nn.batch_norm": _batch_norm,
    "nn.clamp": _clamp,
    "nn.unary": _unary,
    "nn.softmax": _softmax,
    "nn.log_softmax": _log_softmax,
    "nn.add": _add,
    "nn.sub": _sub,
    "nn.mul": _mul,
    "nn.avg_pool2d": _avg_pool2d,
    "nn.mean": _mean,
    "nn.quantize": _quantize,
    "nn.dequantize": _dequantize,
}
