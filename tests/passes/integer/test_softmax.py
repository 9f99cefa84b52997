"""Softmax and log-softmax: never more than one step from the correctly rounded result."""

import math

import numpy as np
import pytest
import qdq_models as qdq
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret
from tinyiree.passes.integer.softmax import (
    log_softmax_error,
    most_bits,
    softmax_error,
    softmax_shift,
)
from tinyiree.passes.integerize import Integerize

COUNT = st.sampled_from([1, 2, 3, 4, 10, 100, 1000, 2000])
SEED = st.integers(0, 2**16)


def steps_off(
    name: str, count: int, scale: float, out: tuple[float, int], x: qdq.Array
) -> tuple[float, list[str]]:
    """Greatest distance, in steps, of the integer result from the exact one before rounding."""
    with qdq.model([1, count]) as m:
        y = m.op(name, [m.quantize(m.inputs[0], scale, 7)], [1, count])
        integer = qdq.integerized(m.finish(m.quantize(y, *out)))
        found = np.concatenate([interpret(integer, [row[None]])[0] for row in x])
        names = qdq.names(integer)
    real = x.astype(np.float64) * scale
    real = real - real.max(axis=-1, keepdims=True)
    total = np.exp(real).sum(axis=-1, keepdims=True)
    exact = np.exp(real) / total if name == "nn.softmax" else real - np.log(total)
    exact = np.clip(exact / out[0] + out[1], -128, 127)
    return float(np.abs(found - exact).max()), names


def rows(seed: int, count: int) -> qdq.Array:
    """Rows that spread widely, rows that are nearly flat, equal rows, and one spike."""
    rng = np.random.default_rng(seed)
    spike = np.full(count, -128)
    spike[rng.integers(count)] = 127
    return np.stack(
        [
            rng.integers(-128, 128, count),
            rng.integers(-3, 4, count),
            np.full(count, 127),
            spike,
        ]
    ).astype(np.int8)


@given(COUNT, st.floats(0.0005, 2.0), st.sampled_from([1 / 256, 1 / 255, 0.003, 0.05, 3.0]), SEED)
@example(10, 0.1, 1 / 256, 0)
@settings(max_examples=60)
def test_softmax(count: int, scale: float, out: float, seed: int) -> None:
    shift = softmax_shift(out)
    bound = min(softmax_error(count, out, q, shift) for q in range(most_bits(count) + 1))
    off, names = steps_off("nn.softmax", count, scale, (out, -128), rows(seed, count))
    assert names == ["qnn.softmax"]
    assert bound <= 0.5
    assert off <= 0.5 + bound + 1e-9


@given(COUNT, st.floats(0.0005, 20.0), st.sampled_from([0.01, 0.0625, 0.3]), SEED)
@example(10, 0.1, 0.0625, 0)
@settings(max_examples=60)
def test_log_softmax(count: int, scale: float, out: float, seed: int) -> None:
    bits = most_bits(count)
    unit = min(22, math.floor(math.log2(2**31 / (255 * scale + 32)) - 1e-9))
    bound = log_softmax_error(count, bits, unit) / out
    off, names = steps_off("nn.log_softmax", count, scale, (out, 127), rows(seed, count))
    assert names == ["qnn.log_softmax"]
    assert bound <= 0.5
    assert off <= 0.5 + bound + 1e-9


@given(COUNT, st.floats(0.0005, 2.0), st.floats(0.001, 10.0), SEED)
@settings(max_examples=40)
def test_softmax_needs_32_unsigned_bits(count: int, scale: float, out: float, seed: int) -> None:
    with qdq.model([1, count]) as m:
        y = m.op("nn.softmax", [m.quantize(m.inputs[0], scale, 0)], [1, count])
        module = m.finish(m.quantize(y, out, -128))
        if count == 2000 and out < 1 / 256:
            return
        integer = qdq.integerized(module)
        (op,) = access.named(integer, "qnn.softmax")
        table = access.constant(op.operands[1]).astype(np.int64)
        numerator, shift = access.integer(op, "numerator"), access.integer(op, "shift")
    assert table[0] == table.max()
    assert table.min() >= 0
    assert count * table[0] < 2**32
    # e * (numerator / S) <= numerator because S >= e; rounding adds half of the shift.
    assert numerator + 2 ** (shift - 1) < 2**32
    assert 1 <= shift <= 31


@given(COUNT, st.floats(0.0005, 20.0))
@settings(max_examples=40)
def test_log_softmax_needs_32_signed_bits(count: int, scale: float) -> None:
    with qdq.model([1, count]) as m:
        y = m.op("nn.log_softmax", [m.quantize(m.inputs[0], scale, 0)], [1, count])
        integer = qdq.integerized(m.finish(m.quantize(y, 0.25, 127)))
        (op,) = access.named(integer, "qnn.log_softmax")
        logs = access.constant(op.operands[2]).astype(np.int64)
        multiplier, base = access.integer(op, "input_multiplier"), access.integer(op, "log_base")
    assert np.diff(logs).max() * (2**15 - 1) + 2**14 < 2**31
    largest = 255 * multiplier + np.abs(logs).max() + 32 * base
    assert largest < 2**31


@pytest.mark.parametrize("name", ["nn.softmax", "nn.log_softmax"])
def test_too_many_values_are_refused(name: str) -> None:
    with qdq.model([1, 100_000]) as m:
        y = m.op(name, [m.quantize(m.inputs[0], 0.1, 0)], [1, 100_000], layer="head")
        module = m.finish(m.quantize(y, 1 / 256, 0))
        with pytest.raises(TinyireeError, match=r"'head' .*over 100000 values at an output scale"):
            Integerize().run(module, qdq.context())
