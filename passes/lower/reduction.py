"""Reductions: mean, argmax, softmax and log-softmax."""

from collections.abc import Sequence

import numpy as np

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.passes.lower import rescale
from tinyiree.passes.lower.functions import exponential, logarithm
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.pooling import LOWEST
from tinyiree.passes.lower.text import Body, Scalar, Tensor, Writer, along

_WORD = 2**32
# An int8 value and the index where it stands share one word: 8 bits above 23.
_INDEX_BITS = 23


def maximum(w: Writer, a: Scalar, b: Scalar) -> Scalar:
    """The greater of two values; by comparison for floats, since fmaxf may be a call."""
    if a.type != "f32":
        return w.arith("maxsi", a, b)
    return w.select(w.compare("ogt", a, b), a, b)


def reduce(
    w: Writer, inputs: Sequence[tuple[Tensor, str]], kept: Sequence[int], start: Tensor, body: Body
) -> Tensor:
    """A generic that reduces all loops but ``kept``, which are the axes of ``start``."""
    rank = len(inputs[0][0].shape)
    gone = [axis for axis in range(rank) if axis not in kept]
    return w.generic(inputs, (start, along(rank, *kept)), body, reductions=gone)


def _means(w: Writer, layer: Layer, element: str, body: Body) -> tuple[Tensor, list[int], int]:
    """Sums over the axes of a mean op, the axes that are kept, and how many elements a sum has."""
    x = layer.tensor(w, 0)
    axes = {axis % len(x.shape) for axis in access.ints(layer.op, "axes")}
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    start = w.filled([x.shape[axis] for axis in kept], element, 0)
    sums = reduce(w, [(x, along(len(x.shape), *range(len(x.shape))))], kept, start, body)
    return sums, kept, int(np.prod([x.shape[axis] for axis in axes]))


def _with_result_shape(w: Writer, layer: Layer, x: Tensor, kept: Sequence[int]) -> Tensor:
    """Put back the reduced axes where the op's result keeps them."""
    return x if x.shape == layer.shape else w.insert_axes(x, kept, layer.shape)


def float_mean(w: Writer, layer: Layer) -> Tensor:
    """``nn.mean``."""
    sums, kept, count = _means(w, layer, "f32", lambda b, e: b.arith("addf", e[0], e[1]))
    means = w.elementwise([sums], sums.shape, "f32", lambda b, e: b.arith("mulf", e[0], 1 / count))
    return _with_result_shape(w, layer, means, kept)


def integer_mean(w: Writer, layer: Layer) -> Tensor:
    """``qnn.mean``: the zero point is subtracted from the whole sum."""
    sums, kept, count = _means(w, layer, "i32", lambda b, e: b.arith("addi", e[1], b.widen(e[0])))
    offset = access.integer(layer.op, "input_zero_point") * count
    zero_point = access.integer(layer.op, "input_zero_point")
    bound = access.reach(layer.op.operands[0], zero_point) * count
    operands = rescale.Operands.write(w, rescale.of_op(layer.op, bound), ())

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        return operands.apply(b, b.arith("subi", e[0], offset) if offset else e[0], [])

    result = w.elementwise([sums], sums.shape, layer.element, body)
    return _with_result_shape(w, layer, result, kept)


def argmax(w: Writer, layer: Layer) -> Tensor:
    """``nn.argmax``: the first maximum."""
    x = layer.tensor(w, 0)
    rank = len(x.shape)
    axis = access.integer(layer.op, "axis") % rank
    kept = [i for i in range(rank) if i != axis]
    find = _argmax_float if x.element == "f32" else _argmax_integer
    return _with_result_shape(w, layer, find(w, layer, x, axis, kept), kept)


def _argmax_integer(w: Writer, layer: Layer, x: Tensor, axis: int, kept: Sequence[int]) -> Tensor:
    """One maximum over words that hold the value above the index, counted from the end."""
    mask = (1 << _INDEX_BITS) - 1
    if x.shape[axis] > mask:
        raise TinyireeError(
            f"{access.describe(layer.op)}: expected at most {mask} elements along axis {axis}, "
            f"found {x.shape[axis]}; reduce in two steps"
        )

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        index = b.loop_index(axis)
        place = b.arith("subi", b.number(mask, "i32"), b.cast("index_cast", index, "i32"))
        value = b.arith("shli", b.widen(e[0]), _INDEX_BITS)
        return b.arith("maxsi", b.arith("ori", value, place), e[1])

    start = w.filled([x.shape[i] for i in kept], "i32", -(2**31))
    words = reduce(w, [(x, along(len(x.shape), *range(len(x.shape))))], kept, start, body)

    def place_of(b: Writer, e: list[Scalar]) -> Scalar:
        return b.arith("subi", b.number(mask, "i32"), b.arith("andi", e[0], mask))

    return w.elementwise([words], words.shape, "i32", place_of)


def _argmax_float(w: Writer, layer: Layer, x: Tensor, axis: int, kept: Sequence[int]) -> Tensor:
    """The maximum, then the least index where it stands (for NaN the last: never out of range)."""
    rank = len(x.shape)
    everything, rows = along(rank, *range(rank)), along(rank, *kept)
    shape = [x.shape[i] for i in kept]
    start = w.filled(shape, "f32", -np.inf)
    most = reduce(w, [(x, everything)], kept, start, lambda b, e: maximum(b, e[0], e[1]))

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        index = b.loop_index(axis)
        place = b.cast("index_cast", index, "i32")
        return b.select(b.compare("oeq", e[0], e[1]), b.arith("minsi", place, e[2]), e[2])

    start = w.filled(shape, "i32", x.shape[axis] - 1)
    return reduce(w, [(x, everything), (most, rows)], kept, start, body)


class Rows:
    """A tensor whose last axis is worked on row by row."""

    def __init__(self, w: Writer, x: Tensor) -> None:
        rank = len(x.shape)
        self.w, self.x = w, x
        self.kept = list(range(rank - 1))
        self.everything, self.rows = along(rank, *range(rank)), along(rank, *self.kept)

    def start(self, element: str, value: float) -> Tensor:
        """One value a row."""
        return self.w.filled(self.x.shape[:-1], element, value)

    def reduce(self, rows: Sequence[Tensor], start: Tensor, body: Body) -> Tensor:
        """Reduce the elements together with one value a row of each of ``rows``."""
        inputs = [(self.x, self.everything), *((row, self.rows) for row in rows)]
        return reduce(self.w, inputs, self.kept, start, body)

    def map(self, rows: Sequence[Tensor], element: str, body: Body) -> Tensor:
        """Compute every element from itself and one value a row of each of ``rows``."""
        inputs = [(self.x, self.everything), *((row, self.rows) for row in rows)]
        out = (self.w.empty(self.x.shape, element), self.everything)
        return self.w.generic(inputs, out, body)

    def maximum(self) -> Tensor:
        """The greatest element of each row."""
        start = self.start(self.x.element, LOWEST[self.x.element])
        return self.reduce([], start, lambda b, e: maximum(b, e[0], e[1]))

    def sum(self, most: Tensor, element: str, term: Body) -> Tensor:
        """The sum of ``term(element, maximum)`` over each row."""
        add = "addf" if element == "f32" else "addi"
        return self.reduce(
            [most], self.start(element, 0), lambda b, e: b.arith(add, e[2], term(b, e[:2]))
        )


def _float_term(b: Writer, e: list[Scalar]) -> Scalar:
    return exponential(b, b.arith("subf", e[0], e[1]))


def float_softmax(w: Writer, layer: Layer) -> Tensor:
    """``nn.softmax``."""
    rows = Rows(w, layer.tensor(w, 0))
    most = rows.maximum()
    total = rows.sum(most, "f32", _float_term)
    return rows.map([most, total], "f32", lambda b, e: b.arith("divf", _float_term(b, e[:2]), e[2]))


def float_log_softmax(w: Writer, layer: Layer) -> Tensor:
    """``nn.log_softmax``."""
    rows = Rows(w, layer.tensor(w, 0))
    most = rows.maximum()
    total = rows.sum(most, "f32", _float_term)
    log = w.elementwise([total], total.shape, "f32", lambda b, e: logarithm(b, e[0]))
    return rows.map(
        [most, log],
        "f32",
        lambda b, e: b.arith("subf", b.arith("subf", e[0], e[1]), e[2]),
    )


def _below(b: Writer, x: Scalar, most: Scalar) -> Scalar:
    """How far an int8 element lies below its row's maximum: i32 in [0, 255]."""
    return b.arith("subi", b.widen(most), b.widen(x))


def table_term(table: Tensor) -> Body:
    """``table[maximum - x]``."""

    def term(b: Writer, e: list[Scalar]) -> Scalar:
        return b.extract(table, b.cast("index_cast", _below(b, e[0], e[1]), "index"))

    return term


def integer_softmax(w: Writer, layer: Layer) -> Tensor:
    """``qnn.softmax``: e * inverse is at most the numerator, so that 32 bits mostly suffice."""
    numerator, shift = (access.integer(layer.op, name) for name in ("numerator", "shift"))
    output = rescale.Output.of(layer.op)
    half = 1 << (shift - 1)
    type_ = "i32" if numerator + half < _WORD else "i64"
    term = table_term(w.constant(layer.array(1, "exponential table")))
    rows = Rows(w, layer.tensor(w, 0))
    most = rows.maximum()
    total = rows.sum(most, "i32", term)

    def invert(b: Writer, e: list[Scalar]) -> Scalar:
        return b.arith(
            "divui", b.number(_signed(numerator, type_), type_), b.cast("extui", e[0], type_)
        )

    inverse = w.elementwise([total], total.shape, type_, invert)

    def finish(b: Writer, e: list[Scalar]) -> Scalar:
        share = b.arith("muli", b.cast("extui", term(b, e[:2]), type_), e[2])
        value = b.arith("shrui", b.arith("addi", share, half), shift)
        value = b.cast("trunci", value, "i32")
        if output.zero_point:
            value = b.arith("addi", value, output.zero_point)
        return b.cast("trunci", b.clamp_integer(value, output.low, output.high), "i8")

    return rows.map([most, inverse], "i8", finish)


def _signed(value: int, type_: str) -> int:
    """An unsigned 32-bit constant as MLIR's signless literal."""
    return value - _WORD if type_ == "i32" and value >= _WORD // 2 else value


# As qnn.log_softmax is defined: 256 intervals of the table, interpolated in steps of 2^-15.
_LOG_INDEX_BITS = 8
_LOG_FRACTION_BITS = 15


def integer_log_softmax(w: Writer, layer: Layer) -> Tensor:
    """``qnn.log_softmax``: log2 of the sum by its leading bit and a table of the mantissa."""
    factor, base = (access.integer(layer.op, name) for name in ("input_multiplier", "log_base"))
    logs = layer.integers(2, "logarithm table")
    term = table_term(w.constant(layer.array(1, "exponential table")))
    log_table = w.constant(layer.array(2, "logarithm table"))
    rows = Rows(w, layer.tensor(w, 0))
    most = rows.maximum()
    total = rows.sum(most, "i32", term)
    wide = int(np.abs(np.diff(logs)).max()) << _LOG_FRACTION_BITS >= 2**30

    def log_of_sum(b: Writer, e: list[Scalar]) -> Scalar:
        zeros = b.math("ctlz", e[0])
        fraction = b.arith("andi", b.arith("shli", e[0], zeros), 2**31 - 1)
        index = b.arith("shrui", fraction, 31 - _LOG_INDEX_BITS)
        rest = b.arith("shrui", fraction, 31 - _LOG_INDEX_BITS - _LOG_FRACTION_BITS)
        rest = b.arith("andi", rest, 2**_LOG_FRACTION_BITS - 1)
        low = b.extract(log_table, b.cast("index_castui", index, "index"))
        following = b.arith("addi", index, 1)
        high = b.extract(log_table, b.cast("index_castui", following, "index"))
        type_ = "i64" if wide else "i32"
        step, part = (b.cast("extsi", v, type_) for v in (b.arith("subi", high, low), rest))
        slope = b.arith("addi", b.arith("muli", step, part), 1 << (_LOG_FRACTION_BITS - 1))
        slope = b.cast("trunci", b.arith("shrsi", slope, _LOG_FRACTION_BITS), "i32")
        exponent = b.arith("subi", b.number(31, "i32"), zeros)
        return b.arith("addi", b.arith("addi", low, slope), b.arith("muli", exponent, base))

    log = w.elementwise([total], total.shape, "i32", log_of_sum)
    bound = 255 * abs(factor) + int(np.abs(logs).max()) + 31 * abs(base)
    operands = rescale.Operands.write(w, rescale.of_op(layer.op, bound), ())

    def finish(b: Writer, e: list[Scalar]) -> Scalar:
        below = b.arith("muli", _below(b, e[0], e[1]), -factor)
        return operands.apply(b, b.arith("subi", below, e[2]), [])

    return rows.map([most, log], "i8", finish)
