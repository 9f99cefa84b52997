"""Sigmoid and tanh of 16-bit fixed-point numbers: gemmlowp's arithmetic on i32 scalars.

A number in steps of 2^-15 times another is ``(a * b + 2^14) >> 15``, whose operands fit 16 bits.
"""

from tinyiree.ir.interpret_lstm import (
    DIVISION_BITS,
    DIVISION_OFFSET,
    DIVISION_SLOPE,
    EXP_EIGHTH,
    EXP_FACTORS,
    THIRD,
)
from tinyiree.passes.lower.text import Scalar, Writer

_LOW, _HIGH = -(2**15), 2**15 - 1


def sigmoid(b: Writer, x: Scalar, bits: int) -> Scalar:
    """The sigmoid of a number with ``bits`` integer bits, in steps of 2^-15."""
    positive = saturated(b, b.arith("shli", _newton(b, _exp(b, _below_zero(b, x), bits)), 1))
    turned = b.arith("subi", b.number(_HIGH, "i32"), positive)
    value = b.select(b.compare("sgt", x, 0), positive, turned)
    return b.select(b.compare("eq", x, 0), b.number(2**14, "i32"), value)


def tanh(b: Writer, x: Scalar, bits: int) -> Scalar:
    """The hyperbolic tangent of a number with ``bits`` integer bits, in steps of 2^-15."""
    quotient = _newton(b, _exp(b, _below_zero(b, x), bits + 1))
    above_one = b.arith("subi", quotient, 1 << DIVISION_BITS)
    positive = saturated(b, b.arith("shli", above_one, 2))
    turned = b.arith("subi", b.number(0, "i32"), positive)
    value = b.select(b.compare("slt", x, 0), turned, positive)
    return b.select(b.compare("eq", x, 0), b.number(0, "i32"), value)


def saturated(b: Writer, x: Scalar) -> Scalar:
    """An i32 clamped to the range of int16."""
    return b.clamp_integer(x, _LOW, _HIGH)


def round_divide(b: Writer, x: Scalar, exponent: int) -> Scalar:
    """``x / 2^exponent`` to nearest, halves away from zero, for an exponent above 0."""
    value = b.arith("addi", x, b.arith("shrsi", x, 31))
    return b.arith("shrsi", b.arith("addi", value, 1 << (exponent - 1)), exponent)


def _below_zero(b: Writer, x: Scalar) -> Scalar:
    return b.arith("minsi", x, b.arith("subi", b.number(0, "i32"), x))


def _product(b: Writer, x: Scalar, y: Scalar | int) -> Scalar:
    return b.arith("shrsi", b.arith("addi", b.arith("muli", x, y), 1 << 14), 15)


def _exp(b: Writer, x: Scalar, bits: int) -> Scalar:
    fraction = 15 - bits
    quarter = 1 << (fraction - 2)
    part = b.arith("subi", b.arith("andi", x, quarter - 1), quarter)
    y = b.arith("addi", b.arith("shli", part, bits), 1 << 12)
    y2 = _product(b, y, y)
    y3, y4 = _product(b, y2, y), _product(b, y2, y2)
    rest = _product(b, b.arith("addi", round_divide(b, y4, 2), y3), THIRD)
    rest = round_divide(b, b.arith("addi", rest, y2), 1)
    result = _product(b, b.arith("addi", y, rest), EXP_EIGHTH)
    result = saturated(b, b.arith("addi", result, EXP_EIGHTH))
    remainder = b.arith("subi", part, x)
    for power, factor in EXP_FACTORS:
        if bits > power:
            chosen = b.compare("ne", b.arith("andi", remainder, 1 << (fraction + power)), 0)
            result = b.select(chosen, _product(b, result, factor), result)
    if bits > 5:
        low = b.compare("slt", x, -(32 << fraction))
        result = b.select(low, b.number(0, "i32"), result)
    return b.select(b.compare("eq", x, 0), b.number(_HIGH, "i32"), result)


def _newton(b: Writer, x: Scalar) -> Scalar:
    half = b.arith("shrsi", b.arith("addi", x, 1 << 15), 1)
    value = b.arith("addi", _product(b, half, DIVISION_SLOPE), DIVISION_OFFSET)
    for _ in range(3):
        error = b.arith("subi", b.number(1 << DIVISION_BITS, "i32"), _product(b, half, value))
        step = b.arith("shli", _product(b, value, error), 2)
        value = b.arith("addi", value, saturated(b, step))
    return value
