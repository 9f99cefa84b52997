"""QUANTIZE and DEQUANTIZE."""

import numpy as np

from tinyiree.importers.call import Tensor, Unsupported
from tinyiree.importers.tflite.arithmetic import requantize_table
from tinyiree.importers.tflite.call import Call, Entry, table_of
from tinyiree.importers.tflite.model import TensorInfo
from tinyiree.ir.build import Attribute


def quantize(call: Call) -> Tensor:
    """QUANTIZE: float32 to int8, halves away from zero; or int8 to int8 of another scale."""
    dtype = call.expect(("float32", "int8"), 0)
    if call.output().dtype != "int8":
        raise Unsupported(f"the output {call.output()}, expected int8", "quantize to int8")
    if dtype == "float32":
        attributes = {**_parameters(call, call.output()), "rounding": "away"}
        return call.emit("nn.quantize", [call.value(0)], attributes, element="i8")
    scale, zero_point = call.quantization(call.input(0))
    output_scale, output_zero_point = call.quantization(call.output())
    return table_of(
        call,
        requantize_table(scale, zero_point, output_scale, output_zero_point, scale / output_scale),
    )


def dequantize(call: Call) -> Tensor:
    """DEQUANTIZE: int8 to float32; of a constant at once, as hybrid and float16 models need it."""
    call.expect(("int8", "float16"), 0)
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


ENTRIES: dict[str, Entry] = {
    "QUANTIZE": Entry(quantize, ("nn.quantize", "qnn.lookup", "qnn.clamp"), version=3),
    "DEQUANTIZE": Entry(dequantize, ("nn.dequantize",), ("int8", "float16"), version=6),
}
