"""HARD_SWISH of int8: the 16-bit arithmetic of ``reference/hard_swish.h``, for all 256 inputs."""

import numpy as np
import numpy.typing as npt

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.arithmetic import quantize_multiplier
from tinyiree.importers.tflite.call import Call
from tinyiree.ir.fixedpoint import round_divide

Int64 = npt.NDArray[np.int64]

_WORD_MIN, _WORD_MAX = -(2**15), 2**15 - 1
_HIGH_RESOLUTION_BITS = 7


def hard_swish_table(call: Call) -> Int64:
    """``x * relu6(x + 3) / 6`` for -128, -127, ..., 127; not clamped.

    x is multiplied by a fixed-point number in [0, 1], ``(x + 3) / 6`` saturated; both have 16 bits.

    Raises:
        Unsupported: the output scale is below 1/128 of the input scale, which the kernel refuses.
    """
    scale, zero_point = call.quantization(call.input(0))
    output_scale, output_zero_point = call.quantization(call.output())
    fine_scale = np.float32(1 / 128) * np.float32(scale)
    output_factor, output_exponent = _half_word(float(fine_scale / np.float32(output_scale)))
    if output_exponent > 0:
        raise Unsupported(
            f"an output scale of {output_scale:g} for an input of scale {scale:g}",
            "quantize the output with a greater scale",
        )
    gate_scale = np.float32(3) / np.float32(32768)
    gate_factor, gate_exponent = _half_word(float(fine_scale / gate_scale))
    fine = (np.arange(-128, 128, dtype=np.int64) - zero_point) << _HIGH_RESOLUTION_BITS
    gate = fine
    if gate_exponent > 0:
        gate = _saturated(gate << (gate_exponent - 1))
    gate = _product(gate, gate_factor)
    if gate_exponent > 0:
        gate = _saturated(gate << 1)
    elif gate_exponent < 0:
        gate = round_divide(gate, -gate_exponent)
    gate = (gate + 2**15) >> 1
    # This product rounds towards zero.
    product = gate * _product(fine, output_factor)
    product = np.sign(product) * (np.abs(product) >> 15)
    return round_divide(product, -output_exponent) + output_zero_point


def _half_word(factor: float) -> tuple[int, int]:
    """A factor as a 15-bit fraction and an exponent of 2."""
    multiplier, shift = quantize_multiplier(factor)
    return min((multiplier + (1 << 15)) >> 16, _WORD_MAX), 31 - shift


def _product(a: Int64, b: int) -> Int64:
    """Of numbers in steps of 2**-15, rounded to nearest, halves up."""
    return (a * b + (1 << 14)) >> 15


def _saturated(x: Int64) -> Int64:
    return np.clip(x, _WORD_MIN, _WORD_MAX)
