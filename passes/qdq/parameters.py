"""Scale and zero point of an int8 tensor: from a range, and to and from quantize/dequantize ops."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access, build

Array = npt.NDArray[np.generic]

QMIN, QMAX = -128, 127
FLOAT_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Parameters:
    """Per-tensor int8 quantization: ``real = (q - zero_point) * scale``.

    Attributes:
        scale: positive; exactly a float32, so that C code and host code agree on it.
        zero_point: in [-128, 127].
    """

    scale: float
    zero_point: int

    @property
    def low(self) -> float:
        """The real value of -128."""
        return (QMIN - self.zero_point) * self.scale

    @property
    def high(self) -> float:
        """The real value of 127."""
        return (QMAX - self.zero_point) * self.scale

    def quantize(self, values: Array) -> npt.NDArray[np.int8]:
        """``clamp(round_half_even(x / scale) + zero_point)`` in float64."""
        quantized = np.rint(values.astype(np.float64) / self.scale) + self.zero_point
        result: npt.NDArray[np.int8] = np.clip(quantized, QMIN, QMAX).astype(np.int8)
        return result

    def write(self, value: ir.Value) -> ir.Value:
        """Quantize and dequantize a float value at the current insertion point and location."""
        attributes: dict[str, build.Attribute] = {
            "scales": [self.scale],
            "zero_points": [self.zero_point],
            "axis": 0,
        }
        shape = access.shape(value)
        quantized = build.op("nn.quantize", [value], shape, "i8", **attributes)
        return build.op("nn.dequantize", [quantized], shape, "f32", **attributes)


def from_range(low: float, high: float) -> Parameters:
    """Asymmetric int8 parameters that cover [low, high], widened to include 0.

    The zero point is an integer, so 0.0 is exact. A range of zero width (a tensor that is always
    0) gets a step of 1/255: any would do, but a later layer's bias is counted in it.
    """
    low, high = max(min(low, 0.0), -FLOAT_MAX / 4), min(max(high, 0.0), FLOAT_MAX / 4)
    scale = float(np.float32((high - low) / (QMAX - QMIN)))
    if scale < float(np.finfo(np.float32).tiny):
        return Parameters(float(np.float32(1 / 255)), QMIN if low == 0 else QMAX)
    zero_point = int(np.clip(np.rint(QMIN - low / scale), QMIN, QMAX))
    return Parameters(scale, zero_point)


def parameters_of(op: ir.Operation) -> Parameters | None:
    """The parameters of a per-tensor ``nn.quantize`` or ``nn.dequantize``; None for other ops."""
    if op.name not in ("nn.quantize", "nn.dequantize"):
        return None
    scales, zero_points = access.floats(op, "scales"), list(access.ints(op, "zero_points"))
    if len(scales) != 1 or len(zero_points) != 1:
        return None
    return Parameters(scales[0], zero_points[0])


def parameters_behind(value: ir.Value) -> Parameters | None:
    """The parameters of the int8 tensor that a float value is dequantized from, if it is."""
    op = access.defining_op(value)
    if op is None or op.name != "nn.dequantize" or access.element_type(op.operands[0]) != "i8":
        return None
    return parameters_of(op)
