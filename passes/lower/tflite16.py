"""The int16 functions with the arithmetic of TFLite's reference kernels: tables, interpolated."""

from tinyiree.ir import access
from tinyiree.ir.interpret_tflite16 import SIGMOID_BITS, SIGMOID_LAST
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.reduction import Rows
from tinyiree.passes.lower.text import Scalar, Tensor, Writer
from tinyiree.passes.lower.tflite import rescale_twice

_MIDDLE = 256  # table entry of 0
_STEP_BITS = 7
_FARTHEST = 2**16  # two int16 are less than that apart


def interpolated(b: Writer, table: Tensor, x: Scalar) -> Scalar:
    """A function of an i32 in the range of int16: an i32 in that range."""
    index = b.arith("addi", b.arith("shrsi", x, _STEP_BITS), _MIDDLE)
    low = b.widen(_entry(b, table, index))
    high = b.widen(_entry(b, table, b.arith("addi", index, 1)))
    # As in the kernel, the slope has 16 bits.
    slope = b.widen(b.cast("trunci", b.arith("subi", high, low), "i16"))
    rest = b.arith("andi", x, (1 << _STEP_BITS) - 1)
    step = b.arith("addi", b.arith("muli", slope, rest), 1 << (_STEP_BITS - 1))
    value = b.arith("addi", low, b.arith("shrsi", step, _STEP_BITS))
    return b.widen(b.cast("trunci", value, "i16"))


def _entry(b: Writer, table: Tensor, index: Scalar) -> Scalar:
    return b.extract(table, b.cast("index_castui", index, "index"))


def lookup(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_lookup``."""
    table = w.constant(layer.array(1, "table"))
    return w.elementwise(
        [layer.tensor(w, 0)],
        layer.shape,
        "i16",
        lambda b, e: b.cast("trunci", interpolated(b, table, b.widen(e[0])), "i16"),
    )


def sigmoid(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_sigmoid``: of the absolute value, then turned for a negative one."""
    table = w.constant(layer.array(1, "table"))
    multiplier, shift = (access.integer(layer.op, name) for name in ("multiplier", "shift"))
    name = access.string(layer.op, "fn")
    bits = SIGMOID_BITS[name]

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        x = b.arith("muli", b.widen(e[0]), multiplier)
        if shift:
            x = b.arith("shrsi", b.arith("addi", x, 1 << (shift - 1)), shift)
        negative = b.compare("slt", x, 0)
        size = b.select(negative, b.arith("subi", b.number(0, "i32"), x), x)
        place = b.arith("shrui", size, bits)
        index = b.arith("minui", place, SIGMOID_LAST - 1)
        low, high = _entry(b, table, index), _entry(b, table, b.arith("addi", index, 1))
        rest = b.arith("andi", size, (1 << bits) - 1)
        step = b.arith("muli", b.arith("subi", high, low), rest)
        value = b.arith("addi", b.arith("shli", low, bits), step)
        beyond = b.compare("uge", place, SIGMOID_LAST)
        limit, one = (0x7FFF << 10, 1 << 25) if name == "sigmoid" else (0xFFFF << 8, 0)
        value = b.select(beyond, b.number(limit, "i32"), value)
        # tanh(x) = 2 sigmoid(2x) - 1
        middle, half, drop = (0, 1 << 9, 10) if name == "sigmoid" else (1 << 23, 1 << 7, 8)
        value = b.arith("subi", value, middle)
        turned = b.arith("subi", b.number(one - 1, "i32"), value)
        value = b.arith("addi", b.select(negative, turned, value), half)
        return b.cast("trunci", b.arith("shrsi", value, drop), "i16")

    return w.elementwise([layer.tensor(w, 0)], layer.shape, "i16", body)


def softmax(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_softmax16``: the exponentials from one table, one reciprocal a row."""
    exponential = w.constant(layer.array(1, "exponential table"))
    reciprocal = w.constant(layer.array(2, "reciprocal table"))
    multiplier, shift = (access.integer(layer.op, name) for name in ("multiplier", "shift"))
    rows = Rows(w, layer.tensor(w, 0))
    most = rows.maximum()

    def term(b: Writer, e: list[Scalar]) -> Scalar:
        below = b.arith("subi", b.widen(e[0]), b.widen(e[1]))
        scaled = b.arith("addi", rescale_twice(b, below, _FARTHEST, multiplier, shift), 2**15 - 1)
        return interpolated(b, exponential, b.clamp_integer(scaled, -(2**15), 2**15 - 1))

    total = rows.sum(most, "i32", term)

    def share(b: Writer, e: list[Scalar]) -> Scalar:
        # The sum is positive, and its leading bit goes to bit 30 and then, rounded, to bit 16.
        left = b.arith("subi", b.math("ctlz", e[0]), 1)
        shifted = b.arith("addi", b.arith("shli", e[0], left), 1 << 13)
        mantissa = b.arith("subi", b.arith("shrui", shifted, 14), 3 << 15)
        return interpolated(b, reciprocal, b.clamp_integer(mantissa, -(2**15), 2**15 - 1))

    shares = w.elementwise([total], total.shape, "i32", share)

    def finish(b: Writer, e: list[Scalar]) -> Scalar:
        product = b.arith("muli", term(b, e[:2]), e[2])
        right = b.arith("subi", b.number(31, "i32"), b.math("ctlz", e[3]))
        half = b.arith("shli", b.number(1, "i32"), b.arith("subi", right, 1))
        value = b.arith("shrsi", b.arith("addi", product, half), right)
        return b.cast("trunci", b.clamp_integer(value, 0, 2**15 - 1), "i16")

    return rows.map([most, shares, total], "i16", finish)
