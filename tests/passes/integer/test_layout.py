"""Layout ops take int8 as they are, wherever the quantization stands around them."""

import math
from typing import Any

import numpy as np
import pytest
import qdq_models as qdq
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.interpret import interpret
from tinyiree.passes.fuse import Fuse
from tinyiree.passes.integer.layout import LAYOUT
from tinyiree.passes.integerize import Integerize
from tinyiree.passes.verify_integer import VerifyInteger

SHAPE = (1, 4, 6, 2)
PAD = {"low": [0, 1, 0, 0], "high": [0, 0, 0, 0], "value": 0.0}
CASES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "nn.concat": (SHAPE, {"axis": 3}),
    "nn.gather": ((1, 3, 6, 2), {"axis": 1, "indices": [3, 0, 0]}),
    "nn.max_pool2d": (
        (1, 2, 3, 2),
        {"kernel": [3, 3], "strides": [2, 2], "padding": [1, 1, 1, 1], "dilations": [1, 1]},
    ),
    "nn.pad": ((1, 7, 6, 2), {"low": [0, 1, 0, 0], "high": [0, 2, 0, 0], "value": 0.0}),
    "nn.reshape": ((1, 48), {}),
    "nn.slice": ((1, 2, 3, 1), {"offsets": [0, 1, 0, 1], "strides": [1, 2, 2, 1]}),
    "nn.transpose": ((1, 2, 4, 6), {"permutation": [0, 3, 1, 2]}),
    "nn.upsample_nearest": ((1, 8, 12, 2), {"factors": [2, 2]}),
}


def values(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> qdq.Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32) * 3


def test_every_layout_op_is_tested() -> None:
    assert set(CASES) == set(LAYOUT)


@pytest.mark.parametrize("name", LAYOUT)
def test_the_same_parameters_on_both_sides(name: str) -> None:
    shape, attributes = CASES[name]
    with qdq.model(SHAPE) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        y = m.quantize(m.op(name, [x], shape, **attributes), 0.05, 3)
        module = m.finish(y)
        integer = qdq.integerized(module)
        assert qdq.names(integer) == [name]
        assert qdq.steps_apart(module, integer, [values()]) == 0


@pytest.mark.parametrize("name", LAYOUT)
def test_other_parameters_behind_it(name: str) -> None:
    shape, attributes = CASES[name]
    with qdq.model(SHAPE) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        module = m.finish(m.quantize(m.op(name, [x], shape, **attributes), 0.03, -100))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == [name, "qnn.requantize"]
        assert qdq.steps_apart(module, integer, [values()]) <= 1


@pytest.mark.parametrize("name", LAYOUT)
def test_between_an_op_and_its_clamp_and_quantize(name: str) -> None:
    shape, attributes = CASES[name]
    with qdq.model(SHAPE, SHAPE) as m:
        a, b = (m.quantize(x, 0.05, 3) for x in m.inputs)
        y = m.op(name, [m.op("nn.add", [a, b], SHAPE)], shape, **attributes)
        y = m.op("nn.clamp", [y], shape, min=0.0, max=math.inf)
        module = m.finish(m.quantize(y, 0.03, -128))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["qnn.add", name]
        assert qdq.steps_apart(module, integer, [values(), values(1)]) <= 1


@pytest.mark.parametrize("name", LAYOUT)
def test_between_a_dequantize_and_the_next_op(name: str) -> None:
    shape, attributes = CASES[name]
    with qdq.model(SHAPE) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        y = m.op("nn.unary", [m.op(name, [x], shape, **attributes)], shape, fn="tanh", alpha=0.0)
        module = m.finish(m.quantize(y, 1 / 128, 0))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == [name, "qnn.lookup"]
        assert qdq.steps_apart(module, integer, [values()]) <= 1


def test_argmax() -> None:
    with qdq.model([2, 5]) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        module = m.finish(m.op("nn.argmax", [x], [2], axis=1, element="i32"))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["nn.argmax"]
        x_raw = np.array([[1, 5, 2, 5, 3], [-128, -128, 127, 0, 0]], np.int8)
        assert interpret(integer, [x_raw])[0].tolist() == [1, 2]


def test_padding_by_a_value_that_int8_cannot_hold() -> None:
    attributes = {"low": [0, 1, 0, 0], "high": [0, 0, 0, 0], "value": 1.234}
    with qdq.model(SHAPE) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        y = m.op("nn.pad", [x], (1, 5, 6, 2), **attributes)
        module = m.finish(m.quantize(y, 0.05, 3))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["nn.pad"]
        assert qdq.steps_apart(module, integer, [values()]) == 0


def test_padding_by_minus_infinity_is_the_lowest() -> None:
    attributes = {"low": [0, 1, 0, 0], "high": [0, 0, 0, 0], "value": -math.inf}
    with qdq.model(SHAPE) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        y = m.op("nn.pad", [x], (1, 5, 6, 2), **attributes)
        integer = qdq.integerized(m.finish(m.quantize(y, 0.05, 3)))
        (op,) = access.named(integer, "nn.pad")
        assert access.number(op, "value") == -128


def test_concat_brings_its_inputs_together() -> None:
    with qdq.model([1, 3], [1, 4], [1, 2]) as m:
        a, b, c = (
            m.quantize(x, *p)
            for x, p in zip(m.inputs, [(0.05, 3), (0.02, -9), (0.05, 3)], strict=True)
        )
        b = m.op("nn.unary", [b], [1, 4], fn="neg", alpha=0.0)
        y = m.quantize(m.op("nn.concat", [a, b, c], [1, 9], axis=1), 0.05, 3)
        module = m.finish(y)
        integer = qdq.integerized(module)
        # The middle one is computed at the result's scale at once.
        assert qdq.names(integer) == ["qnn.lookup", "nn.concat"]
        inputs = [values(i, s) for i, s in enumerate([(1, 3), (1, 4), (1, 2)])]
        assert qdq.steps_apart(module, integer, inputs) <= 1


def test_concat_with_a_constant() -> None:
    with qdq.model([1, 3]) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        y = m.op("nn.concat", [x, m.constant(np.float32([[1, -1]]))], [1, 5], axis=1)
        module = m.finish(m.quantize(y, 0.05, 3))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["nn.concat"]
        assert qdq.steps_apart(module, integer, [values(0, (1, 3))]) == 0


def test_one_value_quantized_twice_alike() -> None:
    with qdq.model([1, 4], [1, 4]) as m:
        a, b = (m.quantize(x, 0.05, 3) for x in m.inputs)
        total = m.op("nn.add", [a, b], [1, 4])
        once, again = m.quantize(total, 0.1, 0), m.quantize(total, 0.1, 0)
        y = m.quantize(m.op("nn.mul", [once, again], [1, 4]), 0.2, 0)
        assert qdq.names(qdq.integerized(m.finish(y))) == ["qnn.add", "qnn.mul"]


def test_a_layout_op_kept_float_is_not_moved() -> None:
    with qdq.model(SHAPE) as m:
        y = m.op("nn.reshape", [m.quantize(m.inputs[0], 0.05, 3)], [1, 48])
        op = access.defining_op(y)
        assert op is not None
        op.attributes["tiny.keep_float"] = ir.UnitAttr.get()
        module = m.finish(m.quantize(y, 0.05, 3))
        assert qdq.names(qdq.integerized(module)) == ["nn.dequantize", "nn.reshape", "nn.quantize"]


def test_edges_keep_what_is_said_of_them() -> None:
    with qdq.model([1, 4]) as m:
        module = m.finish(m.quantize(m.quantize(m.inputs[0], 0.05, 3), 0.1, -4))
        build.set_argument_attribute(module, 0, "tiny.name", ir.StringAttr.get("image"))
        build.set_result_attribute(module, 0, "tiny.name", ir.StringAttr.get("scores"))
        integer = qdq.integerized(module)
        assert qdq.parameters(access.argument_attribute, integer, 0) == (0.05, 3)
        assert qdq.parameters(access.result_attribute, integer, 0) == (0.1, -4)
        assert str(access.argument_attribute(integer, 0, "tiny.name")) == '"image"'
        assert str(access.result_attribute(integer, 0, "tiny.name")) == '"scores"'


def test_an_argument_that_is_also_used_in_float_stays_float() -> None:
    with qdq.model([1, 4]) as m:
        x = m.inputs[0]
        y = m.op("nn.softmax", [m.quantize(x, 0.05, 3)], [1, 4])
        module = m.finish(m.quantize(y, 1 / 256, -128), x)
        Integerize().run(module, qdq.context())
        assert qdq.names(module) == ["nn.quantize", "qnn.softmax"]
        assert access.element_type(access.main_block(module).arguments[0]) == "f32"
        assert access.argument_attribute(module, 0, "tiny.scale") is None


def test_an_argument_quantized_in_two_ways_stays_float() -> None:
    with qdq.model([1, 4]) as m:
        a, b = m.quantize(m.inputs[0], 0.05, 3), m.quantize(m.inputs[0], 0.01, 0)
        module = m.finish(m.quantize(m.op("nn.add", [a, b], [1, 4]), 0.1, 0))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["nn.quantize", "nn.quantize", "qnn.add"]
        assert access.element_type(access.main_block(integer).arguments[0]) == "f32"


def test_it_runs_outside_of_any_context() -> None:
    with qdq.model(SHAPE) as m:
        y = m.op("nn.pad", [m.quantize(m.inputs[0], 0.05, 3)], (1, 5, 6, 2), **PAD)
        module = m.finish(m.quantize(y, 0.05, 3))
    Integerize().run(module, qdq.context())
    Fuse().run(module, qdq.context())
    VerifyInteger().run(module, qdq.context())
    assert qdq.names(module) == ["nn.pad"]


def test_several_results() -> None:
    with qdq.model([1, 4]) as m:
        x = m.quantize(m.inputs[0], 0.05, 3)
        y = m.quantize(m.op("nn.softmax", [x], [1, 4]), 1 / 256, -128)
        module = m.finish(y, x)
        integer = qdq.integerized(module)
        assert qdq.steps_apart(module, integer, [values(0, (1, 4))]) <= 1
