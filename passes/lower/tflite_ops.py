"""More integer ops with the arithmetic of TFLite: prelu, L2 normalization, bilinear resizing."""

from functools import partial

import numpy as np

from tinyiree.ir import access
from tinyiree.ir.interpret_tflite_ops import (
    HALF_SQRT_2,
    INTERPOLATION_BITS,
    NEWTON_ONE,
    NEWTON_STEPS,
)
from tinyiree.passes.lower import rescale
from tinyiree.passes.lower.elementwise import binary
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.reduction import Rows
from tinyiree.passes.lower.text import Scalar, Tensor, Writer, along
from tinyiree.passes.lower.tflite import high_product, rescale_twice

_WORD_LIMIT = 2**31 - 1


def prelu(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_prelu``."""
    number = partial(access.integer, layer.op)
    output = rescale.Output.of(layer.op)
    zero_points = (number("input_zero_point"), number("alpha_zero_point"))
    most, slope = (access.reach(v, z) for v, z in zip(layer.op.operands, zero_points, strict=True))
    constant = layer.constant(1)
    if constant is not None:
        slope = int(np.abs(constant.astype(np.int64) - zero_points[1]).max())

    def combine(b: Writer, x: Scalar, alpha: Scalar) -> Scalar:
        x = b.widen(x, number("input_zero_point"))
        product = b.arith("muli", x, b.widen(alpha, number("alpha_zero_point")))
        above = rescale_twice(b, x, most, number("identity_multiplier"), number("identity_shift"))
        below = rescale_twice(b, product, most * slope, number("multiplier"), number("shift"))
        value = b.select(b.compare("sge", x, 0), above, below)
        value = b.arith("addi", value, output.zero_point)
        return b.cast("trunci", b.clamp_integer(value, output.low, output.high), output.element)

    return binary(w, layer, combine)


def l2_norm(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_l2_norm``: a multiplier and a shift for each row, by Newton's method."""
    zero_point = access.integer(layer.op, "input_zero_point")
    rows = Rows(w, layer.tensor(w, 0))

    def square(b: Writer, e: list[Scalar]) -> Scalar:
        x = b.widen(e[0], zero_point)
        return b.arith("addi", b.arith("muli", x, x), e[1])

    total = rows.reduce([], rows.start("i32", 0), square)
    multiplier = w.elementwise([total], total.shape, "i32", lambda b, e: _inverse_root(b, e[0]))

    def finish(b: Writer, e: list[Scalar]) -> Scalar:
        # D with r = 24 + exponent, so with a left shift of 7 - exponent, or the rest to the right.
        exponent = _exponent(b, e[2])
        left = b.arith("maxsi", b.arith("subi", b.number(7, "i32"), exponent), 0)
        right = b.arith("maxsi", b.arith("subi", exponent, 7), 0)
        high = high_product(b, b.arith("shli", b.widen(e[0], zero_point), left), e[1])
        half = b.arith("shrsi", b.arith("shli", b.number(1, "i32"), right), 1)
        # Halves away from zero; nothing to correct when nothing is shifted out.
        negative = b.arith("shrsi", high, 31)
        correction = b.select(b.compare("sgt", right, 0), negative, b.number(0, "i32"))
        value = b.arith("addi", b.arith("addi", high, half), correction)
        return b.cast("trunci", b.clamp_integer(b.arith("shrsi", value, right), -128, 127), "i8")

    return rows.map([multiplier, total], "i8", finish)


def _normalized(b: Writer, total: Scalar) -> tuple[Scalar, Scalar]:
    """The sum times a power of 4, in [2^27, 2^29), and the exponent that goes with it."""
    large = b.compare("sge", total, 1 << 29)
    # 0 and 1 are special cases, which 2 stands in for.
    value = b.select(large, b.arith("shrsi", total, 2), b.arith("maxsi", total, 2))
    pairs = b.arith("shrsi", b.arith("subi", b.math("ctlz", value), 1), 1)
    pairs = b.arith("subi", pairs, 1)
    start = b.select(large, b.number(12, "i32"), b.number(11, "i32"))
    shifted = b.arith("shli", value, b.arith("shli", pairs, 1))
    return shifted, b.arith("subi", start, pairs)


def _exponent(b: Writer, total: Scalar) -> Scalar:
    _, exponent = _normalized(b, total)
    exponent = b.arith("maxsi", exponent, 0)
    return b.select(b.compare("sle", total, 1), b.number(0, "i32"), exponent)


def _inverse_root(b: Writer, total: Scalar) -> Scalar:
    """The multiplier of ``interpret_tflite_ops.inverse_square_root``; no step of it saturates."""
    shifted, exponent = _normalized(b, total)
    half = b.arith("shrsi", b.arith("addi", b.arith("shrsi", shifted, 1), 1), 1)
    y = b.number(1 << NEWTON_ONE, "i32")
    for _ in range(NEWTON_STEPS):
        cube = b.arith("shli", high_product(b, high_product(b, y, y), y), 6)
        line = high_product(b, y, b.number(3 << (NEWTON_ONE - 1), "i32"))
        y = b.arith("shli", b.arith("subi", line, high_product(b, half, cube)), 3)
    root = high_product(b, y, b.number(HALF_SQRT_2, "i32"))
    root = b.arith("shli", root, b.arith("maxsi", b.arith("subi", b.number(0, "i32"), exponent), 0))
    return b.select(b.compare("sle", total, 1), b.number(_WORD_LIMIT, "i32"), root)


def resize_bilinear(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_resize_bilinear``: four elements, read at indices from tables, and their sum."""
    x = layer.tensor(w, 0)
    tables: list[tuple[Tensor, str]] = []
    for axis, name in ((1, "row"), (2, "column")):
        for part in ("low", "high", "weights"):
            values = np.array(access.ints(layer.op, f"{name}_{part}"), np.int32)
            tables.append((w.constant(values), along(4, axis)))
    bits = 2 * INTERPOLATION_BITS

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        rows = [b.cast("index_cast", index, "index") for index in e[0:2]]
        columns = [b.cast("index_cast", index, "index") for index in e[3:5]]
        batch, channel = b.loop_index(0), b.loop_index(3)

        def mixed(first: Scalar, second: Scalar, weight: Scalar) -> Scalar:
            # first * (1 - weight) + second * weight
            whole = b.arith("shli", first, INTERPOLATION_BITS)
            return b.arith("addi", whole, b.arith("muli", b.arith("subi", second, first), weight))

        lines = []
        for row in rows:
            left, right = (b.widen(b.extract(x, batch, row, c, channel)) for c in columns)
            lines.append(mixed(left, right, e[5]))
        total = mixed(lines[0], lines[1], e[2])
        rounded = b.arith("addi", total, 1 << (bits - 1))
        rounded = b.arith("addi", rounded, b.arith("shrsi", total, 31))
        return b.cast("trunci", b.arith("shrsi", rounded, bits), "i8")

    out = (w.empty(layer.shape, "i8"), along(4, *range(4)))
    return w.generic(tables, out, body)
