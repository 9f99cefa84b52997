"""Convolutions: dense, depthwise and grouped; int8 with a requantizing epilogue, and float.

A dense convolution is linalg's named op, which IREE tiles for registers. A grouped one is a loop
over the window of each output element: its sums are short, and tiles of it waste more than they
save.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyiree.ir import access
from tinyiree.passes.lower import rescale, tiling
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.text import Array, Scalar, Tensor, Writer, along
from tinyiree.passes.lower.window import Tap, Window

_DTYPES = {"f32": np.float32, "i32": np.int32, "i64": np.int64}
"""Of sums, by element type."""

Finish = Callable[[Writer, Scalar, list[Scalar]], Scalar]
"""Makes an output element of its total and the elements of further inputs."""


@dataclass(frozen=True)
class Epilogue:
    """What follows the sums of products of a convolution or linear layer.

    Attributes:
        element: type of the sums.
        result: element type of the result.
        bias: per output channel, for sums of x * w over a whole window; float or int64.
        border_bias: the same for sums of (x - zero point) * w, which a clipped window has.
        inputs: further per-channel tensors.
        finish: applied to each total.
        rows: further tensors with one element for each of the first axis.
    """

    element: str
    result: str
    bias: Array
    border_bias: Array
    inputs: tuple[Tensor, ...]
    finish: Finish
    rows: tuple[Tensor, ...] = ()

    def apply(self, w: Writer, sums: Tensor) -> Tensor:
        """Add the bias to finished sums of shape [..., channels], and finish them."""
        offset = self.bias_tensors(w, self.bias) if self.bias.any() else []

        def body(b: Writer, e: list[Scalar]) -> Scalar:
            total, rest = e[0], e[1:-1]
            if offset:
                total, rest = add(b, total, rest[0]), rest[1:]
            return self.finish(b, total, rest)

        rank = len(sums.shape)
        last, everything = along(rank, rank - 1), along(rank, *range(rank))
        inputs = [(sums, everything), *((x, last) for x in (*offset, *self.inputs))]
        inputs += [(x, along(rank, 0)) for x in self.rows]
        return w.generic(inputs, (w.empty(sums.shape, self.result), everything), body)

    def bias_tensors(self, w: Writer, *biases: Array) -> list[Tensor]:
        """Biases as tensors of the sums' type."""
        return [w.constant(bias.astype(_DTYPES[self.element])) for bias in biases]


def add(b: Writer, x: Scalar, y: Scalar) -> Scalar:
    """Addition by type."""
    return b.arith("addf" if x.type == "f32" else "addi", x, y)


def multiply_accumulate(b: Writer, x: Scalar, y: Scalar, total: Scalar) -> Scalar:
    """``total + x * y`` in the type of the total."""
    if total.type == "f32":
        return b.arith("addf", total, b.arith("mulf", x, y))
    left, right = (b.cast("extsi", value, total.type) for value in (x, y))
    return b.arith("addi", total, b.arith("muli", left, right))


def integer_epilogue(w: Writer, layer: Layer, weights: Array) -> Epilogue:
    """Of an op with the operands (x, w, bias, multiplier, shift).

    The input's zero point goes into the bias: sum((x - zp) * w) = sum(x * w) - zp * sum(w). In
    32-bit arithmetic that is exact even where a partial sum wraps around.
    """
    zero_point = access.integer(layer.op, "input_zero_point")
    per_channel = weights.astype(np.int64).reshape(len(weights), -1)
    bias = layer.array(2, "bias").astype(np.int64)
    farthest = access.reach(layer.op.operands[0], zero_point)
    bound = np.abs(bias) + farthest * np.abs(per_channel).sum(axis=1)
    rescaling = rescale.plan(
        layer.array(3, "multiplier"),
        layer.array(4, "shift"),
        bound,
        rescale.Output.of(layer.op),
        access.rounding(layer.op),
    )
    operands = rescale.Operands.write(w, rescaling, bias.shape)
    folded = bias - zero_point * per_channel.sum(axis=1)
    # int16 data may need sums of 64 bits.
    element = "i32" if bound.max() < 2**31 else "i64"
    return Epilogue(element, layer.element, folded, bias, operands.inputs, operands.apply)


def float_epilogue(w: Writer, layer: Layer) -> Epilogue:
    """Of an op with the operands (x, w, bias), the bias being optional."""
    channels = layer.shape[-1]
    bias = layer.array(2, "bias") if layer.has(2) else np.zeros(channels, np.float32)
    return Epilogue("f32", "f32", bias, bias, (), lambda b, total, rest: total)


def convolve(w: Writer, layer: Layer, weights: Array, padding: int, end: Epilogue) -> Tensor:
    """Sums of products over the windows of operand 0, padded with a value, and what follows."""
    window = Window.of(layer, weights.shape[1:3])
    if access.integer(layer.op, "groups") == 1:
        return _dense(w, layer, weights, window, padding, end)
    return _grouped(w, layer, weights, window, padding, end)


def _dense(
    w: Writer, layer: Layer, weights: Array, window: Window, padding: int, end: Epilogue
) -> Tensor:
    x = window.pad(w, layer.tensor(w, 0), padding)
    filters = w.constant(weights.transpose(1, 2, 3, 0))  # OHWI -> HWIO
    start = w.filled(layer.shape, end.element, 0)
    tiles = tiling.convolution(len(weights), weights.shape[3])
    sums = w.named("conv_2d_nhwc_hwcf", [x, filters], start, [window.attributes, tiles])
    return end.apply(w, sums)


def _grouped(
    w: Writer, layer: Layer, weights: Array, window: Window, padding: int, end: Epilogue
) -> Tensor:
    """Depthwise and grouped: output o reads ``depth`` channels from o // filters * depth on."""
    outputs, _, _, depth = weights.shape
    filters = outputs // access.integer(layer.op, "groups")
    x = layer.tensor(w, 0)
    # Channels innermost, so that neighbouring outputs read neighbouring weights.
    kernel = w.constant(weights.transpose(1, 2, 3, 0))
    same = window.is_inside or bool((end.bias == end.border_bias).all())
    biases = end.bias_tensors(w, end.bias, *([] if same else [end.border_bias]))

    def step(b: Writer, total: Scalar, tap: Tap) -> Scalar:
        def product(i: Scalar, total: Scalar) -> Scalar:
            source = b.affine(f"d0 floordiv {filters} * {depth} + d1", tap.channel, i)
            value = b.extract(x, tap.n, tap.h, tap.w, source)
            if end.element != "f32":
                value = b.widen(value, 0 if tap.inside else padding, end.element)
            weight = b.extract(kernel, tap.kh, tap.kw, i, tap.channel)
            return multiply_accumulate(b, value, weight, total)

        zero = b.number(0, "index")
        if depth == 1:
            return product(zero, total)
        return b.loop(zero, b.number(depth, "index"), total, product)

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        total = window.total(b, e[0], e[len(biases) - 1], step)
        return end.finish(b, total, e[len(biases) : -1])

    inputs = [(tensor, along(4, 3)) for tensor in (*biases, *end.inputs)]
    inputs += [(tensor, along(4, 0)) for tensor in end.rows]
    out = (w.empty(layer.shape, end.result), along(4, 0, 1, 2, 3))
    return w.generic(inputs, out, body)


def integer_conv2d(w: Writer, layer: Layer) -> Tensor:
    """``qnn.conv2d``."""
    weights = layer.array(1, "weights")
    zero_point = access.integer(layer.op, "input_zero_point")
    return convolve(w, layer, weights, zero_point, integer_epilogue(w, layer, weights))


def float_conv2d(w: Writer, layer: Layer) -> Tensor:
    """``nn.conv2d``."""
    return convolve(w, layer, layer.array(1, "weights"), 0, float_epilogue(w, layer))
