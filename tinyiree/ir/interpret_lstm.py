"""The interpreter's ops of recurrent layers, with the arithmetic of TFLite's integer kernels."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir.access import Array, integer, ints
from tinyiree.ir.fixedpoint import rescale_twice, round_divide

Int64 = npt.NDArray[np.int64]

GATES = ("sigmoid", "sigmoid", "tanh", "sigmoid")
"""Functions of the input, forget, cell and output gate, in the order of ``tflite_lstm_gates``."""

GATE_BITS = 3
"""Integer bits of a gate before its function: steps of 2**-12."""

EXP_FACTORS = ((-2, 25520), (-1, 19875), (0, 12055), (1, 4435), (2, 600), (3, 11), (4, 0))
"""``(k, exp(-2**k))`` in steps of 2**-15."""
EXP_EIGHTH = 28918
THIRD = 10923
"""exp(-1/8) and 1/3 in steps of 2**-15."""

DIVISION_OFFSET = 23130
DIVISION_SLOPE = -15420
DIVISION_BITS = 13
"""48/17 and -32/17 in steps of 2**-13: the start of Newton's iteration for 2 / (1 + x)."""

_ONE = 2**15 - 1


def sigmoid16(x: Int64, bits: int) -> Int64:
    """``1 / (1 + exp(-x))`` in steps of 2**-15 of x with ``bits`` integer bits (gemmlowp)."""
    size = np.where(x > 0, -x, x)
    positive = _saturated(_newton(_exp(size, bits)) << 1)
    result: Int64 = np.where(x > 0, positive, _ONE - positive)
    return np.where(x == 0, 2**14, result)


def tanh16(x: Int64, bits: int) -> Int64:
    """``tanh(x)`` in steps of 2**-15 of x with ``bits`` integer bits (gemmlowp)."""
    size = np.where(x > 0, -x, x)
    positive = _saturated((_newton(_exp(size, bits + 1)) - 2**DIVISION_BITS) << 2)
    result: Int64 = np.where(x < 0, -positive, positive)
    return np.where(x == 0, 0, result)


def _product(a: npt.ArrayLike, b: npt.ArrayLike) -> Int64:
    """Of numbers in steps of 2**-15, rounded half up."""
    result: Int64 = (np.asarray(a, np.int64) * np.asarray(b, np.int64) + 2**14) >> 15
    return result


def _exp(x: Int64, bits: int) -> Int64:
    """exp(x) for x <= 0 with ``bits`` integer bits, in steps of 2**-15."""
    fraction = 15 - bits
    quarter = 1 << (fraction - 2)
    # The part in [-1/4, 0) by a polynomial around -1/8, the rest by powers of 1/e.
    part = (x & (quarter - 1)) - quarter
    y = (part << bits) + 2**12
    y2 = _product(y, y)
    y3, y4 = _product(y2, y), _product(y2, y2)
    rest = round_divide(_product(round_divide(y4, 2) + y3, THIRD) + y2, 1)
    result = _saturated(EXP_EIGHTH + _product(EXP_EIGHTH, y + rest))
    for power, factor in EXP_FACTORS:
        if bits > power:
            chosen = ((part - x) >> (fraction + power)) & 1
            result = np.where(chosen, _product(result, factor), result)
    if bits > 5:
        result = np.where(x < -(32 << fraction), 0, result)
    return np.where(x == 0, _ONE, result)


def _newton(x: Int64) -> Int64:
    """``2 / (1 + x)`` for x in (0, 1), in steps of 2**-13."""
    half = (x + _ONE + 1) >> 1
    value = DIVISION_OFFSET + _product(half, DIVISION_SLOPE)
    for _ in range(3):
        error = 2**DIVISION_BITS - _product(half, value)
        value = value + _saturated(_product(value, error) << 2)
    return value


def _saturated(x: Int64) -> Int64:
    return np.clip(x, -(2**15), 2**15 - 1)


def _delay(op: ir.Operation, operands: Sequence[Array]) -> Array:
    line, newest = operands
    return np.concatenate([line, newest])[len(newest) :]


def _step(op: ir.Operation, operands: Sequence[Array]) -> Array:
    result: Array = operands[0][integer(op, "index")]
    return result


def _stack(op: ir.Operation, operands: Sequence[Array]) -> Array:
    return np.stack(operands)


def _lstm_gates(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, h, weights, bias, recurrent, recurrent_bias = (o.astype(np.int64) for o in operands)
    batch, (_, cells, _) = len(x), weights.shape
    found = np.empty((batch, len(GATES), cells), np.int16)
    for gate, name in enumerate(GATES):
        total = np.zeros((batch, cells), np.int64)
        for value, matrix, offset, side in (
            (x, weights, bias, "input"),
            (h, recurrent, recurrent_bias, "recurrent"),
        ):
            multiplier, shift = (ints(op, f"{side}_{n}")[gate] for n in ("multipliers", "shifts"))
            product = value @ matrix[gate].T + offset[gate]
            total = _saturated(total + rescale_twice(product, multiplier, shift))
        function = sigmoid16 if name == "sigmoid" else tanh16
        found[:, gate] = function(total, GATE_BITS)
    return found


def _lstm_cell(op: ir.Operation, operands: Sequence[Array]) -> Array:
    gates, cell = (operand.astype(np.int64) for operand in operands)
    kept = _wrapped(round_divide(gates[:, 1] * cell, 15))
    new = _wrapped(round_divide(gates[:, 0] * gates[:, 2], integer(op, "shift")))
    clip = integer(op, "clip")
    return np.clip(_saturated(kept + new), -clip if clip < 2**15 else -(2**15), clip).astype("i2")


def _wrapped(x: Int64) -> Int64:
    return x.astype(np.int16).astype(np.int64)


def _lstm_output(op: ir.Operation, operands: Sequence[Array]) -> Array:
    gates, cell = (operand.astype(np.int64) for operand in operands)
    product = gates[:, 3] * tanh16(cell, integer(op, "integer_bits"))
    value = rescale_twice(product, integer(op, "multiplier"), integer(op, "shift"))
    low, high = integer(op, "clamp_min"), integer(op, "clamp_max")
    return np.clip(value + integer(op, "output_zero_point"), low, high).astype(np.int8)


def _svdf_time(op: ir.Operation, operands: Sequence[Array]) -> Array:
    line, weights, bias = (operand.astype(np.int64) for operand in operands)
    filtered = np.einsum("mbf,mf->bf", line, weights)
    total = filtered.reshape(len(filtered), len(bias), -1).sum(axis=-1) + bias
    # The kernel's accumulator has 32 bits.
    total = total.astype(np.int32).astype(np.int64)
    value = rescale_twice(total, integer(op, "multiplier"), integer(op, "shift"))
    low, high = integer(op, "clamp_min"), integer(op, "clamp_max")
    return np.clip(value + integer(op, "output_zero_point"), low, high).astype(np.int8)


RECURRENT_OPS: dict[str, Callable[[ir.Operation, Sequence[Array]], Array]] = {
    "nn.delay": _delay,
    "nn.step": _step,
    "nn.stack": _stack,
    "qnn.tflite_lstm_gates": _lstm_gates,
    "qnn.tflite_lstm_cell": _lstm_cell,
    "qnn.tflite_lstm_output": _lstm_output,
    "qnn.tflite_svdf_time": _svdf_time,
}
