"""CONV_2D and DEPTHWISE_CONV_2D: integers, float32, and float32 with int8 weights (hybrid).

The kernels' rescaling rounds twice (``MultiplyByQuantizedMultiplier``), with one multiplier for
each output channel; with a bias of 64 bits, which int16 models have, it rounds once. int8 weights
are symmetric: the kernels ignore a zero point of theirs. uint8 weights have one.
"""

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Tensor, Unsupported
from tinyiree.importers.tflite.arithmetic import quantize_multiplier, reduced_multiplier
from tinyiree.importers.tflite.call import Call, Entry, put
from tinyiree.importers.tflite.hybrid import HYBRID_OPS, hybrid, is_hybrid, weight_scales
from tinyiree.importers.tflite.model import Array
from tinyiree.importers.tflite.types import ARITHMETIC, limits
from tinyiree.importers.tflite.window import window
from tinyiree.ir.build import Attribute

_KERNEL_OPS = ("nn.conv2d", "nn.clamp", "qnn.conv2d", "qnn.hybrid_conv2d", *HYBRID_OPS)
_WORD_LIMIT, _LONG_LIMIT = 2**31 - 1, 2**47 - 1
"""The greatest accumulators that the kernels can rescale."""


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
    dtype = weighted_type(call)
    geometry = window(call, weights.shape[1:3], len(weights))
    attributes: dict[str, Attribute] = {
        **geometry.attributes,
        "dilations": geometry.dilations,
        "groups": groups,
    }
    if is_hybrid(call):
        # The depthwise kernel and the one for several scales use the whole range of int8.
        asymmetric = axis != 0 or groups != 1 or len(set(call.parameters(call.input(1)).scales)) > 1
        bias = bias_of(call, len(weights), np.float32)
        return hybrid(call, call.value(0), weights, bias, axis, asymmetric, attributes)
    if dtype == "float32":
        operands = [call.value(0), weights, bias_of(call, len(weights), np.float32)]
        return call.clamped(call.emit("nn.conv2d", operands, attributes))
    return integer_convolution(call, weights, axis, attributes)


def weighted_type(call: Call) -> str:
    """The type of data and weights: the same, but int16 data and hybrid float32 have int8 weights.

    Raises:
        Unsupported: another combination.
    """
    data, weights = call.input(0), call.input(1)
    dtype = call.expect(ARITHMETIC, 0)
    expected = {"int16": ("int8",), "float32": ("float32", "int8")}.get(data.dtype, (data.dtype,))
    if weights.dtype not in expected:
        raise Unsupported(
            f"weights {weights} for the data {data}, expected {' or '.join(expected)}",
            "quantize weights to int8, or keep the whole operator in float32",
        )
    call.expect_output()
    return dtype


def integer_convolution(
    call: Call,
    weights: Array,
    axis: int,
    attributes: dict[str, Attribute],
    blocks: int = 1,
    shape: tuple[int, ...] | None = None,
) -> ir.Value:
    """``qnn.conv2d``.

    Args:
        call: an operator with data, weights, perhaps bias, and one output.
        weights: ``[O, KH, KW, C/G]`` as the op of the normal form has them.
        axis: which axis of the weights in the file is that of the output channels.
        attributes: of the window, and groups.
        blocks: how often the operator's output channels are repeated.
        shape: of the result, by default the operator's output.
    """
    _, zero_point = call.quantization(call.input(0))
    channels = len(weights) // blocks
    factors = rescaling_factors(call, channels, axis) * blocks
    bias = np.tile(integer_bias(call, channels), blocks)
    long = bias.dtype == np.int64
    encode = reduced_multiplier if long else quantize_multiplier
    pairs = np.array([encode(factor) for factor in factors], np.int32)
    weights = centered_weights(call, weights)
    check_accumulator(call, weights, bias, zero_point)
    rounding: dict[str, Attribute] = {} if long else {"rounding": "double"}
    return call.emit(
        "qnn.conv2d",
        [call.value(0), weights, narrow(bias), pairs[:, 0], pairs[:, 1]],
        {**rounding, "input_zero_point": zero_point, **call.integer_output(), **attributes},
        shape,
    )


def bias_of(call: Call, channels: int, *dtypes: type[np.generic]) -> Array:
    """The bias (input 2) of one of the types, zeros of the first when there is none."""
    if not call.has(2):
        return np.zeros(channels, dtypes[0])
    bias = call.constant(2, "bias")
    if bias.size != channels or bias.dtype not in dtypes:
        listed = " or ".join(str(np.dtype(dtype)) for dtype in dtypes)
        raise Unsupported(
            f"the bias {call.input(2)}, expected {channels} values of {listed}",
            "convert the model again",
        )
    return bias.reshape(channels)


def integer_bias(call: Call, channels: int) -> Array:
    """The bias of an integer operator: int64, or int32, for int16 data, else int32."""
    if call.input(0).dtype == "int16":
        return bias_of(call, channels, np.int64, np.int32)
    return bias_of(call, channels, np.int32)


def narrow(bias: Array) -> Tensor:
    """A bias as int32 where its numbers are that small."""
    if np.array_equal(bias.astype(np.int32), bias):
        return bias.astype(np.int32)
    return put(bias)


def centered_weights(call: Call, weights: Array) -> Array:
    """Weights without their zero point: int8 where they fit, else int16."""
    (zero_point,) = set(call.parameters(call.input(1)).zero_points)
    centered = weights.astype(np.int16) - np.int16(zero_point)
    fits = np.array_equal(centered.astype(np.int8), centered)
    return centered.astype(np.int8) if fits else centered


def rescaling_factors(call: Call, channels: int, axis: int) -> list[float]:
    """Input scale x weight scale / output scale for each output channel, as the kernels compute it.

    Args:
        call: an operator with data, weights and one output.
        channels: number of output channels.
        axis: which axis of the weights those are, in the file.
    """
    scales = weight_scales(call, channels, axis)
    input_scale, _ = call.quantization(call.input(0))
    output_scale, _ = call.quantization(call.output())
    if call.input(0).dtype == "uint8" and call.op.name != "FULLY_CONNECTED":
        # Here alone the product of the scales is one of float32.
        product = np.float32(input_scale) * np.float32(scales[0])
        return [float(product) / output_scale] * channels
    factors = [input_scale * scale / output_scale for scale in scales]
    return factors * channels if len(factors) == 1 else factors


def check_accumulator(call: Call, weights: Array, bias: Array, zero_point: int) -> int:
    """The greatest absolute value that an accumulator can take.

    Raises:
        Unsupported: more than the kernels can add or rescale.
    """
    low, high = limits(call.input(0).dtype)
    farthest = max(high - zero_point, zero_point - low)
    per_channel = np.abs(weights.astype(np.int64)).reshape(len(weights), -1).sum(axis=1)
    most = int((np.abs(bias.astype(np.int64)) + farthest * per_channel).max())
    if most > (_LONG_LIMIT if bias.dtype == np.int64 else _WORD_LIMIT):
        bits = 48 if bias.dtype == np.int64 else 32
        raise Unsupported(
            f"the sum of products may exceed {bits} bits", "use fewer inputs for each output"
        )
    return most


_NOTE = "float32 also with int8 weights; int16 with int8 weights"

ENTRIES: dict[str, Entry] = {
    "CONV_2D": Entry(conv2d, _KERNEL_OPS, ARITHMETIC, 6, _NOTE),
    "DEPTHWISE_CONV_2D": Entry(depthwise_conv2d, _KERNEL_OPS, ARITHMETIC, 6, _NOTE),
}
