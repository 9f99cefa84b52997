"""TFLite's arithmetic on quantization parameters, bit for bit.

Facts from LiteRT's ``kernels/internal/quantization_util.cc`` (QuantizeMultiplier),
``kernel_util.cc`` (CalculateActivationRangeQuantized) and gemmlowp's ``fixedpoint.h``; checked
against the interpreter by the tests.
"""

import math

import numpy as np
import numpy.typing as npt

from tinyiree.importers.call import Unsupported
from tinyiree.ir.fixedpoint import rescale_twice, round_divide

Int64 = npt.NDArray[np.int64]

INT8_MIN, INT8_MAX = -128, 127

ACTIVATIONS = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}
"""The fused activations that the kernels apply, by their number in the schema."""

BOUNDS: dict[str, tuple[float, float]] = {
    "NONE": (-math.inf, math.inf),
    "RELU": (0.0, math.inf),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
}


def round_away(x: float) -> int:
    """C's ``round``: to nearest, halves away from zero."""
    whole = math.trunc(x)
    return whole + (int(math.copysign(1, x)) if abs(x - whole) >= 0.5 else 0)


def quantize_multiplier(factor: float) -> tuple[int, int]:
    """A real factor as ``(m, r)`` with ``m * 2**-r`` close to it, as TFLite rounds it.

    Args:
        factor: a float64, computed in the order in which the kernel computes it.

    Raises:
        Unsupported: the factor is negative, not finite or above what the kernels can shift.
    """
    if not math.isfinite(factor) or factor < 0:
        raise Unsupported(f"a rescaling factor of {factor}", "correct the scales")
    if factor == 0:
        return 0, 31
    mantissa, exponent = math.frexp(factor)
    multiplier = round_away(mantissa * 2**31)
    if multiplier == 2**31:
        multiplier, exponent = 2**30, exponent + 1
    if exponent < -31:
        return 0, 31
    if exponent > 30:
        raise Unsupported(f"a rescaling factor of {factor:g}", "correct the scales")
    return multiplier, 31 - exponent


def float32_factor(first: float, second: float, divisor: float) -> float:
    """``first * second / divisor`` in float32, as some kernels compute their factors."""
    with np.errstate(all="ignore"):
        return float(np.float32(first) * np.float32(second) / np.float32(divisor))


def reduced_multiplier(factor: float) -> tuple[int, int]:
    """A real factor as ``(m, r)`` of R, as the kernels scale accumulators of 64 bits.

    The multiplier keeps 16 of its 31 bits (``MultiplyByQuantizedMultiplier`` of int64).
    """
    multiplier, shift = quantize_multiplier(factor)
    if shift < 31 - 7:
        raise Unsupported(f"a rescaling factor of {factor:g}", "correct the scales")
    reduced = min((multiplier + (1 << 15)) >> 16, 0x7FFF)
    return reduced, shift - 16


def ratio(a: float, b: float) -> float:
    """``a / b`` where the kernel divides float32 by float32."""
    return float(np.float32(a) / np.float32(b))


def activation_range(
    activation: str, scale: float, zero_point: int, limits: tuple[int, int] = (INT8_MIN, INT8_MAX)
) -> tuple[int, int]:
    """Clamp bounds of an integer result with a fused activation; limits are those of its type."""
    low, high = BOUNDS[activation]
    bounds = list(limits)
    for i, real in enumerate((low, high)):
        if math.isfinite(real):
            raw = quantize_bound(real, scale, zero_point)
            bounds[i] = max(limits[0], raw) if i == 0 else min(limits[1], raw)
    return bounds[0], bounds[1]


def quantize_bound(real: float, scale: float, zero_point: int) -> int:
    """The raw value of an activation's bound: the kernels divide float32 by float32."""
    with np.errstate(over="ignore"):
        steps = float(np.float32(real) / np.float32(scale))
    if not abs(steps) < 2**31:
        raise Unsupported(f"an output scale of {scale:g}", "quantize the output again")
    return zero_point + round_away(steps)


def requantize_table(
    scale: float, zero_point: int, output_scale: float, output_zero_point: int, factor: float
) -> Int64:
    """What D makes of each int8 value: index 0 is -128. Not clamped."""
    multiplier, shift = quantize_multiplier(factor)
    values = np.arange(INT8_MIN, INT8_MAX + 1) - zero_point
    return rescale_twice(values, multiplier, shift) + output_zero_point


def exponential_on_negatives(x: npt.ArrayLike) -> Int64:
    """``exp(x)`` for x <= 0 in steps of 2**-26; the result in steps of 2**-31, below 1.

    A Taylor polynomial around -1/8 for the rest below a quarter, and one multiplication for each
    bit above: gemmlowp's ``exp_on_negative_values`` with 5 integer bits.
    """
    a = np.asarray(x, np.int64)
    quarter = 1 << 24
    rest = (a & (quarter - 1)) - quarter
    remainder = rest - a
    y = (rest << 5) + (1 << 28)
    y2 = _product(y, y)
    y3, y4 = _product(y2, y), _product(y2, y2)
    high = _product(round_divide(y4, 2) + y3, round(2**31 / 3)) + y2
    polynomial = y + round_divide(high, 1)
    base = round(math.exp(-1 / 8) * 2**31)
    result = base + _product(np.full_like(a, base), polynomial)
    for exponent in range(-2, 5):
        factor = round(math.exp(-(2.0**exponent)) * 2**31)
        bit = (remainder >> (26 + exponent)) & 1
        result = np.where(bit == 1, _product(result, np.full_like(a, factor)), result)
    return np.where(a == 0, 2**31 - 1, result)


def _product(a: Int64, b: Int64 | int) -> Int64:
    result: Int64 = (a * np.int64(b) + (1 << 30)) >> 31
    return result


def softmax_table(scale: float, beta: float) -> npt.NDArray[np.int32]:
    """The exponentials of ``qnn.tflite_softmax``: entry d is for an input d below the maximum."""
    integer_bits = 5
    factor = min(beta * scale * (1 << (31 - integer_bits)), 2.0**31 - 1)
    if not factor > 1:
        raise Unsupported(f"beta * scale = {beta * scale:g}", "use a larger input scale")
    multiplier, shift = quantize_multiplier(factor)
    left = 31 - shift
    radius = math.floor(((1 << integer_bits) - 1) * (1 << (31 - integer_bits)) / (1 << left))
    below = np.arange(256, dtype=np.int64)
    scaled = rescale_twice(-np.minimum(below, max(radius, 0)), multiplier, shift)
    table = np.where(below <= radius, exponential_on_negatives(scaled), 0)
    return table.astype(np.int32)
