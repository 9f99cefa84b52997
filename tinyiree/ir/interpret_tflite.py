"""The interpreter's integer ops with the arithmetic of TFLite's reference kernels."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir.access import Array, boolean, integer
from tinyiree.ir.fixedpoint import rescale_twice, round_divide

Int64 = npt.NDArray[np.int64]

SUM_BITS = 12
"""The exponentials of ``qnn.tflite_softmax`` are summed in steps of 2**-(31 - SUM_BITS)."""

# 48/17 and -32/17 in steps of 2**-29: the start of Newton's iteration for 2 / (1 + x).
RECIPROCAL_OFFSET = 1515870810
RECIPROCAL_SLOPE = -1010580540


def _tflite_add(op: ir.Operation, operands: Sequence[Array]) -> Array:
    terms = []
    for side, operand in zip("ab", operands, strict=True):
        centered = operand.astype(np.int64) - integer(op, f"{side}_zero_point")
        shifted = centered << integer(op, "left_shift")
        factor, shift = integer(op, f"{side}_multiplier"), integer(op, f"{side}_shift")
        terms.append(rescale_twice(shifted, factor, shift))
    total = terms[0] - terms[1] if boolean(op, "subtract") else terms[0] + terms[1]
    y = rescale_twice(total, integer(op, "multiplier"), integer(op, "shift"))
    low, high = integer(op, "clamp_min"), integer(op, "clamp_max")
    return np.clip(y + integer(op, "output_zero_point"), low, high).astype(operands[0].dtype)


def _tflite_softmax(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, table = (operand.astype(np.int64) for operand in operands)
    e = table[x.max(axis=-1, keepdims=True) - x]
    total = round_divide(e, SUM_BITS).sum(axis=-1, keepdims=True)
    # total = 2**exponent * (1 + fraction / 2**31), 0 <= fraction < 2**31
    exponent = np.frexp(total.astype(np.float64))[1].astype(np.int64) - 1
    fraction = (total << (31 - exponent)) & (2**31 - 1)
    share = high_product(half_reciprocal(fraction), e)
    # The sum's unit is 2**-(31 - SUM_BITS): its integer bits go on top of those of the output.
    bits_over_unit = exponent - (31 - SUM_BITS)
    y = round_divide(share, np.minimum(bits_over_unit + 31 - 8, 31))
    return np.clip(y - 128, -128, 127).astype(np.int8)


def high_product(a: npt.ArrayLike, b: npt.ArrayLike) -> Int64:
    """``a * b / 2**31`` rounded half up: the product of two numbers in steps of 2**-31."""
    result: Int64 = (np.asarray(a, np.int64) * np.asarray(b, np.int64) + (1 << 30)) >> 31
    return result


def half_reciprocal(fraction: Int64) -> Int64:
    """``1 / (1 + x)`` for x in [0, 1), both in steps of 2**-31, saturated below 1.

    Newton-Raphson division with three steps and 29 fraction bits, as gemmlowp's
    ``one_over_one_plus_x_for_x_in_0_1`` does it.
    """
    # (1 + x) / 2, rounded half up.
    half = (fraction + (2**31 - 1) + 1) >> 1
    value = RECIPROCAL_OFFSET + high_product(half, RECIPROCAL_SLOPE)
    for _ in range(3):
        error = 2**29 - high_product(half, value)
        value = value + _saturated(high_product(value, error) << 2)
    return _saturated(value << 1)


def _saturated(x: Int64) -> Int64:
    return np.clip(x, -(2**31), 2**31 - 1)


TFLITE_OPS: dict[str, Callable[[ir.Operation, Sequence[Array]], Array]] = {
    "qnn.tflite_add": _tflite_add,
    "qnn.tflite_softmax": _tflite_softmax,
}
