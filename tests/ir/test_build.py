"""Writing ops: attribute kinds, replacement, dead code, the function's type."""

from collections.abc import Iterator

import numpy as np
import pytest
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.dialect import FUNCTIONS, OPS, AttributeKind, OpSpec
from tinyiree.ir.verify import verify

VALUES: dict[AttributeKind, build.Attribute] = {
    "i64": 3,
    "f64": 0.5,
    "bool": True,
    "str": "tanh",
    "i64[]": [1, 2],
    "f64[]": [0.5, 2.0],
}


@pytest.fixture
def module() -> Iterator[ir.Module]:
    with build.new_context(), ir.Location.unknown():
        yield ir.Module.parse(
            "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }"
        )


def at_begin(module: ir.Module) -> ir.InsertionPoint:
    return ir.InsertionPoint.at_block_begin(access.main_block(module))


@pytest.mark.parametrize("spec", OPS, ids=lambda spec: spec.name)
def test_every_op_can_be_built_and_verified(module: ir.Module, spec: OpSpec) -> None:
    choices = {"fn": FUNCTIONS.get(spec.name, ("tanh",))[-1]}
    choices |= dict.fromkeys(("source", "target"), "int16")
    attributes = {name: choices.get(name, VALUES[kind]) for name, kind in spec.attributes.items()}
    dtype = access.MLIR_TO_NUMPY[spec.data[0]]
    with at_begin(module):
        operands = [build.constant(np.zeros(2, dtype)) for _ in range(spec.operands[0])]
        element = spec.result[0] if spec.result else spec.data[0]
        value = build.op(spec.name, operands, [2], element, **attributes)
    verify(module)
    op = access.defining_op(value)
    assert op is not None
    read = {
        "i64": access.integer,
        "f64": access.number,
        "bool": access.boolean,
        "str": access.string,
        "i64[]": access.ints,
        "f64[]": access.floats,
    }
    for name, kind in spec.attributes.items():
        assert read[kind](op, name) == attributes[name]


def test_a_missing_attribute_is_refused(module: ir.Module) -> None:
    x = access.main_block(module).arguments[0]
    with at_begin(module), pytest.raises(KeyError, match=r"nn\.clamp needs max"):
        build.op("nn.clamp", [x], [2], "f32", min=0.0)


def test_an_unknown_attribute_is_refused(module: ir.Module) -> None:
    x = access.main_block(module).arguments[0]
    with at_begin(module), pytest.raises(KeyError, match="slope"):
        build.op("nn.clamp", [x], [2], "f32", min=0.0, max=1.0, slope=2.0)


def test_an_empty_constant_is_refused(module: ir.Module) -> None:
    with at_begin(module), pytest.raises(ValueError, match="empty"):
        build.constant(np.zeros((0, 2), np.float32))


def test_replace_and_erase_dead(module: ir.Module) -> None:
    x = access.main_block(module).arguments[0]
    with at_begin(module):
        first = build.op("nn.clamp", [x], [2], "f32", min=0.0, max=1.0)
        second = build.op("nn.clamp", [first], [2], "f32", min=0.0, max=1.0)
    terminator = access.operations(module)[-1]
    terminator.operands[0] = second
    assert not build.erase_dead(module)
    second_op = access.defining_op(second)
    assert second_op is not None
    build.replace(second_op, x)
    assert build.erase_dead(module)
    assert [op.name for op in access.operations(module)] == ["func.return"]


def test_the_function_type_follows(module: ir.Module) -> None:
    argument = access.main_block(module).arguments[0]
    argument.set_type(build.tensor_type([2], "i8"))
    build.update_function_type(module)
    verify(module)
    kind = access.main_function(module).attributes["function_type"]
    assert str(kind) == "(tensor<2xi8>) -> tensor<2xi8>"


def test_edges_are_named_at_once(module: ir.Module) -> None:
    name, other = ir.StringAttr.get("x"), ir.StringAttr.get("y")
    build.name_edges(module, [{"tiny.name": name}], [{"tiny.name": other, "tiny.dtype": name}])
    assert access.argument_attribute(module, 0, "tiny.name") == name
    assert access.result_attribute(module, 0, "tiny.name") == other
    assert access.result_attribute(module, 0, "tiny.dtype") == name
    assert access.argument_attribute(module, 0, "tiny.dtype") is None
    verify(module)
