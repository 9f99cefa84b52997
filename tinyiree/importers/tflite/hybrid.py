"""Hybrid operators: float32 data, int8 weights. The data is quantized when the model runs.

The kernels find the range of each image, or row, quantize it to int8, multiply integers, and scale
the sums. The ops of the normal form do the same in float32; results agree with the kernels but for
the last bits of a float32, and where one of those decides how a number is rounded to int8.
"""

from collections.abc import Mapping

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.call import Call
from tinyiree.importers.tflite.model import Array
from tinyiree.ir import access
from tinyiree.ir.build import Attribute

HYBRID_OPS = ("nn.dynamic_range", "nn.dynamic_quantize")
_COLUMNS = 3  # of nn.dynamic_range: scale, its inverse, zero point


def is_hybrid(call: Call) -> bool:
    """True for float32 data and int8 weights."""
    return call.input(0).dtype == "float32" and call.input(1).dtype == "int8"


def hybrid(
    call: Call,
    x: ir.Value,
    weights: Array,
    bias: Array,
    axis: int,
    asymmetric: bool,
    attributes: Mapping[str, Attribute] | None = None,
    shape: tuple[int, ...] | None = None,
) -> ir.Value:
    """A convolution (with attributes) or linear layer (without).

    Args:
        call: the operator.
        x: its data, whose first axis counts what is quantized by itself.
        weights: int8, output channels first.
        bias: float32, one for each channel.
        axis: which axis of the weights in the file is that of the output channels.
        asymmetric: quantize with a zero point.
        attributes: of ``qnn.hybrid_conv2d``.
        shape: of the result, by default the operator's output.
    """
    scales = np.array(weight_scales(call, len(weights), axis), np.float32)
    scales = np.broadcast_to(scales, len(weights))
    found = call.emit(
        "nn.dynamic_range", [x], {"asymmetric": asymmetric}, (access.shape(x)[0], _COLUMNS)
    )
    # Without the zero point, which needs nine bits.
    element = "i16" if asymmetric else "i8"
    whole = call.emit("nn.dynamic_quantize", [x, found], {}, access.shape(x), element)
    name = "qnn.hybrid_fully_connected" if attributes is None else "qnn.hybrid_conv2d"
    operands = [whole, weights, bias, scales, found]
    return call.clamped(call.emit(name, operands, attributes or {}, shape, "f32"))


def weight_scales(call: Call, channels: int, axis: int) -> tuple[float, ...]:
    """The scales of weights, which are input 1: one, or one for each output channel.

    Raises:
        Unsupported: another axis, or a zero point that the kernels do not know.
    """
    weights = call.input(1)
    found = call.parameters(weights)
    if len(found.scales) > 1 and (found.axis != axis or len(found.scales) != channels):
        raise Unsupported(
            f"{weights} is quantized along axis {found.axis}, expected {axis}",
            "quantize weights per output channel",
        )
    if weights.dtype == "uint8":
        if len(found.scales) > 1:
            raise Unsupported(f"{weights} has {len(found.scales)} scales", "quantize to int8")
    elif any(found.zero_points):
        raise Unsupported(
            f"{weights} has a zero point of {next(z for z in found.zero_points if z)}, expected 0",
            "quantize weights symmetrically, as the specification of int8 models asks",
        )
    return found.scales
