"""Fixed-point rescaling: how a real factor becomes an int32 multiplier and a right shift.

``R(acc; m, r) = (int64(acc) * m + 2**(r-1)) >> r`` rounds half up, once. The encoding is the one of
Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", section 2.2, with a single rounding. ``rescale_twice`` is the arithmetic of gemmlowp's
``SaturatingRoundingDoublingHighMul`` and ``RoundingDivideByPOT``, which TFLite's kernels use.
"""

import math

import numpy as np
import numpy.typing as npt

MIN_SHIFT = 1
MAX_SHIFT = 62
EVEN_BITS = 16
"""Fractional bits by which ``rescale_even`` knows a half."""


def encode(factor: float) -> tuple[int, int]:
    """The multiplier ``m`` and shift ``r`` with ``m * 2**-r`` nearest to a factor.

    Args:
        factor: finite, in [0, 2**29]; a quotient of scales, which fits with room to spare.

    Returns:
        m in [2**30, 2**31) unless the factor is zero or denormally small, and r in [1, 62].

    Raises:
        ValueError: the factor is negative, not finite, or too large.
    """
    if not math.isfinite(factor) or factor < 0 or factor > 2**29:
        raise ValueError(f"a rescaling factor must be in [0, 2**29], found {factor}")
    if factor == 0:
        return 0, MIN_SHIFT
    mantissa, exponent = math.frexp(factor)
    multiplier, shift = round(mantissa * 2**31), 31 - exponent
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift - 1
    if shift > MAX_SHIFT:
        multiplier, shift = round(factor * 2.0**MAX_SHIFT), MAX_SHIFT
    return multiplier, shift


def encode_all(factors: npt.ArrayLike) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """``encode`` for every element: two int32 arrays of the same shape."""
    array = np.asarray(factors, np.float64)
    pairs = [encode(float(factor)) for factor in array.ravel()]
    multipliers = np.array([m for m, _ in pairs], np.int32).reshape(array.shape)
    shifts = np.array([r for _, r in pairs], np.int32).reshape(array.shape)
    return multipliers, shifts


def rescale(
    accumulator: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike
) -> npt.NDArray[np.int64]:
    """R of the module docstring, broadcasting; the reference for all kernels."""
    acc = np.asarray(accumulator, np.int64)
    m = np.asarray(multiplier, np.int64)
    r = np.asarray(shift, np.int64)
    most = int(np.abs(acc).max(initial=0)) * int(np.abs(m).max(initial=0))
    if most >= 2**62 or (r > MAX_SHIFT).any():
        # More than 64 bits: Python's integers.
        wide = (acc.astype(object) * m + 2 ** (r.astype(object) - 1)) >> r.astype(object)
        return np.asarray(np.clip(wide, -(2**62), 2**62)).astype(np.int64)
    result: npt.NDArray[np.int64] = (acc * m + (np.int64(1) << (r - 1))) >> r
    return result


def rescale_twice(
    accumulator: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike
) -> npt.NDArray[np.int64]:
    """D of README.md: rounds half up after the multiplication, half away from zero after the shift.

    ``h = (acc * 2**max(0, 31-r) * m + 2**30) >> 31``, then ``h / 2**max(0, r-31)``. Exact as long
    as the shifted accumulator fits an int32, as it must.
    """
    acc = np.asarray(accumulator, np.int64)
    m = np.asarray(multiplier, np.int64)
    r = np.asarray(shift, np.int64)
    high = ((acc << np.maximum(31 - r, 0)) * m + (1 << 30)) >> 31
    return round_divide(high, np.maximum(r - 31, 0))


def rescale_even(
    accumulator: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike
) -> npt.NDArray[np.int64]:
    """E of README.md: R to a multiple of 2**-16, and that to the nearest integer, halves to even.

    Halves of a quotient that no multiplier has exactly, such as 3/6, are halves here: shifts are
    above 16.
    """
    steps = rescale(accumulator, multiplier, np.asarray(shift, np.int64) - EVEN_BITS)
    below_half = (1 << (EVEN_BITS - 1)) - 1
    result: npt.NDArray[np.int64] = (steps + below_half + (steps >> EVEN_BITS & 1)) >> EVEN_BITS
    return result


def round_divide(x: npt.ArrayLike, exponent: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """``x / 2**exponent``, rounded to nearest, halves away from zero."""
    value = np.asarray(x, np.int64)
    e = np.asarray(exponent, np.int64)
    half = np.where(e > 0, (np.int64(1) << e) >> 1, 0)
    result: npt.NDArray[np.int64] = (value + half - ((value < 0) & (e > 0))) >> e
    return result
