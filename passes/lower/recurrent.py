"""Recurrent layers with the arithmetic of TFLite's integer kernels: LSTM and SVDF."""

from functools import partial

import numpy as np

from tinyiree.ir import access
from tinyiree.ir.interpret_lstm import GATE_BITS, GATES
from tinyiree.passes.lower import rescale
from tinyiree.passes.lower.convolution import multiply_accumulate
from tinyiree.passes.lower.fixed16 import round_divide, saturated, sigmoid, tanh
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.text import Scalar, Tensor, Writer, along
from tinyiree.passes.lower.tflite import rescale_twice
from tinyiree.passes.lower.tiling import largest_divisor

_MOST_PRODUCT = 2**30  # of two int16
_UNROLLED = 8  # products of a loop's turn


def lstm_gates(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_lstm_gates``: one loop over all gates, as their functions are long.

    Both sums of products are scaled by themselves, and then clamped together.
    """
    batch, gates, cells = layer.shape
    sides = [_Side(w, layer, first) for first in (0, 1)]
    where = along(3, 1, 2)
    inputs = [(side.bias, where) for side in sides]
    inputs += [(tensor, along(3, 1)) for side in sides for tensor in side.scales]

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        row, gate, cell = (b.loop_index(i) for i in range(3))
        total = b.number(0, "i32")
        for number, side in enumerate(sides):
            scales = e[2 + 3 * number : 5 + 3 * number]
            value = side.term(b, e[number], row, gate, cell, scales)
            total = saturated(b, b.arith("addi", total, value))
        is_tanh = b.compare("eq", gate, GATES.index("tanh"))
        found = b.branch(
            is_tanh,
            lambda: tanh(b, total, GATE_BITS),
            lambda: sigmoid(b, total, GATE_BITS),
            "i32",
        )
        return b.cast("trunci", found, "i16")

    out = (w.empty((batch, gates, cells), "i16"), along(3, 0, 1, 2))
    return w.generic(inputs, out, body)


class _Side:
    """The part of the gates that reads the input, or the one that reads the last output."""

    def __init__(self, w: Writer, layer: Layer, number: int) -> None:
        self._x = layer.tensor(w, number)
        weights = layer.array(2 + 2 * number, "weights")
        self._weights = w.constant(weights)
        self._depth = weights.shape[2]
        self.bias = w.constant(layer.array(3 + 2 * number, "bias"))
        name = ("input", "recurrent")[number]
        multiplier, shift = (
            np.array(access.ints(layer.op, f"{name}_{part}"), np.int32)
            for part in ("multipliers", "shifts")
        )
        columns = (multiplier, np.maximum(31 - shift, 0), np.maximum(shift - 31, 0))
        self.scales: list[Tensor] = [w.constant(column.astype(np.int32)) for column in columns]

    def term(
        self,
        b: Writer,
        bias: Scalar,
        row: Scalar,
        gate: Scalar,
        cell: Scalar,
        scales: list[Scalar],
    ) -> Scalar:
        """D of the sum of products."""
        unrolled = largest_divisor(self._depth, _UNROLLED)

        def product(block: Scalar, total: Scalar) -> Scalar:
            for i in range(unrolled):
                at = b.affine(f"d0 * {unrolled} + {i}", block)
                weight = b.extract(self._weights, gate, cell, at)
                total = multiply_accumulate(b, b.extract(self._x, row, at), weight, total)
            return total

        blocks = b.number(self._depth // unrolled, "index")
        total = b.loop(b.number(0, "index"), blocks, bias, product)
        multiplier, left, right = scales
        total = b.arith("shli", total, left)
        wide = b.arith("muli", *(b.cast("extsi", x, "i64") for x in (total, multiplier)))
        high = b.arith("shrsi", b.arith("addi", wide, 1 << 30), 31)
        # A right shift of 0 rounds nothing: its half is 0, and so is its correction.
        half = b.arith("shrsi", b.arith("shli", b.number(1, "i32"), right), 1)
        value = b.cast("trunci", high, "i32")
        negative = b.arith("andi", b.arith("shrui", value, 31), b.arith("minsi", right, 1))
        return b.arith("shrsi", b.arith("subi", b.arith("addi", value, half), negative), right)


def lstm_cell(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_lstm_cell``: ``f * c + i * g``."""
    gates, cell = layer.tensor(w, 0), layer.tensor(w, 1)
    shift, clip = (access.integer(layer.op, name) for name in ("shift", "clip"))

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        read = partial(_gate, b, gates)
        kept = _short(b, round_divide(b, b.arith("muli", read(1), b.widen(e[0])), 15))
        new = _short(b, round_divide(b, b.arith("muli", read(0), read(2)), shift))
        value = saturated(b, b.arith("addi", kept, new))
        if clip < 2**15:
            value = b.clamp_integer(value, -clip, clip)
        return b.cast("trunci", value, "i16")

    return w.elementwise([cell], layer.shape, "i16", body)


def lstm_output(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_lstm_output``: ``o * tanh(c)``."""
    gates, cell = layer.tensor(w, 0), layer.tensor(w, 1)
    number = partial(access.integer, layer.op)
    bits = number("integer_bits")

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        product = b.arith("muli", _gate(b, gates, 3), tanh(b, b.widen(e[0]), bits))
        value = rescale_twice(b, product, _MOST_PRODUCT, number("multiplier"), number("shift"))
        return _finished(b, layer, value)

    return w.elementwise([cell], layer.shape, "i8", body)


def svdf_time(w: Writer, layer: Layer) -> Tensor:
    """``qnn.tflite_svdf_time``: for each output the sum over its filters and their memory."""
    line = layer.tensor(w, 0)
    weights, bias = layer.array(1, "time weights"), layer.array(2, "bias")
    memory, filters = weights.shape
    rank = filters // len(bias)
    taps = w.constant(weights)
    offset = w.constant(bias)

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        row, unit = b.loop_index(0), b.loop_index(1)
        zero = b.number(0, "index")
        total = e[0]
        for part in range(rank):
            column = b.affine(f"d0 * {rank} + {part}", unit)

            def product(i: Scalar, total: Scalar, column: Scalar = column) -> Scalar:
                value = b.extract(line, i, row, column)
                return multiply_accumulate(b, value, b.extract(taps, i, column), total)

            total = b.loop(zero, b.number(memory, "index"), total, product)
        number = partial(access.integer, layer.op)
        value = rescale_twice(b, total, 2**31, number("multiplier"), number("shift"))
        return _finished(b, layer, value)

    out = (w.empty(layer.shape, "i8"), along(2, 0, 1))
    return w.generic([(offset, along(2, 1))], out, body)


def _gate(b: Writer, gates: Tensor, number: int) -> Scalar:
    """The element of a gate for the element of the generic, ``[batch, cells]``."""
    row, cell = b.loop_index(0), b.loop_index(1)
    return b.widen(b.extract(gates, row, b.number(number, "index"), cell))


def _short(b: Writer, x: Scalar) -> Scalar:
    """The low 16 bits of an i32, with their sign."""
    return b.widen(b.cast("trunci", x, "i16"))


def _finished(b: Writer, layer: Layer, value: Scalar) -> Scalar:
    output = rescale.Output.of(layer.op)
    value = b.arith("addi", value, output.zero_point) if output.zero_point else value
    return b.cast("trunci", b.clamp_integer(value, output.low, output.high), output.element)
