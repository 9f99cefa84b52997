"""The interpreter's integer ops, exact in int64."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir.access import (
    MLIR_TO_NUMPY,
    Array,
    element_type,
    integer,
    ints,
    rounding,
    shape,
)
from tinyiree.ir.fixedpoint import rescale, rescale_even, rescale_twice
from tinyiree.ir.interpret_float import cross_correlate
from tinyiree.ir.interpret_layout import padded, windows

Int64 = npt.NDArray[np.int64]

LOG_INDEX_BITS = 8
LOG_FRACTION_BITS = 15
"""How ``qnn.log_softmax`` reads its table: 256 intervals, interpolated in steps of 2**-15."""


def _conv2d(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, w, bias, multiplier, shift = (operand.astype(np.int64) for operand in operands)
    x = padded(_centered(op, x, "input_zero_point"), ints(op, "padding"), 0)
    # Products of 8 or 16 bits and their sums stay below 2**53: float64 is exact, its einsum fast.
    total = cross_correlate(
        x.astype(np.float64),
        w.astype(np.float64),
        ints(op, "strides"),
        ints(op, "dilations"),
        integer(op, "groups"),
    )
    return _finished(op, _rescale(op)(total.astype(np.int64) + bias, multiplier, shift))


def _fully_connected(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, w, bias, multiplier, shift = (operand.astype(np.int64) for operand in operands)
    total = _centered(op, x, "input_zero_point") @ w.T + bias
    return _finished(op, _rescale(op)(total, multiplier, shift))


def _batch_matmul(op: ir.Operation, operands: Sequence[Array]) -> Array:
    a, b = _centered_pair(op, operands)
    return _finished(op, _rescaled(op, a @ b))


def _add(op: ir.Operation, operands: Sequence[Array]) -> Array:
    a, b = _centered_pair(op, operands)
    total = a * integer(op, "a_multiplier") + b * integer(op, "b_multiplier")
    return _finished(op, _shifted(total, integer(op, "shift")))


def _mul(op: ir.Operation, operands: Sequence[Array]) -> Array:
    a, b = _centered_pair(op, operands)
    return _finished(op, _rescaled(op, a * b))


def _avg_pool2d(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, multiplier, shift = (operand.astype(np.int64) for operand in operands)
    x = padded(_centered(op, x, "input_zero_point"), ints(op, "padding"), 0)
    total = windows(x, ints(op, "kernel"), ints(op, "strides")).sum(axis=(4, 5))
    return _finished(op, _rescale(op)(total, multiplier[..., None], shift[..., None]))


def _mean(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x = _centered(op, operands[0], "input_zero_point")
    total = x.sum(axis=tuple(ints(op, "axes"))).reshape(shape(op.results[0]))
    return _finished(op, _rescaled(op, total))


def _requantize(op: ir.Operation, operands: Sequence[Array]) -> Array:
    return _finished(op, _rescaled(op, _centered(op, operands[0], "input_zero_point")))


def _clamp(op: ir.Operation, operands: Sequence[Array]) -> Array:
    low, high = integer(op, "clamp_min"), integer(op, "clamp_max")
    return np.clip(operands[0].astype(np.int64), low, high).astype(operands[0].dtype)


def _flip_sign(op: ir.Operation, operands: Sequence[Array]) -> Array:
    return operands[0].astype(np.int8) ^ np.int8(-128)


def _lookup(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, table = operands
    return table[x.astype(np.int64) + 128]


def _softmax(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, table = (operand.astype(np.int64) for operand in operands)
    e = table[x.max(axis=-1, keepdims=True) - x]
    inverse = integer(op, "numerator") // e.sum(axis=-1, keepdims=True)
    return _finished(op, _shifted(e * inverse, integer(op, "shift")))


def _log_softmax(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, exp_table, log_table = (operand.astype(np.int64) for operand in operands)
    below = x.max(axis=-1, keepdims=True) - x
    total = exp_table[below].sum(axis=-1, keepdims=True)
    # total = 2**exponent * (1 + fraction / 2**31), 0 <= fraction < 2**31
    exponent = np.frexp(total.astype(np.float64))[1].astype(np.int64) - 1
    fraction = (total << (31 - exponent)) & (2**31 - 1)
    index = fraction >> (31 - LOG_INDEX_BITS)
    rest = (fraction >> (31 - LOG_INDEX_BITS - LOG_FRACTION_BITS)) & (2**LOG_FRACTION_BITS - 1)
    step = log_table[index + 1] - log_table[index]
    logarithm = log_table[index] + _shifted(step * rest, LOG_FRACTION_BITS)
    logarithm = logarithm + exponent * integer(op, "log_base")
    return _finished(op, _rescaled(op, -below * integer(op, "input_multiplier") - logarithm))


def _centered(op: ir.Operation, x: Array, name: str) -> Int64:
    return x.astype(np.int64) - integer(op, name)


def _centered_pair(op: ir.Operation, operands: Sequence[Array]) -> tuple[Int64, Int64]:
    a, b = operands
    return _centered(op, a, "a_zero_point"), _centered(op, b, "b_zero_point")


def _shifted(x: Int64, shift: int) -> Int64:
    return (x + (1 << (shift - 1))) >> shift


def _rescaled(op: ir.Operation, accumulator: Int64) -> Int64:
    return _rescale(op)(accumulator, integer(op, "multiplier"), integer(op, "shift"))


def _rescale(op: ir.Operation) -> Callable[..., Int64]:
    return _RESCALES[rounding(op)]


def _finished(op: ir.Operation, x: Int64) -> Array:
    low, high = integer(op, "clamp_min"), integer(op, "clamp_max")
    dtype = MLIR_TO_NUMPY[element_type(op.results[0])]
    return np.clip(x + integer(op, "output_zero_point"), low, high).astype(dtype)


_RESCALES: dict[str, Callable[..., Int64]] = {
    "single": rescale,
    "double": rescale_twice,
    "even": rescale_even,
}

INTEGER_OPS: dict[str, Callable[[ir.Operation, Sequence[Array]], Array]] = {
    "qnn.conv2d": _conv2d,
    "qnn.fully_connected": _fully_connected,
    "qnn.batch_matmul": _batch_matmul,
    "qnn.add": _add,
    "qnn.mul": _mul,
    "qnn.avg_pool2d": _avg_pool2d,
    "qnn.mean": _mean,
    "qnn.requantize": _requantize,
    "qnn.clamp": _clamp,
    "qnn.flip_sign": _flip_sign,
    "qnn.lookup": _lookup,
    "qnn.softmax": _softmax,
    "qnn.log_softmax": _log_softmax,
}
