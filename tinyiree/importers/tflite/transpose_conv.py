"""TRANSPOSE_CONV as a convolution that gives all pixels of a block at once.

With stride s, output pixel ``s t + p`` (before cropping) reads the inputs ``t - q`` with the
weights ``p + s q``, for all q. So it is a convolution with the taps q, without a stride, that has s
outputs for each row and s for each column instead of one; depth to space puts them in place. Where
the kernel's extent is no multiple of s, its weights are filled up with zeros.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyiree.importers.call import Tensor, Unsupported, shape_of
from tinyiree.importers.tflite.call import Call, Entry
from tinyiree.importers.tflite.convolution import bias_of, integer_convolution, weighted_type
from tinyiree.importers.tflite.hybrid import is_hybrid
from tinyiree.importers.tflite.model import Array
from tinyiree.importers.tflite.movement import sliced, transposed
from tinyiree.importers.tflite.types import ARITHMETIC
from tinyiree.importers.tflite.window import SAME, VALID
from tinyiree.ir.build import Attribute

_MAX_WEIGHTS = 2**24


@dataclass(frozen=True)
class _Axis:
    """One axis of the image.

    Attributes:
        stride: of the operator.
        taps: of the convolution.
        padding: of the convolution, before and after.
        crop: elements of its first block that are not part of the result.
    """

    stride: int
    taps: int
    padding: tuple[int, int]
    crop: int


def transpose_conv(call: Call) -> Tensor:
    """TRANSPOSE_CONV (output shape, weights ``[O, KH, KW, C]``, data, perhaps bias)."""
    # In the order of the other convolutions: data, weights, bias.
    inputs = (*call.op.inputs[2:0:-1], *call.op.inputs[3:])
    call = replace(call, op=replace(call.op, inputs=inputs))
    dtype = weighted_type(call)
    if is_hybrid(call):
        raise Unsupported(f"float32 data {call.input(0)} for int8 weights", "use float32 weights")
    weights = call.constant(1, "weights")
    shape, output = call.input(0).shape, call.output().shape
    fits = weights.ndim == len(shape) == len(output) == 4
    if not fits or (shape[3], output[3], output[0]) != (weights.shape[3], len(weights), shape[0]):
        raise Unsupported(
            f"weights of shape {list(weights.shape)} for {call.input(0)} and {call.output()}",
            "convert the model again",
        )
    axes = [_axis(call, weights.shape[1:3], i) for i in (0, 1)]
    blocks = axes[0].stride * axes[1].stride
    folded_size = blocks * axes[0].taps * axes[1].taps * len(weights) * weights.shape[3]
    if folded_size > _MAX_WEIGHTS:
        raise Unsupported(
            f"strides of {axes[0].stride} and {axes[1].stride}, which need {folded_size} weights",
            "use strides up to the size of the kernel",
        )
    folded = _fold(weights, axes, _filling(call))
    before, after = ([axis.padding[i] for axis in axes] for i in (0, 1))
    attributes: dict[str, Attribute] = {
        "strides": [1, 1],
        "padding": [*before, *after],
        "dilations": [1, 1],
        "groups": 1,
    }
    extents = [
        n + sum(axis.padding) - axis.taps + 1 for n, axis in zip(shape[1:3], axes, strict=True)
    ]
    result = (shape[0], *extents, len(folded))
    if dtype == "float32":
        bias = np.tile(bias_of(call, len(weights), np.float32), blocks)
        y = call.emit("nn.conv2d", [call.value(0), folded, bias], attributes, result)
        return call.clamped(_unfold(call, y, axes))
    y = integer_convolution(call, folded, 0, attributes, blocks, result)
    return _unfold(call, y, axes)


def _axis(call: Call, kernel: Sequence[int], index: int) -> _Axis:
    stride = call.option(("stride_h", "stride_w")[index])
    size, output, extent = (
        kernel[index],
        call.output().shape[index + 1],
        call.input(0).shape[index + 1],
    )
    padding = call.option("padding", SAME)
    if padding not in (SAME, VALID) or stride < 1:
        raise Unsupported(f"padding {padding}, stride {stride}", "use SAME or VALID")
    # The forward convolution's padding, from the output back to the input.
    count = -(-output // stride) if padding == SAME else (output - size + stride) // stride
    before = max((count - 1) * stride + size - output, 0) // 2
    if count != extent:
        raise Unsupported(
            f"{call.output()} for {call.input(0)}, expected an output that a convolution with this "
            f"stride and padding would make {extent} long along axis {index + 1}",
            "correct the output shape",
        )
    taps = -(-size // stride)
    first, last = before // stride, -(-(before + output) // stride)
    return _Axis(stride, taps, (taps - 1 - first, max(last - extent, 0)), before - first * stride)


def _filling(call: Call) -> int:
    """How a weight of 0 is stored."""
    if call.input(1).dtype != "uint8":
        return 0
    return int(call.parameters(call.input(1)).zero_points[0])


def _fold(weights: Array, axes: Sequence[_Axis], filling: int) -> Array:
    """Weights ``[SH * SW * O, taps, taps, C]`` of the convolution."""
    outputs, height, width, channels = weights.shape
    (sh, qh), (sw, qw) = ((axis.stride, axis.taps) for axis in axes)
    missing = ((0, 0), (0, sh * qh - height), (0, sw * qw - width), (0, 0))
    filled = np.pad(weights, missing, constant_values=filling)
    parts = filled.reshape(outputs, qh, sh, qw, sw, channels)
    # Tap j of a cross-correlation reads the input that tap q = taps - 1 - j of the sum reads.
    turned = parts[:, ::-1, :, ::-1].transpose(2, 4, 0, 1, 3, 5)
    return np.ascontiguousarray(turned).reshape(-1, qh, qw, channels)


def _unfold(call: Call, y: Tensor, axes: Sequence[_Axis]) -> Tensor:
    """Depth to space, and the part that is the result."""
    n, h, w, _ = shape_of(y)
    sh, sw = (axis.stride for axis in axes)
    output = call.output().shape
    y = transposed(call, call.reshaped(y, (n, h, w, sh, sw, output[3])), (0, 1, 3, 2, 4, 5))
    y = call.reshaped(y, (n, h * sh, w * sw, output[3]))
    return sliced(call, y, [0, *(axis.crop for axis in axes), 0], output, [1] * 4)


ENTRIES: dict[str, Entry] = {
    "TRANSPOSE_CONV": Entry(
        transpose_conv,
        ("nn.conv2d", "qnn.conv2d", "nn.clamp", "nn.reshape", "nn.transpose", "nn.slice"),
        ARITHMETIC,
        4,
        "int16 with int8 weights",
    ),
}
