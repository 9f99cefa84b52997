"""The integer ops with the arithmetic of TFLite's reference kernels: sum and softmax.

All products are of numbers in steps of 2^-31 and rounded: the high word of twice the product, which
is one instruction (``smmulr``) on cores that have it.
"""

from functools import partial

from tinyiree.ir import access
from tinyiree.ir.interpret_tflite import RECIPROCAL_OFFSET, RECIPROCAL_SLOPE, SUM_BITS
from tinyiree.passes.lower import rescale
from tinyiree.passes.lower.elementwise import binary
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.reduction import Rows, table_term
from tinyiree.passes.lower.text import Scalar, Tensor, Writer

_WORD_LIMIT = 2**31 - 1
_ONE = 29  # fraction bits of the reciprocal while it is iterated


def add(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_add``."""
    number = partial(access.integer, layer.op)
    left, output = number("left_shift"), rescale.Output.of(layer.op)
    zero_points = (number("a_zero_point"), number("b_zero_point"))
    most = max(access.reach(v, z) for v, z in zip(layer.op.operands, zero_points, strict=True))
    op = "subi" if access.boolean(layer.op, "subtract") else "addi"

    def term(b: Writer, x: Scalar, side: str) -> Scalar:
        shifted = b.arith("shli", b.widen(x, number(f"{side}_zero_point")), left)
        return rescale_twice(
            b, shifted, most << left, number(f"{side}_multiplier"), number(f"{side}_shift")
        )

    def combine(b: Writer, x: Scalar, y: Scalar) -> Scalar:
        total = b.arith(op, term(b, x, "a"), term(b, y, "b"))
        bound = 2 * (most << left)
        value = rescale_twice(b, total, bound, number("multiplier"), number("shift"))
        if output.zero_point:
            value = b.arith("addi", value, output.zero_point)
        return b.cast("trunci", b.clamp_integer(value, output.low, output.high), output.element)

    return binary(w, layer, combine)


def rescale_twice(b: Writer, x: Scalar, bound: int, multiplier: int, shift: int) -> Scalar:
    """D of an i32 scalar whose absolute value is at most ``bound``."""
    left, right = max(31 - shift, 0), max(shift - 31, 0)
    if left:
        x, bound = b.arith("shli", x, left), bound << left
    high = high_product(b, x, b.number(multiplier, "i32"), bound)
    return round_divide(b, high, b.number(right, "i32")) if right else high


def high_product(b: Writer, x: Scalar, y: Scalar, bound: int = 2**31) -> Scalar:
    """``(x * y + 2^30) >> 31`` of two i32; ``bound`` is the greatest absolute value of x."""
    bits = 31
    if 2 * bound <= _WORD_LIMIT:
        x, bits = b.arith("shli", x, 1), 32
    left, right = (b.cast("extsi", value, "i64") for value in (x, y))
    product = b.arith("addi", b.arith("muli", left, right), 1 << (bits - 1))
    return b.cast("trunci", b.arith("shrsi", product, bits), "i32")


def round_divide(b: Writer, x: Scalar, exponent: Scalar) -> Scalar:
    """``x / 2^exponent`` to nearest, halves away from zero; an exponent above 0."""
    half = b.arith("shli", b.number(1, "i32"), b.arith("subi", exponent, 1))
    value = b.arith("addi", b.arith("addi", x, half), b.arith("shrsi", x, 31))
    return b.arith("shrsi", value, exponent)


def softmax(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_softmax``: the exponentials from a table, one reciprocal a row."""
    exponential = table_term(w.constant(layer.array(1, "exponential table")))
    rows = Rows(w, layer.tensor(w, 0))
    most = rows.maximum()

    def term(b: Writer, e: list[Scalar]) -> Scalar:
        # Never negative: half up.
        rounded = b.arith("addi", exponential(b, e), 1 << (SUM_BITS - 1))
        return b.arith("shrui", rounded, SUM_BITS)

    total = rows.sum(most, "i32", term)
    inverse = w.elementwise([total], total.shape, "i32", lambda b, e: _reciprocal(b, e[0]))

    def finish(b: Writer, e: list[Scalar]) -> Scalar:
        share = high_product(b, exponential(b, e[:2]), e[2])
        # bits over unit + 31 - 8, where bits over unit = SUM_BITS - leading zeros of the sum
        exponent = b.arith("subi", b.number(SUM_BITS + 31 - 8, "i32"), b.math("ctlz", e[3]))
        exponent = b.arith("minsi", exponent, 31)
        half = b.arith("shli", b.number(1, "i32"), b.arith("subi", exponent, 1))
        value = b.arith("shrui", b.arith("addi", share, half), exponent)
        value = b.arith("subi", b.arith("minsi", value, 255), 128)
        return b.cast("trunci", value, "i8")

    return rows.map([most, inverse, total], "i8", finish)


def _reciprocal(b: Writer, total: Scalar) -> Scalar:
    """1 / (1 + fraction) of a sum ``2^exponent * (1 + fraction)``, in steps of 2^-31."""
    zeros = b.math("ctlz", total)
    fraction = b.arith("andi", b.arith("shli", total, zeros), _WORD_LIMIT)
    # (1 + fraction) / 2, rounded half up: (fraction + 2^31) >> 1 without its carry.
    half = b.arith("ori", b.arith("shrui", fraction, 1), 1 << 30)
    value = b.arith(
        "addi",
        high_product(b, half, b.number(RECIPROCAL_SLOPE, "i32"), 2**31),
        RECIPROCAL_OFFSET,
    )
    for _ in range(3):
        error = b.arith("subi", b.number(1 << _ONE, "i32"), high_product(b, half, value))
        # Within a quarter of the range: the shift never saturates.
        step = b.arith("shli", high_product(b, value, error), 2)
        value = b.arith("addi", value, step)
    # The greatest value, 1, saturates.
    full = b.compare("sge", value, 1 << 30)
    return b.select(full, b.number(_WORD_LIMIT, "i32"), b.arith("shli", value, 1))
