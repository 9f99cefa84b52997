"""Reading and writing modules in normal form."""

from collections.abc import Iterator

import numpy as np
import pytest
from iree.compiler import ir

from tinyiree.ir import access, build

TEXT = """
func.func @main(%x: tensor<1x2xf32> {tiny.name = "x"}) -> (tensor<1x2xf32> {tiny.name = "y"}) {
  %c = arith.constant dense<[[1, -2]]> : tensor<1x2xi8>
  %f = "nn.dequantize"(%c) {scales = array<f64: 0.5>, zero_points = array<i64: 3>, axis = 0 : i64}
    : (tensor<1x2xi8>) -> tensor<1x2xf32>
  %a = "nn.add"(%x, %f) : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
    loc("layer1.add"("net.py":12:3))
  %b = "nn.clamp"(%a) {min = 0.0 : f64, max = 6.0 : f64} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %d = "nn.add"(%b, %b) : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  return %d : tensor<1x2xf32>
}
"""


@pytest.fixture
def module() -> Iterator[ir.Module]:
    with build.new_context(), ir.Location.unknown():
        yield ir.Module.parse(TEXT)


def named(module: ir.Module, name: str) -> ir.Operation:
    return next(access.named(module, name))


def test_operations_are_in_order(module: ir.Module) -> None:
    names = [op.name for op in access.operations(module)]
    assert names[:3] == ["arith.constant", "nn.dequantize", "nn.add"]
    assert names[-1] == "func.return"
    assert len(list(access.named(module, "nn.add", "nn.clamp"))) == 3


def test_attributes(module: ir.Module) -> None:
    op = named(module, "nn.dequantize")
    assert access.floats(op, "scales") == [0.5]
    assert access.ints(op, "zero_points") == [3]
    assert access.integer(op, "axis") == 0
    assert access.number(named(module, "nn.clamp"), "max") == 6.0


def test_values(module: ir.Module) -> None:
    add = named(module, "nn.add")
    argument, dequantized = add.operands
    assert access.shape(argument) == (1, 2)
    assert access.element_type(argument) == "f32"
    assert access.defining_op(argument) is None
    assert access.defining_op(dequantized) == named(module, "nn.dequantize")
    only = access.only_user(add.results[0])
    assert only is not None
    assert only.name == "nn.clamp"


def test_two_uses_are_two_entries(module: ir.Module) -> None:
    clamp = named(module, "nn.clamp")
    assert [op.name for op in access.users(clamp.results[0])] == ["nn.add", "nn.add"]
    assert access.only_user(clamp.results[0]) is None


@pytest.mark.parametrize("dtype", ["float32", "int8", "int16", "int32", "int64"])
@pytest.mark.parametrize("splat", [False, True])
def test_a_constant_comes_back(dtype: str, splat: bool) -> None:
    array = np.full((2, 3), 7) if splat else np.arange(-3, 3).reshape(2, 3)
    with build.new_context(), ir.Location.unknown():
        module = ir.Module.parse("func.func @main() { return }")
        with ir.InsertionPoint.at_block_begin(access.main_block(module)):
            value = build.constant(array.astype(dtype))
        found = access.constant(value)
        assert access.is_constant(value)
    assert found.dtype == dtype
    assert np.array_equal(found, array)


def test_what_is_not_a_constant(module: ir.Module) -> None:
    value = named(module, "nn.add").results[0]
    assert not access.is_constant(value)
    with pytest.raises(ValueError, match="not a constant"):
        access.constant(value)


def test_names_and_lines(module: ir.Module) -> None:
    add, clamp = named(module, "nn.add"), named(module, "nn.clamp")
    assert access.layer_name(add) == "layer1.add"
    assert access.source_line(add) == "net.py:12"
    assert access.describe(add) == "nn.add 'layer1.add' (net.py:12)"
    assert access.layer_name(clamp) == "nn.clamp"


def test_edge_attributes(module: ir.Module) -> None:
    name = access.argument_attribute(module, 0, "tiny.name")
    assert ir.StringAttr(name).value == "x"
    assert access.argument_attribute(module, 0, "tiny.scale") is None
    scale = ir.FloatAttr.get(ir.F64Type.get(), 0.25)
    build.set_argument_attribute(module, 0, "tiny.scale", scale)
    build.set_result_attribute(module, 0, "tiny.scale", scale)
    assert access.argument_attribute(module, 0, "tiny.scale") == scale
    assert access.result_attribute(module, 0, "tiny.scale") == scale
    # Setting one attribute leaves the others.
    assert access.argument_attribute(module, 0, "tiny.name") == name
    assert ir.StringAttr(access.result_attribute(module, 0, "tiny.name")).value == "y"


def test_edge_attributes_of_a_main_without_any() -> None:
    with build.new_context(), ir.Location.unknown():
        module = ir.Module.parse("func.func @main() { return }")
        assert access.argument_attribute(module, 0, "tiny.name") is None


def test_a_module_without_main() -> None:
    with build.new_context(), ir.Location.unknown(), pytest.raises(ValueError, match=r"func\.func"):
        access.main_function(ir.Module.parse("module {}"))
