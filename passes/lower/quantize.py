"""Between float and int8."""

import numpy as np

from tinyiree.ir import access
from tinyiree.passes.lower.functions import ROUNDER, ROUNDER_BITS
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.text import Array, Scalar, Tensor, Writer, along


def _parameters(layer: Layer) -> tuple[Array, Array]:
    scales = np.array(access.floats(layer.op, "scales"), np.float32)
    zero_points = np.array(access.ints(layer.op, "zero_points"), np.int32)
    return scales, zero_points


def _along_axis(
    w: Writer, layer: Layer, columns: list[Array]
) -> tuple[list[tuple[Tensor, str]], str]:
    """The operand and the parameters that differ along the op's axis, with their maps."""
    rank = len(layer.shape)
    everything = along(rank, *range(rank))
    inputs = [(layer.tensor(w, 0), everything)]
    axis = access.integer(layer.op, "axis") % rank if rank else 0
    inputs += [(w.constant(column), along(rank, axis)) for column in columns]
    return inputs, everything


def quantize(w: Writer, layer: Layer) -> Tensor:
    """``nn.quantize``: no libm, and no float-to-int conversion, which saturates as the core likes.

    The clamp comes first: its bounds are integers, so that it commutes with rounding.
    """
    scales, zero_points = _parameters(layer)
    columns = [] if scales.size == 1 else [scales, zero_points]
    inputs, everything = _along_axis(w, layer, columns)
    away = access.rounding(layer.op) == "away"
    bounds = access.limits(layer.op.results[0])

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        scale = e[1] if columns else b.number(float(scales[0]), "f32")
        zero = e[2] if columns else b.number(int(zero_points[0]), "i32")
        offset = b.cast("sitofp", zero, "f32")
        steps = b.arith("divf", e[0], scale)
        for predicate, bound in zip(("olt", "ogt"), bounds, strict=True):
            limit = b.arith("subf", b.number(bound, "f32"), offset)
            steps = b.select(b.compare(predicate, steps, limit), limit, steps)
        bits = b.cast("bitcast", b.arith("addf", steps, ROUNDER), "i32")
        value = b.arith("subi", bits, ROUNDER_BITS)
        if away:
            value = b.arith("addi", value, half_away(b, steps, value))
        return b.cast("trunci", b.arith("addi", value, zero), layer.element)

    return w.generic(inputs, (w.empty(layer.shape, layer.element), everything), body)


def half_away(b: Writer, x: Scalar, even: Scalar) -> Scalar:
    """What rounding half to even lacks of rounding half away from zero: -1, 0 or 1."""
    rest = b.arith("subf", x, b.cast("sitofp", even, "f32"))  # exact
    up = b.both(b.compare("oeq", rest, 0.5), b.compare("ogt", x, 0.0))
    down = b.both(b.compare("oeq", rest, -0.5), b.compare("olt", x, 0.0))
    return b.arith("subi", b.cast("extui", up, "i32"), b.cast("extui", down, "i32"))


def dequantize(w: Writer, layer: Layer) -> Tensor:
    """``nn.dequantize``."""
    scales, zero_points = _parameters(layer)
    columns = [] if scales.size == 1 else [scales, zero_points]
    inputs, everything = _along_axis(w, layer, columns)

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        scale = e[1] if columns else b.number(float(scales[0]), "f32")
        zero = e[2] if columns else b.number(int(zero_points[0]), "i32")
        difference = b.arith("subi", b.widen(e[0]), zero)
        return b.arith("mulf", b.cast("sitofp", difference, "f32"), scale)

    return w.generic(inputs, (w.empty(layer.shape, "f32"), everything), body)
