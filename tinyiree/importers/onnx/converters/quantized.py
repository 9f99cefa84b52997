"""QuantizeLinear and DequantizeLinear."""

import numpy as np
from iree.compiler import ir

from tinyiree.importers import emit
from tinyiree.importers.call import Result, Unsupported, materialize, shape_of
from tinyiree.importers.onnx.node import Entry, Node, front_axis
from tinyiree.ir import access, build

_REMEDY = "quantize activations and weights to 8 bits (int8 or uint8), in the QDQ format"

# TensorProto.DataType (onnx.proto) of the attribute output_dtype; 0 stands for "not given".
_OUTPUT_TYPES = {0: "uint8", 2: "uint8", 3: "int8"}


def _quantize(node: Node) -> Result:
    """QuantizeLinear(x, scale, zero_point): ``saturate(round_half_even(x / scale) + zero_point)``.

    uint8 is held as int8, everything 128 lower, which is exact.
    """
    x = node.real(0)
    scales, zero_points, dtype = _parameters(node)
    if dtype not in ("int8", "uint8"):
        raise Unsupported(f"a quantization to {dtype}", _REMEDY)
    if dtype == "uint8":
        zero_points = [zero_point - 128 for zero_point in zero_points]
    axis = _axis(node, len(scales))
    return emit.explicit_quantize(materialize(x), scales, zero_points, axis)


def _dequantize(node: Node) -> Result:
    """DequantizeLinear(x, scale, zero_point): ``(x - zero_point) * scale``."""
    x = node.raw(0)
    scales, zero_points, dtype = _parameters(node)
    if isinstance(x, ir.Value):
        dtype = {"si8": "int8", "ui8": "uint8"}.get(node.dtype(0), node.dtype(0))
    else:
        dtype = str(x.dtype)
    if dtype not in ("int8", "uint8", "int32"):
        raise Unsupported(f"a quantized tensor of {dtype}", _REMEDY)
    if dtype == "uint8":
        zero_points = [zero_point - 128 for zero_point in zero_points]
        if not isinstance(x, ir.Value):
            x = (x.astype(np.int16) - 128).astype(np.int8)
    if dtype == "int32" and any(zero_points):
        raise Unsupported("an int32 tensor with a zero point", "set its zero point to 0")
    axis = _axis(node, len(scales))
    value = materialize(x)
    return build.op(
        "nn.dequantize",
        [value],
        access.shape(value),
        "f32",
        scales=scales,
        zero_points=zero_points,
        axis=axis,
    )


def _parameters(node: Node) -> tuple[list[float], list[int], str]:
    """Scales, zero points and the integer type that QuantizeLinear gives."""
    scale = node.constant(1, "the scale")
    if node.integer_attribute("block_size", 0) or scale.ndim > 1:
        raise Unsupported("scales for blocks of elements", "quantize per tensor or per channel")
    if str(scale.dtype) != "float32":
        raise Unsupported(f"a scale of {scale.dtype}", "quantize a float32 model")
    scales = [float(s) for s in scale.ravel()]
    if not all(np.isfinite(s) and s > 0 for s in scales):
        raise Unsupported(
            "a scale that is not above zero", "calibrate with data that is not all zero"
        )
    if not node.given(2):
        code = node.integer_attribute("output_dtype", 0)
        return scales, [0] * len(scales), _OUTPUT_TYPES.get(code, f"type {code}")
    zero_point = node.constant(2, "the zero point")
    if zero_point.size not in (1, len(scales)):
        raise Unsupported(
            f"{len(scales)} scales and {zero_point.size} zero points", "give one of each"
        )
    dtype = str(zero_point.dtype)
    if dtype not in ("int8", "uint8", "int32"):
        raise Unsupported(f"a zero point of {dtype}", _REMEDY)
    zero_points = [int(z) for z in np.broadcast_to(zero_point.ravel(), len(scales))]
    return scales, zero_points, dtype


def _axis(node: Node, count: int) -> int:
    """The axis of the scales; 0 for a single scale."""
    if count == 1:
        return 0
    shape = shape_of(node.raw(0))
    axis = front_axis(node.integer_attribute("axis", 1), len(shape))
    if shape[axis] != count:
        raise Unsupported(
            f"{count} scales for an axis of {shape[axis]} elements", "export the model again"
        )
    return axis


ENTRIES: dict[str, Entry] = {
    "QuantizeLinear": Entry(_quantize, ("nn.quantize",), ("int8", "uint8")),
    "DequantizeLinear": Entry(_dequantize, ("nn.dequantize",), ("int8", "uint8", "int32")),
}

REMEDIES: dict[str, str] = {
    "DynamicQuantizeLinear": "use static quantization (onnxruntime: quantize_static), not dynamic",
    "QLinearAdd": "quantize to the QDQ format (onnxruntime: QuantFormat.QDQ)",
}
