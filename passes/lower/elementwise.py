"""Elementwise ops of one or two tensors."""

from collections.abc import Callable

import numpy as np

from tinyiree.ir import access
from tinyiree.passes.lower import rescale
from tinyiree.passes.lower.functions import unary_function
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.text import Scalar, Tensor, Writer
from tinyiree.passes.lower.types import broadcast

Combine = Callable[[Writer, Scalar, Scalar], Scalar]

_WORD = 2**32


def binary(w: Writer, layer: Layer, combine: Combine) -> Tensor:
    """Combine two operands under numpy broadcasting of extent-1 axes."""
    operands, everything = broadcast(w, layer, 2)
    out = (w.empty(layer.shape, layer.element), everything)
    return w.generic(operands, out, lambda b, e: combine(b, e[0], e[1]))


def float_binary(op: str) -> Callable[[Writer, Layer], Tensor]:
    """The emitter of ``nn.add``, ``nn.sub`` or ``nn.mul`` by its ``arith`` op."""
    return lambda w, layer: binary(w, layer, lambda b, x, y: b.arith(op, x, y))


def extreme(which: str) -> Callable[[Writer, Layer], Tensor]:
    """The emitter of ``nn.maximum`` (``max``) or ``nn.minimum`` (``min``).

    Floats by comparison, since fmaxf may be a call: a NaN on either side is kept.
    """
    predicate = "ogt" if which == "max" else "olt"

    def combine(b: Writer, x: Scalar, y: Scalar) -> Scalar:
        if x.type != "f32":
            return b.arith(f"{which}si", x, y)
        first = b.arith("ori", b.compare(predicate, x, y), b.compare("uno", x, x))
        return b.select(first, x, y)

    return lambda w, layer: binary(w, layer, combine)


def float_clamp(w: Writer, layer: Layer) -> Tensor:
    """``nn.clamp``."""
    low, high = (access.number(layer.op, name) for name in ("min", "max"))
    x = layer.tensor(w, 0)
    return w.elementwise([x], layer.shape, "f32", lambda b, e: b.clamp_float(e[0], low, high))


def float_unary(w: Writer, layer: Layer) -> Tensor:
    """``nn.unary``."""
    function = unary_function(access.string(layer.op, "fn"), access.number(layer.op, "alpha"))
    return w.elementwise([layer.tensor(w, 0)], layer.shape, "f32", lambda b, e: function(b, e[0]))


def integer_add(w: Writer, layer: Layer) -> Tensor:
    """``qnn.add``: the zero points and the rounding make one constant, taken modulo 2^32."""
    za, zb, ma, mb, shift = (
        access.integer(layer.op, name)
        for name in ("a_zero_point", "b_zero_point", "a_multiplier", "b_multiplier", "shift")
    )
    output = rescale.Output.of(layer.op)
    offset = (1 << (shift - 1)) - za * ma - zb * mb
    most = 255 * (abs(ma) + abs(mb)) + (1 << (shift - 1)) + (abs(output.zero_point) << shift)
    joined = most < 2**31
    if joined:
        offset += output.zero_point << shift
    offset = (offset + _WORD // 2) % _WORD - _WORD // 2

    def combine(b: Writer, x: Scalar, y: Scalar) -> Scalar:
        left = b.arith("muli", b.widen(x), ma)
        right = b.arith("muli", b.widen(y), mb)
        total = b.arith("addi", b.arith("addi", left, right), offset)
        value = b.arith("shrsi", total, shift)
        if not joined and output.zero_point:
            value = b.arith("addi", value, output.zero_point)
        return b.cast("trunci", b.clamp_integer(value, output.low, output.high), "i8")

    return binary(w, layer, combine)


def integer_mul(w: Writer, layer: Layer) -> Tensor:
    """``qnn.mul``."""
    za, zb = (access.integer(layer.op, f"{side}_zero_point") for side in "ab")
    a, c = layer.op.operands
    bound = access.reach(a, za) * access.reach(c, zb)
    operands = rescale.Operands.write(w, rescale.of_op(layer.op, bound), ())

    def combine(b: Writer, x: Scalar, y: Scalar) -> Scalar:
        product = b.arith("muli", b.widen(x, za), b.widen(y, zb))
        return operands.apply(b, product, [])

    return binary(w, layer, combine)


def requantize(w: Writer, layer: Layer) -> Tensor:
    """``qnn.requantize``."""
    zero_point = access.integer(layer.op, "input_zero_point")
    bound = access.reach(layer.op.operands[0], zero_point)
    operands = rescale.Operands.write(w, rescale.of_op(layer.op, bound), ())
    return w.elementwise(
        [layer.tensor(w, 0)],
        layer.shape,
        layer.element,
        lambda b, e: operands.apply(b, b.widen(e[0], zero_point), []),
    )


def integer_clamp(w: Writer, layer: Layer) -> Tensor:
    """``qnn.clamp``."""
    low, high = (access.integer(layer.op, name) for name in ("clamp_min", "clamp_max"))
    return w.elementwise(
        [layer.tensor(w, 0)],
        layer.shape,
        layer.element,
        lambda b, e: b.clamp_integer(e[0], low, high),
    )


def flip_sign(w: Writer, layer: Layer) -> Tensor:
    """``qnn.flip_sign``."""
    x = layer.tensor(w, 0)
    return w.elementwise([x], layer.shape, "i8", lambda b, e: b.arith("xori", e[0], -128))


def lookup(w: Writer, layer: Layer) -> Tensor:
    """``qnn.lookup``: the table is turned by half, so that a byte is its own unsigned index."""
    table = w.constant(np.roll(layer.array(1, "table"), -128))
    return w.elementwise(
        [layer.tensor(w, 0)],
        layer.shape,
        layer.element,
        lambda b, e: b.extract(table, b.cast("index_castui", e[0], "index")),
    )
