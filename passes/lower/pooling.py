"""Pooling over windows of [N, H, W, C]."""

import numpy as np

from tinyiree.ir import access
from tinyiree.passes.lower import rescale
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.text import Array, Scalar, Tensor, Writer, along
from tinyiree.passes.lower.window import Tap, Window

LOWEST: dict[str, float] = {"f32": -np.inf, "i8": -(2**7), "i16": -(2**15), "i32": -(2**31)}
"""By element type: the value that never wins a maximum."""

_EVERYTHING = along(4, 0, 1, 2, 3)


def ordered(b: Writer, x: Scalar) -> Scalar:
    """An i32 whose signed order is that of the value; of a float its bits, turned if negative.

    The maximum of floats is an integer maximum then, also without an FPU. A NaN with a clear sign
    bit is the greatest of all. ``unordered`` is the inverse.
    """
    return _turn(b, b.cast("bitcast", x, "i32")) if x.type == "f32" else b.widen(x)


def unordered(b: Writer, x: Scalar, element: str) -> Scalar:
    """The value of an ordered i32."""
    if element == "f32":
        return b.cast("bitcast", _turn(b, x), "f32")
    return b.cast("trunci", x, element)


def _turn(b: Writer, bits: Scalar) -> Scalar:
    sign = b.arith("shrsi", bits, 31)
    return b.arith("xori", bits, b.arith("andi", sign, 2**31 - 1))


def lowest_ordered(element: str) -> int:
    """``LOWEST`` as an ordered i32."""
    return -0x7F800001 if element == "f32" else int(LOWEST[element])


def max_pool2d(w: Writer, layer: Layer) -> Tensor:
    """``nn.max_pool2d``."""
    window = Window.of(layer, access.ints(layer.op, "kernel"))
    x = layer.tensor(w, 0)

    def step(b: Writer, most: Scalar, tap: Tap) -> Scalar:
        return b.arith("maxsi", most, ordered(b, _element(b, x, tap)))

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        start = b.number(lowest_ordered(x.element), "i32")
        return unordered(b, window.total(b, start, start, step), x.element)

    return w.generic([], (w.empty(layer.shape, x.element), _EVERYTHING), body)


def _element(b: Writer, x: Tensor, tap: Tap) -> Scalar:
    return b.extract(x, tap.n, tap.h, tap.w, tap.channel)


def float_avg_pool2d(w: Writer, layer: Layer) -> Tensor:
    """``nn.avg_pool2d``: the sum of the window times a constant of its position."""
    kernel = access.ints(layer.op, "kernel")
    window = Window.of(layer, kernel)
    x = layer.tensor(w, 0)
    include = access.boolean(layer.op, "count_include_pad")
    counts = np.full((1, 1), kernel[0] * kernel[1]) if include else _real_elements(window)
    factors: Array = (1 / np.maximum(counts, 1)).astype(np.float32)
    uniform = bool((factors == factors[0, 0]).all())

    def step(b: Writer, total: Scalar, tap: Tap) -> Scalar:
        return b.arith("addf", total, _element(b, x, tap))

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        start = b.number(0, "f32")
        factor = b.number(float(factors[0, 0]), "f32") if uniform else e[0]
        return b.arith("mulf", window.total(b, start, start, step), factor)

    inputs = [] if uniform else [(w.constant(factors), along(4, 1, 2))]
    return w.generic(inputs, (w.empty(layer.shape, "f32"), _EVERYTHING), body)


def _real_elements(window: Window) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """How many elements of each window lie inside the operand: shape [OH, OW]."""
    counts = []
    for axis in (window.height, window.width):
        begin = np.arange(axis.outputs) * axis.stride - axis.before
        inside = np.clip([begin, begin + axis.kernel], 0, axis.extent)
        counts.append(inside[1] - inside[0])
    return np.outer(counts[0], counts[1])


def integer_avg_pool2d(w: Writer, layer: Layer) -> Tensor:
    """``qnn.avg_pool2d``: the zero point is subtracted at once where a window lies inside."""
    kernel = access.ints(layer.op, "kernel")
    window = Window.of(layer, kernel)
    zero_point = access.integer(layer.op, "input_zero_point")
    count = kernel[0] * kernel[1]
    rescaling = rescale.plan(
        layer.array(1, "multiplier"),
        layer.array(2, "shift"),
        access.reach(layer.op.operands[0], zero_point) * count,
        rescale.Output.of(layer.op),
        access.rounding(layer.op),
    )
    operands = rescale.Operands.write(w, rescaling, layer.operand_shape(1))
    x = layer.tensor(w, 0)

    def step(b: Writer, total: Scalar, tap: Tap) -> Scalar:
        value = b.widen(_element(b, x, tap), 0 if tap.inside else zero_point)
        return b.arith("addi", total, value)

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        start = b.number(-zero_point * count, "i32")
        total = window.total(b, start, b.number(0, "i32"), step)
        return operands.apply(b, total, e[:-1])

    inputs = [(tensor, along(4, 1, 2)) for tensor in operands.inputs]
    return w.generic(inputs, (w.empty(layer.shape, layer.element), _EVERYTHING), body)
