"""Ops before and after, and the integer model against its QDQ form: at most one step apart."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import qdq_models as qdq
from hypothesis import example, given, settings
from hypothesis import strategies as st
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.ir.dialect import UNARY_FUNCTIONS
from tinyiree.ir.interpret import interpret
from tinyiree.passes.base import Pass
from tinyiree.passes.integer.layout import LAYOUT
from tinyiree.passes.integer.match import EXPLICIT
from tinyiree.passes.integerize import RULES, Integerize

ZERO_POINT = st.sampled_from([-128, -1, 0, 17, 127])
SCALE = st.floats(0.002, 0.5)
SEED = st.integers(0, 2**16)

Array = qdq.Array


def reals(seed: int, shape: Sequence[int], scale: float, zero_point: int) -> Array:
    """Values over the whole int8 range and 30 % beyond it, so that some saturate."""
    raw = np.random.default_rng(seed).uniform(-166, 166, shape)
    return ((raw - zero_point) * scale).astype(np.float32)


def one_op(
    name: str,
    shapes: Sequence[Sequence[int]],
    result: Sequence[int],
    ins: Sequence[tuple[float, int]],
    out: tuple[float, int],
    seed: int = 0,
    clamp: tuple[float, float] | None = None,
    **attributes: Any,
) -> tuple[int, list[str], ir.Module]:
    """Inputs -> quantized -> op -> (clamp) -> quantized: steps apart, ops after, the module."""
    with qdq.model(*shapes) as m:
        operands = [m.quantize(x, *p) for x, p in zip(m.inputs, ins, strict=True)]
        y = m.op(name, operands, result, **attributes)
        if clamp is not None:
            y = m.op("nn.clamp", [y], result, min=clamp[0], max=clamp[1])
        module = m.finish(m.quantize(y, *out))
        integer = qdq.integerized(module)
        inputs = [reals(seed + i, s, *p) for i, (s, p) in enumerate(zip(shapes, ins, strict=True))]
        return qdq.steps_apart(module, integer, inputs), qdq.names(integer), integer


def test_it_is_a_pass() -> None:
    assert isinstance(Integerize(), Pass)
    assert Integerize().name == "integerize"


def test_no_op_has_two_rules() -> None:
    assert not set(RULES) & set(LAYOUT)


@pytest.mark.parametrize("name", ["nn.add", "nn.sub", "nn.mul"])
@given(SCALE, ZERO_POINT, SCALE, ZERO_POINT, st.floats(0.3, 3.0), ZERO_POINT, SEED, st.booleans())
@settings(max_examples=25)
def test_two_operands(
    name: str, sa: float, za: int, sb: float, zb: int, ratio: float, zo: int, seed: int, row: bool
) -> None:
    scale = ratio * (127 * sa * sb if name == "nn.mul" else max(sa, sb))
    shapes = [(1, 3, 4, 5), (1, 1, 4, 1) if row else (1, 3, 4, 5)]
    ins = [(sa, za), (sb, zb)]
    steps, names, module = one_op(name, shapes, shapes[0], ins, (scale, zo), seed)
    assert names == ["qnn.mul" if name == "nn.mul" else "qnn.add"]
    for op in access.named(module, "qnn.add"):
        # Exactly as far as an int8 is from its zero point: the sum needs 32 bits.
        a, b = (max(127 - z, z + 128) for z in (za, zb))
        first, second = (abs(access.integer(op, f"{x}_multiplier")) for x in "ab")
        assert a * first + b * second + 2 ** (access.integer(op, "shift") - 1) < 2**31
    assert steps <= 1


@pytest.mark.parametrize("fn", UNARY_FUNCTIONS)
@given(SCALE, ZERO_POINT, st.floats(0.002, 0.1), ZERO_POINT)
@settings(max_examples=8)
def test_a_function_of_one_tensor_is_an_exact_table(
    fn: str, scale: float, zero_point: int, out: float, zo: int
) -> None:
    if fn in ("sqrt", "log", "rsqrt"):
        zero_point = -128
    with qdq.model([256]) as m:
        x = m.quantize(m.inputs[0], scale, zero_point)
        y = m.op("nn.unary", [x], [256], fn=fn, alpha=0.3)
        module = m.finish(m.quantize(y, out, zo))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["qnn.lookup"]
        every = ((np.arange(-128, 128) - zero_point) * scale).astype(np.float32)
        # Not always zero: the float model rounds x and f(x) to float32 in front of a tie.
        assert qdq.steps_apart(module, integer, [every]) <= 1
        (op,) = access.named(integer, "qnn.lookup")
        real = ((np.arange(-128, 128) - zero_point) * scale).astype(np.float64)
        table = access.constant(op.operands[1])
        if fn == "tanh":
            exact = np.clip(np.rint(np.tanh(real) / out) + zo, -128, 127)
            assert np.array_equal(table, exact)


def test_a_root_of_a_negative_number_is_the_zero_point() -> None:
    _, _, _ = one_op("nn.unary", [[256]], [256], [(0.1, -128)], (0.1, 5), fn="sqrt", alpha=0.0)
    with qdq.model([4]) as m:
        x = m.quantize(m.inputs[0], 0.1, 0)
        y = m.op("nn.unary", [x], [4], fn="sqrt", alpha=0.0)
        integer = qdq.integerized(m.finish(m.quantize(y, 0.1, 5)))
        (op,) = access.named(integer, "qnn.lookup")
        assert (access.constant(op.operands[1])[:128] == 5).all()


@pytest.mark.parametrize(
    ("name", "function"),
    [("nn.add", np.add), ("nn.sub", np.subtract), ("nn.mul", np.multiply)],
)
@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("as_int8", [False, True])
def test_a_scalar_operand_makes_a_table(
    name: str, function: Callable[[Any, Any], Any], position: int, as_int8: bool
) -> None:
    with qdq.model([1, 256]) as m:
        x = m.quantize(m.inputs[0], 0.02, 4)
        number = m.constant(np.full((1, 1), -1.5, np.float32))
        if as_int8:
            number = m.dequantize(m.constant(np.full((1, 1), -120, np.int8)), 0.0125, 0)
        operands = [x, number] if position == 0 else [number, x]
        y = m.op(name, operands, [1, 256])
        integer = qdq.integerized(m.finish(m.quantize(y, 0.05, -7)))
        assert qdq.names(integer) == ["qnn.lookup"]
        (op,) = access.named(integer, "qnn.lookup")
        real = (np.arange(-128, 128) - 4) * 0.02
        expected = function(real, -1.5) if position == 0 else function(-1.5, real)
        expected = np.clip(np.rint(expected / 0.05) - 7, -128, 127)
        assert np.abs(access.constant(op.operands[1]) - expected).max() <= 0


@pytest.mark.parametrize("number", [0.0, 2.5, -2.5])
def test_a_scalar_that_broadcasts_the_other_operand(number: float) -> None:
    with qdq.model([1, 4]) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        y = m.op("nn.add", [x, m.constant(np.full((3, 4), number, np.float32))], [3, 4])
        module = m.finish(m.quantize(y, 0.07, 3))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["qnn.add"]
        assert qdq.steps_apart(module, integer, [reals(0, (1, 4), 0.05, 3)]) <= 1


def test_a_constant_int8_tensor_is_an_operand() -> None:
    with qdq.model([1, 3, 4]) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        raw = np.arange(-60, 60, 10).reshape(1, 3, 4).astype(np.int8)
        y = m.op("nn.mul", [x, m.dequantize(m.constant(raw), 0.03, 2)], [1, 3, 4])
        module = m.finish(m.quantize(y, 0.1, -4))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["qnn.mul"]
        assert qdq.steps_apart(module, integer, [reals(0, (1, 3, 4), 0.05, 3)]) <= 1


@given(SCALE, ZERO_POINT, st.floats(0.2, 4.0), ZERO_POINT)
def test_requantize_and_cancel(scale: float, zero_point: int, ratio: float, zo: int) -> None:
    with qdq.model([256]) as m:
        x = m.quantize(m.inputs[0], scale, zero_point)
        module = m.finish(m.quantize(x, scale * ratio, zo))
        integer = qdq.integerized(module)
        same = ratio == 1 and zero_point == zo
        assert qdq.names(integer) == ([] if same else ["qnn.requantize"])
        every = ((np.arange(-128, 128) - zero_point) * scale).astype(np.float32)
        assert qdq.steps_apart(module, integer, [every]) <= 1


def test_a_quantize_to_the_same_parameters_is_nothing() -> None:
    with qdq.model([4]) as m:
        x = m.quantize(m.quantize(m.inputs[0], 0.1, 3), 0.1, 3)
        assert qdq.names(qdq.integerized(m.finish(x))) == []


@pytest.mark.parametrize(("out", "after"), [((0.1, 3), "qnn.clamp"), ((0.2, -5), "qnn.requantize")])
def test_a_clamp_of_its_own(out: tuple[float, int], after: str) -> None:
    steps, names, module = one_op(
        "nn.clamp", [[256]], [256], [(0.1, 3)], out, min=-1.0, max=math.inf
    )
    assert names == [after]
    assert steps <= 1
    (op,) = access.named(module, after)
    assert access.integer(op, "clamp_min") == round(-1.0 / out[0]) + out[1]
    assert access.integer(op, "clamp_max") == 127


@pytest.mark.parametrize(
    ("clamp", "bounds"),
    [
        ((0.0, math.inf), (-10, 127)),
        ((0.0, 6.0), (-10, 110)),
        ((-1.0, 1.0), (-30, 10)),
        ((-math.inf, math.inf), (-128, 127)),
        ((50.0, 60.0), (127, 127)),
    ],
)
def test_clamps_become_bounds(clamp: tuple[float, float], bounds: tuple[int, int]) -> None:
    shapes = [[1, 64], [1, 64]]
    steps, names, module = one_op(
        "nn.add", shapes, [1, 64], [(0.05, 1), (0.04, 2)], (0.05, -10), clamp=clamp
    )
    assert names == ["qnn.add"]
    assert steps <= 1
    (op,) = access.named(module, "qnn.add")
    assert (access.integer(op, "clamp_min"), access.integer(op, "clamp_max")) == bounds


def test_several_clamps_apply_in_order() -> None:
    with qdq.model([64]) as m:
        x = m.quantize(m.inputs[0], 0.1, 0)
        y = m.op("nn.unary", [x], [64], fn="neg", alpha=0.0)
        y = m.op("nn.clamp", [y], [64], min=0.0, max=9.0)
        y = m.op("nn.clamp", [y], [64], min=-3.0, max=4.0)
        y = m.op("nn.clamp", [y], [64], min=5.0, max=6.0)
        module = m.finish(m.quantize(y, 0.1, 0))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["qnn.lookup"]
        assert qdq.steps_apart(module, integer, [reals(1, (64,), 0.1, 0)]) == 0


POOL = {"kernel": [3, 2], "strides": [2, 1], "padding": [1, 1, 1, 0]}


@pytest.mark.parametrize("include", [True, False])
@given(SCALE, ZERO_POINT, st.floats(0.5, 2.0), ZERO_POINT, SEED)
@settings(max_examples=20)
def test_avg_pool2d(
    include: bool, scale: float, zero_point: int, ratio: float, zo: int, seed: int
) -> None:
    steps, names, module = one_op(
        "nn.avg_pool2d", [(1, 6, 5, 3)], (1, 3, 5, 3), [(scale, zero_point)], (scale * ratio, zo),
        seed, count_include_pad=include, **POOL,
    )  # fmt: skip
    assert names == ["qnn.avg_pool2d"]
    assert steps <= 1
    (op,) = access.named(module, "qnn.avg_pool2d")
    assert access.shape(op.operands[1]) == ((1, 1) if include else (3, 5))


def test_avg_pool2d_without_padding_has_one_multiplier() -> None:
    attributes = {"kernel": [2, 2], "strides": [2, 2], "padding": [0] * 4}
    _, _, module = one_op(
        "nn.avg_pool2d", [(1, 4, 4, 3)], (1, 2, 2, 3), [(0.1, 0)], (0.1, 0),
        count_include_pad=False, **attributes,
    )  # fmt: skip
    (op,) = access.named(module, "qnn.avg_pool2d")
    assert access.shape(op.operands[1]) == (1, 1)


@given(SCALE, ZERO_POINT, st.floats(0.1, 2.0), ZERO_POINT, SEED, st.booleans())
@example(0.1, -128, 1.0, 127, 0, True)
@settings(max_examples=25)
def test_mean(scale: float, zero_point: int, ratio: float, zo: int, seed: int, keep: bool) -> None:
    shape = (1, 1, 1, 3) if keep else (1, 3)
    steps, names, _ = one_op(
        "nn.mean", [(1, 5, 7, 3)], shape, [(scale, zero_point)], (scale * ratio, zo), seed,
        axes=[1, 2],
    )  # fmt: skip
    assert names == ["qnn.mean"]
    assert steps <= 1


@pytest.mark.parametrize(("explicit", "expected"), [(True, [0, 2, 2, -2]), (False, [1, 2, 3, -1])])
@pytest.mark.parametrize("name", ["nn.avg_pool2d", "nn.mean"])
def test_halves_go_to_even_where_the_file_has_the_quantize(
    name: str, explicit: bool, expected: list[int]
) -> None:
    attributes: dict[str, Any] = {"kernel": [1, 2], "strides": [1, 2], "padding": [0] * 4}
    attributes["count_include_pad"] = True
    if name == "nn.mean":
        attributes = {"axes": [2]}
    with qdq.model((1, 4, 2, 1)) as m:
        x = m.quantize(m.inputs[0], 0.1, 0)
        y = m.op(name, [x], (1, 4, 1, 1), **attributes)
        result = m.quantize(y, 0.1, 7)
        if explicit:
            mark_explicit(result)
        module = m.finish(result)
        integer = qdq.integerized(module)
    raw = np.array([[0, 1], [1, 3], [2, 3], [-1, -2]], np.int8).reshape(1, 4, 2, 1)
    (found,) = interpret(integer, [raw])
    assert (found.ravel() - 7).tolist() == expected


def mark_explicit(dequantized: ir.Value) -> None:
    """As importers mark the quantize ops of a file."""
    (dequantize,) = [access.defining_op(dequantized)]
    assert dequantize is not None
    quantize = access.defining_op(dequantize.operands[0])
    assert quantize is not None
    quantize.attributes[EXPLICIT] = ir.UnitAttr.get()


def test_an_explicit_requantize_keeps_its_rounding_in_a_table() -> None:
    """Twice as coarse: every other value is a half, which float32 rounds to even."""
    names, results = [], []
    for explicit in (False, True):
        with qdq.model((256,)) as m:
            y = m.quantize(m.quantize(m.inputs[0], 0.125, 0), 0.25, 0)
            if explicit:
                mark_explicit(y)
            integer = qdq.integerized(m.finish(y))
            names.append(qdq.names(integer))
            results.append(interpret(integer, [np.arange(-128, 128).astype(np.int8)])[0])
    assert names == [["qnn.requantize"], ["qnn.lookup"]]
    np.testing.assert_array_equal(results[1], np.rint(np.arange(-128, 128) / 2))
    assert (results[0] != results[1]).sum() == 64


@pytest.mark.parametrize("name", ["nn.maximum", "nn.minimum"])
@given(SCALE, ZERO_POINT, SCALE, ZERO_POINT, SEED, st.booleans(), st.booleans())
@settings(max_examples=25)
def test_extrema(
    name: str, sa: float, za: int, sb: float, zb: int, seed: int, same: bool, relu: bool
) -> None:
    ins = [(sa, za), (sa, za) if same else (sb, zb)]
    steps, names, _ = one_op(
        name, [(1, 3, 4, 5), (1, 1, 4, 1)], (1, 3, 4, 5), ins, ins[1], seed,
        (0.0, math.inf) if relu else None,
    )  # fmt: skip
    assert names[-1] == name
    assert steps <= 1
    if same and not relu:
        assert (names, steps) == ([name], 0)


def test_the_extremum_with_a_constant() -> None:
    for constant, after in (([0.3], ["qnn.lookup"]), ([0.3, -0.2, 0.1, 0.0], ["nn.maximum"])):
        with qdq.model((2, 4)) as m:
            other = m.constant(np.array([constant], np.float32))
            y = m.op("nn.maximum", [m.quantize(m.inputs[0], 0.01, 5), other], (2, 4))
            module = m.finish(m.quantize(y, 0.01, 5))
            integer = qdq.integerized(module)
            assert qdq.names(integer) == after
            assert qdq.steps_apart(module, integer, [reals(0, (2, 4), 0.01, 5)]) == 0


def test_locations_and_notes_stay_on_the_layer() -> None:
    with qdq.model([4]) as m:
        x = m.quantize(m.inputs[0], 0.1, 0)
        y = m.op("nn.softmax", [x], [4], layer="head.softmax")
        op = access.defining_op(y)
        assert op is not None
        op.attributes["tiny.note"] = ir.StringAttr.get("kept")
        integer = qdq.integerized(m.finish(m.quantize(y, 1 / 256, -128)))
        (found,) = access.named(integer, "qnn.softmax")
        assert access.describe(found) == "qnn.softmax 'head.softmax' (model.py:7)"
        assert ir.StringAttr(found.attributes["tiny.note"]).value == "kept"


def test_a_layer_kept_float_stays_between_dequantize_and_quantize() -> None:
    with qdq.model([4]) as m:
        x = m.quantize(m.inputs[0], 0.1, 0)
        y = m.op("nn.softmax", [x], [4])
        op = access.defining_op(y)
        assert op is not None
        op.attributes["tiny.keep_float"] = ir.UnitAttr.get()
        module = m.finish(m.quantize(y, 1 / 256, -128))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["nn.dequantize", "nn.softmax", "nn.quantize"]
        assert qdq.steps_apart(module, integer, [np.float32([1, 2, 3, 4])]) == 0
