"""CONV_2D and DEPTHWISE_CONV_2D, int8 and float32.

The kernels' rescaling rounds twice (``MultiplyByQuantizedMultiplier``), with one multiplier for
each output channel. Weights are symmetric: the kernels ignore a zero point of theirs.
"""

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.arithmetic import quantize_multiplier
from tinyiree.importers.tflite.call import Call, Entry
from tinyiree.importers.tflite.model import Array
from tinyiree.importers.tflite.window import window
from tinyiree.ir.build import Attribute

_KERNEL_OPS = ("nn.conv2d", "nn.clamp", "qnn.conv2d")


def conv2d(call: Call) -> ir.Value:
    """CONV_2D; fewer input channels in the weights than in the data make a grouped convolution."""
    weights = call.constant(1, "weights")
    return _convolve(call, weights, _groups(call, weights), 0)


def depthwise_conv2d(call: Call) -> ir.Value:
    """DEPTHWISE_CONV_2D: weights ``[1, KH, KW, C * multiplier]``, output channel o reads o // m."""
    weights = call.constant(1, "weights")
    channels = call.input(0).shape[-1]
    if weights.ndim != 4 or weights.shape[0] != 1 or weights.shape[3] % channels:
        raise Unsupported(
            f"weights of shape {list(weights.shape)} for {channels} channels",
            "convert the model again",
        )
    return _convolve(call, np.ascontiguousarray(weights.transpose(3, 1, 2, 0)), channels, 3)


def _groups(call: Call, weights: Array) -> int:
    channels = call.input(0).shape[-1]
    if weights.ndim != 4 or channels % weights.shape[3]:
        raise Unsupported(
            f"weights of shape {list(weights.shape)} for {channels} channels",
            "convert the model again",
        )
    return int(channels // weights.shape[3])


def _convolve(call: Call, weights: Array, groups: int, axis: int) -> ir.Value:
    """Weights ``[O, KH, KW, C/G]``; ``axis`` is that of the channels in the file."""
    dtype = call.expect(("int8", "float32"), 0, 1)
    geometry = window(call, weights.shape[1:3], len(weights))
    attributes: dict[str, Attribute] = {
        **geometry.attributes,
        "dilations": geometry.dilations,
        "groups": groups,
    }
    if dtype == "float32":
        operands = [call.value(0), weights, bias_of(call, len(weights), np.float32)]
        return call.clamped(call.emit("nn.conv2d", operands, attributes))
    _, zero_point = call.quantization(call.input(0))
    factors = rescaling_factors(call, len(weights), axis)
    pairs = np.array([quantize_multiplier(factor) for factor in factors], np.int32)
    bias = bias_of(call, len(weights), np.int32)
    check_accumulator(call, weights, bias, zero_point)
    return call.emit(
        "qnn.conv2d",
        [call.value(0), weights, bias, pairs[:, 0], pairs[:, 1]],
        {
            "rounding": "double",
            "input_zero_point": zero_point,
            **call.integer_output(),
            **attributes,
        },
    )


def bias_of(call: Call, channels: int, dtype: type[np.generic]) -> Array:
    """The bias (input 2), zeros when there is none."""
    if not call.has(2):
        return np.zeros(channels, dtype)
    bias = call.constant(2, "bias")
    if bias.size != channels or bias.dtype != dtype:
        raise Unsupported(
            f"the bias {call.input(2)}, expected {channels} values of {np.dtype(dtype)}",
            "convert the model again",
        )
    return bias.reshape(channels)


def rescaling_factors(call: Call, channels: int, axis: int) -> list[float]:
    """Input scale x weight scale / output scale for each output channel, as the kernels compute it.

    Args:
        call: an operator with data, weights and one output.
        channels: number of output channels.
        axis: which axis of the weights those are, in the file.
    """
    weights = call.input(1)
    found = call.parameters(weights)
    scales, zero_points = found.scales, found.zero_points
    if len(scales) > 1 and (found.axis != axis or len(scales) != channels):
        raise Unsupported(
            f"{weights} is quantized along axis {found.axis}, expected {axis}",
            "quantize weights per output channel",
        )
    if any(zero_points):
        raise Unsupported(
            f"{weights} has a zero point of {next(z for z in zero_points if z)}, expected 0",
            "quantize weights symmetrically, as the specification of int8 models asks",
        )
    input_scale, _ = call.quantization(call.input(0))
    output_scale, _ = call.quantization(call.output())
    factors = [input_scale * scale / output_scale for scale in scales]
    return factors * channels if len(factors) == 1 else factors


def check_accumulator(call: Call, weights: Array, bias: Array, zero_point: int) -> int:
    """The greatest absolute value that an accumulator can take.

    Raises:
        Unsupported: more than 32 bits; the kernels would overflow.
    """
    farthest = max(127 - zero_point, zero_point + 128)
    per_channel = np.abs(weights.astype(np.int64)).reshape(len(weights), -1).sum(axis=1)
    most = int((np.abs(bias.astype(np.int64)) + farthest * per_channel).max())
    if most > 2**31 - 1:
        raise Unsupported(
            "the sum of products may exceed 32 bits", "use fewer inputs for each output"
        )
    return most


ENTRIES: dict[str, Entry] = {
    "CONV_2D": Entry(conv2d, _KERNEL_OPS, version=6),
    "DEPTHWISE_CONV_2D": Entry(depthwise_conv2d, _KERNEL_OPS, version=6),
}
