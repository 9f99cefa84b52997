"""A model that was quantized elsewhere reaches the QDQ form, and is not changed beyond that."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.interpret import interpret
from tinyiree.ir.verify import verify
from tinyiree.passes.base import PassContext
from tinyiree.passes.qdq.parameters import Parameters, parameters_behind, parameters_of
from tinyiree.passes.quantize import KEEP_FLOAT, Quantize
from tinyiree.passes.settings import LayerRule, Quantization
from tinyiree.targets import load

F, I8 = "tensor<1x4xf32>", "tensor<1x4xi8>"
P, Q = Parameters(0.5, 3), Parameters(0.25, -7)


@pytest.fixture(autouse=True)
def mlir() -> Iterator[None]:
    with build.new_context(), ir.Location.unknown():
        yield


def attributes(parameters: Parameters) -> str:
    return (
        f"{{scales = array<f64: {parameters.scale}>, axis = 0 : i64, "
        f"zero_points = array<i64: {parameters.zero_point}>}}"
    )


def q(name: str, x: str, parameters: Parameters = P, shape: str = "1x4") -> str:
    kind = f"(tensor<{shape}xf32>) -> tensor<{shape}xi8>"
    return f'%{name} = "nn.quantize"(%{x}) {attributes(parameters)} : {kind}'


def dq(name: str, x: str, parameters: Parameters = P, shape: str = "1x4") -> str:
    kind = f"(tensor<{shape}xi8>) -> tensor<{shape}xf32>"
    return f'%{name} = "nn.dequantize"(%{x}) {attributes(parameters)} : {kind}'


def unary(name: str, x: str, fn: str) -> str:
    return (
        f'%{name} = "nn.unary"(%{x}) {{fn = "{fn}", alpha = 0.1 : f64}} : ({F}) -> {F} loc("{fn}")'
    )


def clamp(name: str, x: str) -> str:
    return f'%{name} = "nn.clamp"(%{x}) {{min = 0.0 : f64, max = 9.0 : f64}} : ({F}) -> {F}'


def reshape(name: str, x: str) -> str:
    return f'%{name} = "nn.reshape"(%{x}) : ({F}) -> {F}'


def completed(*lines: str, quantization: Quantization | None = None) -> ir.Module:
    """Parse a function of one input; the last line names what it returns."""
    *body, result = lines
    text = "\n".join(body)
    module = ir.Module.parse(
        f"func.func @main(%x: {F}) -> {F} {{\n{text}\nreturn %{result} : {F}\n}}"
    )
    context = PassContext(load("cortex-m4"), lambda m: lambda x: [], quantization)
    Quantize().run(module, context)
    verify(module)
    return module


def names(module: ir.Module) -> list[str]:
    return [op.name.removeprefix("nn.") for op in access.operations(module)]


def result(module: ir.Module) -> Parameters | None:
    return parameters_behind(access.operations(module)[-1].operands[0])


def test_a_complete_model_is_left_alone() -> None:
    module = completed(
        q("a", "x"), dq("b", "a"), unary("c", "b", "tanh"), q("d", "c", Q), dq("e", "d", Q), "e"
    )
    assert names(module) == [
        *("quantize", "dequantize", "unary", "quantize", "dequantize", "func.return")
    ]
    assert result(module) == Q


def test_dequantizes_are_merged_and_read_by_all() -> None:
    module = completed(
        *(unary("early", "x", "tanh"), q("a", "x"), dq("b", "a"), dq("c", "a")),
        *(q("a2", "x"), dq("d", "a2")),
        f'%s = "nn.add"(%b, %c) : ({F}, {F}) -> {F}',
        f'%t = "nn.add"(%s, %d) : ({F}, {F}) -> {F}',
        f'%u = "nn.add"(%t, %early) : ({F}, {F}) -> {F}',
        "u",
    )
    assert names(module)[:3] == ["quantize", "dequantize", "unary"]
    assert names(module).count("quantize") == 2  # the input, and tanh of it
    assert names(module).count("dequantize") == 2


def test_another_scale_for_one_user_stays_with_that_user() -> None:
    module = completed(
        *(q("a", "x"), dq("b", "a"), q("c", "b", Q), dq("d", "c", Q)),
        f'%s = "nn.add"(%b, %d) : ({F}, {F}) -> {F}',
        *(q("e", "s"), dq("f", "e"), "f"),
    )
    (add,) = access.named(module, "nn.add")
    assert [parameters_behind(operand) for operand in add.operands] == [P, Q]


@pytest.mark.parametrize("fill", [reshape, clamp])
def test_a_result_shares_its_operands_parameters(fill: object) -> None:
    assert callable(fill)
    module = completed(q("a", "x"), dq("b", "a"), fill("c", "b"), fill("d", "c"), "d")
    assert result(module) == P
    assert names(module).count("quantize") == (3 if fill is reshape else 2)


def test_a_layout_op_before_a_quantize_moves_behind_it() -> None:
    module = completed(reshape("r", "x"), q("a", "r"), dq("b", "a"), "b")
    assert names(module)[:3] == ["quantize", "dequantize", "reshape"]
    assert result(module) == P


@pytest.mark.parametrize(
    ("fn", "low", "high"),
    [
        ("sigmoid", 0, 255 / 256),
        ("tanh", -1, 127 / 128),
        ("hard_swish", -0.375, 62),
        ("leaky_relu", -6.55, 62),
        ("abs", 0, 65.5),
        ("neg", -62, 65.5),
        ("elu", -0.1, 62),
    ],
)
def test_a_function_gets_the_range_of_its_values(fn: str, low: float, high: float) -> None:
    module = completed(q("a", "x"), dq("b", "a"), unary("c", "b", fn), "c")
    found = result(module)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=found.scale)
    x = np.array([[-65, -1, 2, 61]], np.float32)
    plain = completed(unary("c", "x", fn), "c")
    assert interpret(module, [x])[0] == pytest.approx(
        interpret(plain, [x])[0], abs=found.scale * 1.01
    )


def test_what_was_left_float_stays_float() -> None:
    module = completed(
        *(q("a", "x"), dq("b", "a")),
        f'%s = "nn.add"(%b, %b) : ({F}, {F}) -> {F} loc("sum")',
        "s",
    )
    assert names(module) == ["quantize", "dequantize", "add", "func.return"]


def test_a_rule_marks_a_float_layer() -> None:
    module = completed(
        *(q("a", "x"), dq("b", "a")),
        f'%s = "nn.add"(%b, %b) : ({F}, {F}) -> {F} loc("sum")',
        "s",
        quantization=Quantization(rules=(LayerRule("sum", keep_float=True),)),
    )
    (add,) = access.named(module, "nn.add")
    assert KEEP_FLOAT in add.attributes


def linear(
    bias: npt.ArrayLike, scales: npt.ArrayLike, weight: str
) -> tuple[ir.Module, ir.Operation]:
    b, s = np.asarray(bias).tolist(), ", ".join(f"{scale:.9e}" for scale in np.asarray(scales))
    module = completed(
        *(q("a", "x"), dq("b", "a")),
        f"%w = {weight}",
        f'%wd = "nn.dequantize"(%w) {{axis = 0 : i64, scales = array<f64: {s}>,'
        " zero_points = array<i64: 0, 0, 0, 0>} : (tensor<4x4xi8>) -> tensor<4x4xf32>",
        f"%bias = arith.constant dense<{b}> : tensor<4xf32>",
        f'%y = "nn.fully_connected"(%b, %wd, %bias) : ({F}, tensor<4x4xf32>, tensor<4xf32>) -> {F}',
        *(q("c", "y", Q), dq("d", "c", Q), "d"),
    )
    (op,) = access.named(module, "nn.fully_connected")
    return module, op


WEIGHT = "arith.constant dense<[[1,2,3,4],[0,0,0,0],[-9,8,7,6],[127,-127,0,1]]> : tensor<4x4xi8>"


def test_a_float_bias_becomes_int32() -> None:
    bias, scales = np.array([1.0, -2.0, 0.25, 0.0]), np.array([0.01, 0.5, 0.02, 0.03])
    _module, op = linear(bias, scales, WEIGHT)
    source = access.defining_op(op.operands[2])
    assert source is not None
    assert access.element_type(source.operands[0]) == "i32"
    found = np.array(access.floats(source, "scales"))
    assert found == pytest.approx(P.scale * scales)
    assert access.constant(source.operands[0]) == pytest.approx(np.rint(bias / found))


def test_a_bias_that_would_overflow_gets_a_larger_weight_scale() -> None:
    bias, scales = np.array([1.0, 3.0, 0.25, 0.0]), np.array([0.01, 1e-10, 0.02, 0.03])
    _module, op = linear(bias, scales, WEIGHT)
    source, weight = (access.defining_op(op.operands[i]) for i in (2, 1))
    assert source is not None
    assert weight is not None
    real = access.constant(source.operands[0]) * np.array(access.floats(source, "scales"))
    assert real == pytest.approx(bias, abs=0.01)
    assert access.floats(weight, "scales")[1] > 1e-9
    assert access.floats(weight, "scales")[0] == 0.01


def test_a_float_weight_with_its_quantize_is_folded() -> None:
    four = "{scales = array<f64: 0.5, 0.5, 0.25, 1.0>, zero_points = array<i64: 0, 0, 0, 0>, "
    four += "axis = 0 : i64}"
    tall, square = "tensor<4x1xf32>", "tensor<4x4xf32>"
    module = completed(
        *(q("a", "x"), dq("b", "a")),
        "%w = arith.constant dense<[[1.0],[-0.6],[99.0],[2.5]]> : tensor<4x1xf32>",
        f'%wq = "nn.quantize"(%w) {four} : ({tall}) -> tensor<4x1xi8>',
        f'%wd = "nn.dequantize"(%wq) {four} : (tensor<4x1xi8>) -> {tall}',
        f'%r = "nn.reshape"(%b) : ({F}) -> {tall}',
        f'%y = "nn.fully_connected"(%r, %wd) : ({tall}, {tall}) -> {square}',
        f'%z = "nn.slice"(%y) {{offsets = array<i64: 0, 0>, strides = array<i64: 1, 1>}}'
        f" : ({square}) -> {F}",
        *(q("c", "z", Q), dq("d", "c", Q), "d"),
    )
    (op,) = access.named(module, "nn.fully_connected")
    source = access.defining_op(op.operands[1])
    assert source is not None
    assert access.constant(source.operands[0]).ravel().tolist() == [2, -1, 127, 2]
    # The result was only quantized behind the slice: now before it as well.
    (user,) = access.users(op.results[0])
    assert parameters_of(user) == Q


def test_a_scalar_operand_becomes_int8() -> None:
    module = completed(
        *(q("a", "x"), dq("b", "a")),
        "%k = arith.constant dense<0.5> : tensor<1x1xf32>",
        f'%y = "nn.mul"(%b, %k) : ({F}, tensor<1x1xf32>) -> {F}',
        *(q("c", "y", Q), dq("d", "c", Q), "d"),
    )
    (op,) = access.named(module, "nn.mul")
    found = parameters_behind(op.operands[1])
    assert found is not None
    assert found.high == pytest.approx(0.5, rel=1e-6)


def test_concatenation_of_two_scales_gets_the_wider_range() -> None:
    module = completed(
        *(q("a", "x"), dq("b", "a"), unary("t", "b", "tanh")),
        f'%c = "nn.concat"(%b, %t) {{axis = 0 : i64}} : ({F}, {F}) -> tensor<2x4xf32>',
        f'%z = "nn.slice"(%c) {{offsets = array<i64: 1, 0>, strides = array<i64: 1, 1>}}'
        f" : (tensor<2x4xf32>) -> {F}",
        "z",
    )
    (op,) = access.named(module, "nn.concat")
    (user,) = access.users(op.results[0])
    found = parameters_of(user)
    assert found is not None
    assert found.low == P.low
    assert found.high == P.high
