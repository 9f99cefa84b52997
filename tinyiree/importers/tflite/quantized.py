"""QUANTIZE and DEQUANTIZE."""

from collections.abc import Sequence

import numpy as np

from tinyiree.importers.call import Tensor, Unsupported
from tinyiree.importers.tflite.arithmetic import quantize_multiplier, requantize_table
from tinyiree.importers.tflite.call import Call, Entry, integer_clamp, table_of
from tinyiree.importers.tflite.model import TensorInfo
from tinyiree.importers.tflite.types import ELEMENTS, QUANTIZED, limits, stored
from tinyiree.ir import access
from tinyiree.ir.build import Attribute

_OUTPUTS = {
    "float32": QUANTIZED,
    "int8": QUANTIZED,
    "uint8": QUANTIZED,
    "int16": ("int8", "int16", "int32"),
    "int32": ("int8", "int16"),
}
"""What QUANTIZE makes of each type."""


def quantize(call: Call) -> Tensor:
    """QUANTIZE: float32 to integers, halves away from zero; or integers to others."""
    dtype = call.expect(tuple(_OUTPUTS), 0)
    call.expect_output(*_OUTPUTS[call.input(0).dtype])
    if dtype == "float32":
        attributes = {**_parameters(call, call.output()), "rounding": "away"}
        return call.emit("nn.quantize", [call.value(0)], attributes, element=_output_element(call))
    scale, zero_point = call.quantization(call.input(0))
    output_scale, output_zero_point = call.quantization(call.output())
    if (dtype, stored(call.output().dtype)) != ("int8", "int8"):
        return requantized(call, scale / output_scale, limits(call.output().dtype))
    return table_of(
        call,
        requantize_table(scale, zero_point, output_scale, output_zero_point, scale / output_scale),
    )


def requantized(call: Call, factor: float, bounds: Sequence[int]) -> Tensor:
    """``qnn.requantize`` of input 0, clamped: nothing, or a clamp, where it changes no number.

    Raises:
        Unsupported: a difference to the zero point that may pass 32 bits, shifted as it has to be.
    """
    x, (_, zero_point) = call.value(0), call.quantization(call.input(0))
    multiplier, shift = quantize_multiplier(factor)
    _, output_zero_point = call.quantization(call.output())
    element = _output_element(call)
    if factor == 1 and zero_point == output_zero_point and access.element_type(x) == element:
        if tuple(bounds) == limits(call.output().dtype):
            return x
        return call.emit("qnn.clamp", [x], integer_clamp(bounds[0], bounds[1]))
    if access.reach(x, zero_point) << max(31 - shift, 0) > 2**31:
        raise Unsupported(
            f"a factor of {factor:g} from {call.input(0)} to {call.output()}", "correct the scales"
        )
    attributes: dict[str, Attribute] = {
        "rounding": "double",
        "input_zero_point": zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": output_zero_point,
        **integer_clamp(bounds[0], bounds[1]),
    }
    return call.emit("qnn.requantize", [x], attributes, element=element)


def _output_element(call: Call) -> str:
    return ELEMENTS[call.output().dtype]


def dequantize(call: Call) -> Tensor:
    """DEQUANTIZE: to float32; of a constant at once, as hybrid and float16 models need it."""
    call.expect(_DEQUANTIZED, 0)
    call.expect_output("float32")
    if call.input(0).dtype == "float16":
        return call.constant(0, "float16 tensor").astype(np.float32)
    attributes = _parameters(call, call.input(0))
    return call.emit("nn.dequantize", [call.value(0)], attributes, element="f32")


def _parameters(call: Call, tensor: TensorInfo) -> dict[str, Attribute]:
    """The quantization attributes of a tensor, per tensor or along an axis."""
    found = call.parameters(tensor)
    return {
        "scales": list(found.scales),
        "zero_points": list(found.zero_points),
        "axis": found.axis,
    }


_DEQUANTIZED = (*QUANTIZED, "float16")

ENTRIES: dict[str, Entry] = {
    "QUANTIZE": Entry(
        quantize,
        ("nn.quantize", "qnn.lookup", "qnn.clamp", "qnn.requantize"),
        tuple(_OUTPUTS),
        3,
        "from each of them to each that LiteRT makes of it",
    ),
    "DEQUANTIZE": Entry(dequantize, ("nn.dequantize",), _DEQUANTIZED, 6, "float16 constants alone"),
}
