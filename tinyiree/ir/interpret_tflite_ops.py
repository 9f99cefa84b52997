"""More of the interpreter's integer ops with the arithmetic of TFLite's reference kernels."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir.access import Array, integer, ints, shape
from tinyiree.ir.fixedpoint import rescale_twice
from tinyiree.ir.interpret_tflite import high_product

Int64 = npt.NDArray[np.int64]

HALF_SQRT_2 = 1518500250
"""sqrt(2) / 2 in steps of 2**-31."""

NEWTON_ONE = 28
"""Fraction bits of the inverse square root while it is iterated."""

NEWTON_STEPS = 5

INTERPOLATION_BITS = 10
"""The weights of ``qnn.tflite_resize_bilinear`` are in steps of 2**-10."""


def _tflite_prelu(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x = operands[0].astype(np.int64) - integer(op, "input_zero_point")
    alpha = operands[1].astype(np.int64) - integer(op, "alpha_zero_point")
    above = rescale_twice(x, integer(op, "identity_multiplier"), integer(op, "identity_shift"))
    below = rescale_twice(x * alpha, integer(op, "multiplier"), integer(op, "shift"))
    y = np.where(x >= 0, above, below) + integer(op, "output_zero_point")
    low, high = integer(op, "clamp_min"), integer(op, "clamp_max")
    return np.asarray(np.clip(y, low, high)).astype(operands[0].dtype)


def inverse_square_root(x: npt.ArrayLike) -> tuple[Int64, Int64]:
    """``1 / sqrt(x)`` as ``(m, e)``, about ``m * 2**-(31 + e)``; 0 counts as 1.

    Five Newton steps ``y = 1.5 y - x/2 y**3`` from 1, on x scaled by a power of 4 into [1/4, 1),
    with 28 fraction bits: TFLite's ``GetInvSqrtQuantizedMultiplierExp`` on gemmlowp's types.

    Args:
        x: non-negative, below 2**31.
    """
    given = np.asarray(x, np.int64)
    large = given >= 2**29
    value = np.where(large, given >> 2, np.maximum(given, 2))
    leading_zeros = 32 - np.frexp(value.astype(np.float64))[1].astype(np.int64)
    pairs = (leading_zeros - 1) // 2 - 1
    exponent = 11 + large - pairs
    scaled = (value << (2 * pairs)) >> 1
    half = (scaled + 1) >> 1
    y = np.full_like(given, 1 << NEWTON_ONE)
    for _ in range(NEWTON_STEPS):
        cube = high_product(high_product(y, y), y) << 6
        y = (high_product(3 << (NEWTON_ONE - 1), y) - high_product(half, cube)) << 3
    result = high_product(y, HALF_SQRT_2) << np.maximum(-exponent, 0)
    one = given <= 1
    return np.where(one, 2**31 - 1, result), np.where(one, 0, np.maximum(exponent, 0))


def _tflite_l2_norm(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x = operands[0].astype(np.int64) - integer(op, "input_zero_point")
    multiplier, exponent = inverse_square_root((x * x).sum(axis=-1, keepdims=True))
    # The output is in steps of 2**-7.
    y = rescale_twice(x, multiplier, 31 + exponent - 7)
    return np.clip(y, -128, 127).astype(np.int8)


def _tflite_resize_bilinear(op: ir.Operation, operands: Sequence[Array]) -> Array:
    total = operands[0].astype(np.int64)
    one = 1 << INTERPOLATION_BITS
    for axis, name in ((1, "row"), (2, "column")):
        weight = np.array(ints(op, f"{name}_weights"), np.int64)
        weight = weight.reshape([-1 if i == axis else 1 for i in range(4)])
        low = total.take(ints(op, f"{name}_low"), axis=axis)
        high = total.take(ints(op, f"{name}_high"), axis=axis)
        total = low * (one - weight) + high * weight
    half = 1 << (2 * INTERPOLATION_BITS - 1)
    rounded = np.sign(total) * ((np.abs(total) + half) >> (2 * INTERPOLATION_BITS))
    result: Array = rounded.astype(np.int8).reshape(shape(op.results[0]))
    return result


MORE_TFLITE_OPS: dict[str, Callable[[ir.Operation, Sequence[Array]], Array]] = {
    "qnn.tflite_prelu": _tflite_prelu,
    "qnn.tflite_l2_norm": _tflite_l2_norm,
    "qnn.tflite_resize_bilinear": _tflite_resize_bilinear,
}
