"""Functions of int16: tables of 513 values that are interpolated, and the kernels' sigmoid.

Facts from LiteRT's ``kernels/internal/common.h`` (LUTPopulate of int16), ``activations.cc`` and
``reference/integer_ops/logistic.h``; checked against the interpreter by the tests.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.arithmetic import quantize_multiplier
from tinyiree.importers.tflite.call import Call
from tinyiree.ir.build import Attribute

Float64 = npt.NDArray[np.float64]

_STEPS = 512
_RANGE = 65535
_SOFTMAX_LEAST = 10.0
"""exp(-10) and less counts as exp(-10)."""

_SIGMOID_ENTRIES = 256
_SIGMOID_STEP = 1 / 24
_SIGMOID_UNIT = 3 * 4096.0


def interpolation_table(
    function: Callable[[Float64], Float64], scale: float, zero_point: int, output_scale: float
) -> npt.NDArray[np.int16]:
    """The values that ``qnn.tflite_lookup`` interpolates, moved to halve the error in the middle.

    Args:
        function: of real numbers.
        scale, zero_point: of the operand.
        output_scale: of the result, whose zero point is 0.
    """
    low, high = scale * (-32768 - zero_point), scale * (32767 - zero_point)
    step = (high - low) / _STEPS
    factor = (_RANGE + 1) / (output_scale * 32767 - output_scale * -32768)
    start = low + np.arange(_STEPS, dtype=np.float64) * step
    after = low + np.arange(1, _STEPS + 1, dtype=np.float64) * step
    value = _away(function(start) * factor)
    middle = _away((function(after) * factor + value) / 2)
    error = middle - _away(function(start + step / 2) * factor)
    last = _away(function(np.array([high])) * factor)
    table = np.concatenate([value - _away(error / 2), last])
    result: npt.NDArray[np.int16] = np.clip(table, -32768, 32767).astype(np.int16)
    return result


def _away(x: Float64) -> Float64:
    """C's ``round``."""
    whole = np.trunc(x)
    result: Float64 = whole + np.sign(x) * (np.abs(x - whole) >= 0.5)
    return result


def softmax16(call: Call, x: ir.Value, scale: float, beta: float) -> ir.Value:
    """SOFTMAX of int16."""
    exponential = interpolation_table(np.exp, _SOFTMAX_LEAST / _RANGE, 32767, 2 / _RANGE)
    reciprocal = interpolation_table(lambda v: 1 / (1 + v), 1 / _RANGE, -32768, 2 / _RANGE)
    product = float(np.float32(scale) * np.float32(beta))
    multiplier, shift = quantize_multiplier(product / (_SOFTMAX_LEAST / _RANGE))
    return call.emit(
        "qnn.tflite_softmax16",
        [x, exponential, reciprocal],
        {"multiplier": multiplier, "shift": shift},
    )


def sigmoid16(call: Call, name: str) -> ir.Value:
    """LOGISTIC or TANH of int16: a table of the sigmoid in steps of 1/24, interpolated."""
    scale, zero_point = call.quantization(call.input(0))
    if zero_point != 0 or call.quantization(call.output()) != (1 / 32768, 0):
        raise Unsupported(
            f"{call.input(0)} and the output {call.output()}, expected zero points of 0 and an "
            "output scale of 1/32768",
            "convert the model again with a current converter",
        )
    multiplier, shift = _input_factor(scale, 1 if name == "tanh" else 0)
    attributes: dict[str, Attribute] = {"fn": name, "multiplier": multiplier, "shift": shift}
    return call.emit("qnn.tflite_sigmoid", [call.value(0), _sigmoid_table()], attributes)


def _sigmoid_table() -> npt.NDArray[np.int32]:
    """The sigmoid at multiples of 1/24 in steps of 2**-16, moved as those of the other tables are.

    The last entry is the limit that the interpolation ends at.
    """
    at = np.arange(_SIGMOID_ENTRIES + 1) * _SIGMOID_STEP
    real, middle = 65536 / (1 + np.exp(-at)), 65536 / (1 + np.exp(-at - _SIGMOID_STEP / 2))
    error = (real[:-1] + real[1:]) / 2 - middle[:-1]
    table: npt.NDArray[np.int32] = np.round(real[:-1] - error / 2).astype(np.int32)
    table[-1] = 65535
    return table


def _input_factor(scale: float, most: int) -> tuple[int, int]:
    """What brings an operand to steps of 1/(3 * 4096): 3 times a power of two up to ``most``."""
    mantissa, exponent = math.frexp(scale)
    left = 12 + exponent - 1
    if mantissa == 0.5 and 0 <= left <= most:
        return 3 << left, 0
    factor, shift = scale * _SIGMOID_UNIT, 0
    while factor <= 32767 / 2 and shift <= 30:
        factor, shift = factor * 2, shift + 1
    if not factor < 2**16:
        raise Unsupported(f"an input scale of {scale:g}", "quantize the input with a smaller scale")
    return int(factor), shift
