"""Float activations that are quantized when the model runs, and what multiplies them."""

import numpy as np

from tinyiree.ir import access
from tinyiree.ir.interpret_hybrid import INT8_MAX, INT8_STEPS
from tinyiree.passes.lower.convolution import Epilogue, convolve
from tinyiree.passes.lower.functions import ROUNDER, ROUNDER_BITS
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.matmul import product
from tinyiree.passes.lower.quantize import half_away
from tinyiree.passes.lower.reduction import reduce
from tinyiree.passes.lower.text import Array, Scalar, Tensor, Writer, along

_COLUMNS = 3  # of nn.dynamic_range: scale, its inverse, zero point


def dynamic_range(w: Writer, layer: Layer) -> Tensor:
    """``nn.dynamic_range``: the extremes of each element of the first axis, then three columns."""
    x = layer.tensor(w, 0)
    rank, rows = len(x.shape), x.shape[0]
    everything = along(rank, *range(rank))
    asymmetric = access.boolean(layer.op, "asymmetric")

    def extreme(which: str) -> Tensor:
        def body(b: Writer, e: list[Scalar]) -> Scalar:
            value = e[0] if asymmetric else b.math("absf", e[0])
            return b.select(b.compare(which, value, e[1]), value, e[1])

        return reduce(w, [(x, everything)], [0], w.filled([rows], "f32", 0.0), body)

    # Both begin with 0, which always has to be in the range.
    found = [extreme("ogt"), *([extreme("olt")] if asymmetric else [])]
    columns = _asymmetric if asymmetric else _symmetric
    inputs = [(tensor, along(2, 0)) for tensor in found]

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        index = b.loop_index(1)
        scale, inverse, zero_point = columns(b, e[:-1])
        rest = b.select(b.compare("eq", index, 1), inverse, zero_point)
        return b.select(b.compare("eq", index, 0), scale, rest)

    out = (w.empty((rows, _COLUMNS), "f32"), along(2, 0, 1))
    return w.generic(inputs, out, body)


def _symmetric(b: Writer, e: list[Scalar]) -> tuple[Scalar, Scalar, Scalar]:
    one, zero = b.number(1.0, "f32"), b.number(0.0, "f32")
    nothing = b.compare("oeq", e[0], zero)
    most = b.select(nothing, one, e[0])
    scale = b.arith("divf", most, float(INT8_MAX))
    inverse = b.arith("divf", b.number(float(INT8_MAX), "f32"), most)
    return b.select(nothing, one, scale), b.select(nothing, one, inverse), zero


def _asymmetric(b: Writer, e: list[Scalar]) -> tuple[Scalar, Scalar, Scalar]:
    high, low = e
    one, zero = b.number(1.0, "f32"), b.number(0.0, "f32")
    nothing = b.compare("oeq", low, high)
    scale = b.arith("divf", b.arith("subf", high, low), float(INT8_STEPS))
    scale = b.select(nothing, one, scale)
    below, above = b.arith("divf", low, scale), b.arith("divf", high, scale)
    from_low = b.arith("subf", b.number(-INT8_MAX - 1.0, "f32"), below)
    from_high = b.arith("subf", b.number(float(INT8_MAX), "f32"), above)
    low_error = b.arith("addf", b.math("absf", below), INT8_MAX + 1.0)
    high_error = b.arith("addf", b.math("absf", above), float(INT8_MAX))
    nearer = b.select(b.compare("olt", low_error, high_error), from_low, from_high)
    clamped = b.clamp_float(nearer, -INT8_MAX - 1.0, float(INT8_MAX))
    zero_point = b.cast("sitofp", _rounded(b, clamped), "f32")
    return scale, b.arith("divf", one, scale), b.select(nothing, zero, zero_point)


def _rounded(b: Writer, x: Scalar) -> Scalar:
    """To the nearest i32, halves away from zero; of a float below 2^22."""
    even = b.cast("bitcast", b.arith("addf", x, ROUNDER), "i32")
    even = b.arith("subi", even, ROUNDER_BITS)
    return b.arith("addi", even, half_away(b, x, even))


def dynamic_quantize(w: Writer, layer: Layer) -> Tensor:
    """``nn.dynamic_quantize``."""
    x = layer.tensor(w, 0)
    rank = len(x.shape)
    everything = along(rank, *range(rank))
    columns = _columns(w, layer.tensor(w, 1))
    low = -INT8_MAX if layer.element == "i8" else -INT8_MAX - 1

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        steps = b.arith("addf", e[2], b.arith("mulf", e[0], e[1]))
        steps = b.clamp_float(steps, float(low), float(INT8_MAX))
        zero_point = b.cast("fptosi", e[2], "i32")
        return b.cast("trunci", b.arith("subi", _rounded(b, steps), zero_point), layer.element)

    inputs = [(x, everything), *((columns[i], along(rank, 0)) for i in (1, 2))]
    return w.generic(inputs, (w.empty(layer.shape, layer.element), everything), body)


def _columns(w: Writer, parameters: Tensor) -> list[Tensor]:
    rows = parameters.shape[0]
    parts = [w.slice(parameters, [0, i], [rows, 1], [1, 1]) for i in range(_COLUMNS)]
    return [w.drop_axes(part, [0]) for part in parts]


def _epilogue(w: Writer, layer: Layer) -> Epilogue:
    """Of an op with the operands (x, w, bias, scales, range): scales follow, then the bias."""
    channels = layer.shape[-1]
    nothing = np.zeros(channels, np.int64)
    rows = _columns(w, layer.tensor(w, 4))[0]
    per_channel = [layer.array(i, what) for i, what in ((3, "scales"), (2, "bias"))]

    def finish(b: Writer, total: Scalar, rest: list[Scalar]) -> Scalar:
        scale, bias, row = rest
        real = b.arith("mulf", b.cast("sitofp", total, "f32"), scale)
        return b.arith("addf", b.arith("mulf", real, row), bias)

    inputs = tuple(w.constant(array) for array in per_channel)
    return Epilogue("i32", "f32", nothing, nothing, inputs, finish, (rows,))


def _weights(layer: Layer) -> Array:
    return layer.array(1, "weights")


def conv2d(w: Writer, layer: Layer) -> Tensor:
    """``qnn.hybrid_conv2d``."""
    return convolve(w, layer, _weights(layer), 0, _epilogue(w, layer))


def fully_connected(w: Writer, layer: Layer) -> Tensor:
    """``qnn.hybrid_fully_connected``."""
    return product(w, layer, _weights(layer), _epilogue(w, layer))
