"""Where a calibrated float model becomes int8, with which parameters, and how exactly."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.ir.interpret import interpret
from tinyiree.ir.verify import verify
from tinyiree.passes.base import HostProgram, PassContext
from tinyiree.passes.calibrate import Calibrate
from tinyiree.passes.qdq.constants import BIAS_LIMIT, weight_scales
from tinyiree.passes.qdq.parameters import Parameters, from_range, parameters_behind, parameters_of
from tinyiree.passes.quantize import KEEP_FLOAT, Quantize
from tinyiree.passes.settings import LayerRule, Quantization
from tinyiree.targets import load

Floats = npt.NDArray[np.float32]
CONV = "strides = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, " + (
    "dilations = array<i64: 1, 1>, groups = 1 : i64"
)
POOL = (
    "kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0, 0, 0>, "
    + ("dilations = array<i64: 1, 1>")
)
A, B = "tensor<1x4x4x2xf32>", "tensor<1x2x2x2xf32>"


@pytest.fixture(autouse=True)
def mlir() -> Iterator[None]:
    with build.new_context(), ir.Location.unknown():
        yield


def host(module: ir.Module) -> HostProgram:
    verify(module)
    return lambda inputs: interpret(module, inputs)


def parse(body: str, inputs: str = f"%x: {A}") -> ir.Module:
    """A module; its last line is what it returns, as ``%a, %b : types``."""
    *lines, results = body.strip().splitlines()
    types = results.split(" : ")[1]
    text = "\n".join(lines)
    return ir.Module.parse(
        f"func.func @main({inputs}) -> ({types}) {{\n{text}\nreturn {results}\n}}"
    )


def weight(*shape: int, seed: int = 0) -> str:
    """A constant of random floats, as text."""
    array = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    kind = "x".join(map(str, shape))
    return f"arith.constant dense<{array.tolist()}> : tensor<{kind}xf32>"


def conv(name: str, x: str, w: str, kind: str = A) -> str:
    types = f"({kind}, tensor<2x3x3x2xf32>, tensor<2xf32>) -> {kind}"
    return f'%{name} = "nn.conv2d"(%{x}, %{w}, %b) {{{CONV}}} : {types} loc("{name}")'


def clamp(name: str, x: str, kind: str = A) -> str:
    return (
        f'%{name} = "nn.clamp"(%{x}) {{min = 0.0 : f64, max = 6.0 : f64}} : ({kind}) -> {kind} '
        f'loc("{name}")'
    )


CONSTANTS = f"%w = {weight(2, 3, 3, 2)}\n%b = {weight(2, seed=1)}\n"


def quantized(module: ir.Module, quantization: Quantization | None = None) -> ir.Module:
    """Calibrate on random data and quantize."""
    shapes = [access.shape(argument) for argument in access.main_block(module).arguments]
    random = np.random.default_rng(7)
    data = {
        f"input{i}": random.normal(size=(20, *shape)).astype(np.float32)
        for i, shape in enumerate(shapes)
    }
    context = PassContext(load("cortex-m4"), host, quantization or Quantization(), data)
    Calibrate().run(module, context)
    Quantize().run(module, context)
    verify(module)
    return module


def stored(module: ir.Module) -> dict[str, Parameters]:
    """By the name of the op that computes it (``input`` for arguments): what is stored as int8."""
    found = {}
    for op in access.named(module, "nn.quantize"):
        source = access.defining_op(op.operands[0])
        parameters = parameters_of(op)
        assert parameters is not None
        found["input" if source is None else source.name.removeprefix("nn.")] = parameters
        (user,) = access.users(op.results[0])
        assert user.name == "nn.dequantize"
        assert parameters_of(user) == parameters
    return found


def counts(module: ir.Module) -> Counter[str]:
    return Counter(op.name for op in access.operations(module))


@given(st.floats(-1e30, 1e30), st.floats(0, 1e30))
def test_parameters_cover_the_range_and_zero(low: float, width: float) -> None:
    high = low + width
    found = from_range(low, high)
    assert found.scale > 0
    assert found.scale == np.float32(found.scale)
    assert -128 <= found.zero_point <= 127
    assert found.low <= 0 <= found.high
    if max(high, 0) - min(low, 0) > 1e-30:
        assert found.low <= min(low, 0) + found.scale * 0.51
        assert found.high >= max(high, 0) - found.scale * 0.51


def test_zero_is_exact() -> None:
    found = from_range(-0.37, 1.9)
    q = found.quantize(np.zeros(1, np.float32))
    assert (int(q[0]) - found.zero_point) * found.scale == 0


def test_an_op_and_its_clamp_are_one() -> None:
    module = quantized(
        parse(CONSTANTS + conv("c", "x", "w") + "\n" + clamp("r", "c") + f"\n%r : {A}")
    )
    assert stored(module).keys() == {"input", "clamp"}
    assert counts(module) == {
        **{"nn.quantize": 2, "nn.dequantize": 4, "arith.constant": 2},
        **{"nn.conv2d": 1, "nn.clamp": 1, "func.return": 1},
    }
    assert stored(module)["clamp"].zero_point == -128


def test_a_clamp_with_a_rival_is_on_its_own() -> None:
    body = CONSTANTS + conv("c", "x", "w") + "\n" + clamp("r", "c") + f"\n%r, %c : {A}, {A}"
    assert stored(quantized(parse(body))).keys() == {"input", "conv2d", "clamp"}


def test_weights_and_biases() -> None:
    body = CONSTANTS + conv("c", "x", "w") + f"\n%c : {A}"
    before = parse(body)
    (op,) = access.named(before, "nn.conv2d")
    w, b = (access.constant(op.operands[i]).astype(np.float64) for i in (1, 2))
    (op,) = access.named(quantized(before), "nn.conv2d")
    x, weights, bias = (access.defining_op(operand) for operand in op.operands)
    assert x is not None
    assert weights is not None
    assert bias is not None
    q, scales = access.constant(weights.operands[0]), np.array(access.floats(weights, "scales"))
    assert q.dtype == np.int8
    assert np.abs(q.reshape(2, -1)).max(axis=1).tolist() == [127, 127]
    assert access.ints(weights, "zero_points") == [0, 0]
    assert np.abs(q * scales.reshape(2, 1, 1, 1) - w).max() <= scales.max() / 2 * 1.001
    steps, bias_scales = access.constant(bias.operands[0]), np.array(access.floats(bias, "scales"))
    assert steps.dtype == np.int32
    assert np.array_equal(bias_scales, access.floats(x, "scales")[0] * scales)
    assert np.abs(steps * bias_scales - b).max() <= bias_scales.max() / 2 * 1.001


def test_one_scale_for_the_whole_weight() -> None:
    module = parse(CONSTANTS + conv("c", "x", "w") + f"\n%c : {A}")
    quantized(module, Quantization(per_channel=False))
    (op,) = access.named(module, "nn.conv2d")
    source = access.defining_op(op.operands[1])
    assert source is not None
    assert len(access.floats(source, "scales")) == 1


@pytest.mark.parametrize(
    ("weights", "bias"),
    [([0.0, 0.0], 0.0), ([0.0, 0.0], 3.0), ([1e-12, -1e-12], 5.0), ([1e-42, 0.0], -1.0)],
)
def test_a_dead_channel_is_safe(weights: list[float], bias: float) -> None:
    w, b, x_scale = np.array([weights, [1.0, -1.0]]), np.array([bias, 0.5]), 0.02
    scales = weight_scales(w, b, x_scale, per_channel=True)
    assert (scales > 0).all()
    assert np.isfinite(scales).all()
    assert (np.abs(b) / (x_scale * scales) <= BIAS_LIMIT * 1.0001).all()
    steps = np.rint(b / (x_scale * scales))
    assert steps * x_scale * scales == pytest.approx(b, rel=1e-4)


def test_layout_ops_share_and_averages_do_not() -> None:
    body = f"""
      %p = "nn.max_pool2d"(%x) {{{POOL}}} : ({A}) -> {B}
      %t = "nn.transpose"(%p) {{permutation = array<i64: 0, 3, 1, 2>}} : ({B}) -> {B}
      %m = "nn.mean"(%t) {{axes = array<i64: 1>}} : ({B}) -> tensor<1x1x2x2xf32>
      %m : tensor<1x1x2x2xf32>"""
    found = stored(quantized(parse(body)))
    assert found["input"] == found["max_pool2d"] == found["transpose"] != found["mean"]


def test_concatenation_takes_one_range() -> None:
    body = f"""
      %two = arith.constant dense<4.0> : tensor<1x1x1x1xf32>
      %a = "nn.mul"(%x, %two) : ({A}, tensor<1x1x1x1xf32>) -> {A}
      %c = "nn.concat"(%x, %a) {{axis = 3 : i64}} : ({A}, {A}) -> tensor<1x4x4x4xf32>
      %c : tensor<1x4x4x4xf32>"""
    found = stored(quantized(parse(body)))
    assert found["input"] == found["mul"] == found["concat"]


def test_a_softmax_keeps_its_own_scale_in_a_concatenation() -> None:
    body = f"""
      %s = "nn.softmax"(%x) : ({A}) -> {A}
      %c = "nn.concat"(%x, %s) {{axis = 3 : i64}} : ({A}, {A}) -> tensor<1x4x4x4xf32>
      %c : tensor<1x4x4x4xf32>"""
    found = stored(quantized(parse(body)))
    assert found["softmax"] == Parameters(1 / 256, -128)
    assert found["input"] == found["concat"]


def test_a_pad_value_is_in_the_range() -> None:
    body = f"""
      %p = "nn.pad"(%x) {{low = array<i64: 0, 1, 0, 0>, high = array<i64: 0, 0, 0, 0>,
                          value = -9.0 : f64}} : ({A}) -> tensor<1x5x4x2xf32>
      %p : tensor<1x5x4x2xf32>"""
    found = stored(quantized(parse(body)))
    assert found["input"] == found["pad"]
    assert found["pad"].low == pytest.approx(-9, abs=0.05)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ('"nn.softmax"(%x)', Parameters(1 / 256, -128)),
        ('"nn.unary"(%x) {fn = "sigmoid", alpha = 0.0 : f64}', Parameters(1 / 256, -128)),
        ('"nn.unary"(%x) {fn = "tanh", alpha = 0.0 : f64}', Parameters(1 / 128, 0)),
    ],
)
def test_fixed_parameters(op: str, expected: Parameters) -> None:
    (found,) = [
        v
        for k, v in stored(quantized(parse(f"%y = {op} : ({A}) -> {A}\n%y : {A}"))).items()
        if k != "input"
    ]
    assert found == expected


def test_log_softmax_ends_at_zero() -> None:
    found = stored(quantized(parse(f'%y = "nn.log_softmax"(%x) : ({A}) -> {A}\n%y : {A}')))
    assert found["log_softmax"].zero_point == 127


def test_a_range_ends_where_its_only_user_saturates() -> None:
    body = f"""
      %k = arith.constant dense<50.0> : tensor<1x1x1x1xf32>
      %a = "nn.mul"(%x, %k) : ({A}, tensor<1x1x1x1xf32>) -> {A}
      %y = "nn.unary"(%a) {{fn = "hard_swish", alpha = 0.0 : f64}} : ({A}) -> {A}
      """
    found = stored(quantized(parse(body + f"%y : {A}")))
    assert found["mul"].low == pytest.approx(-3, abs=found["mul"].scale)
    assert stored(quantized(parse(body + f"%y, %a : {A}, {A}")))["mul"].low < -50


def test_an_index_is_not_quantized() -> None:
    body = f"""
      %i = "nn.argmax"(%x) {{axis = 3 : i64}} : ({A}) -> tensor<1x4x4xi32>
      %i : tensor<1x4x4xi32>"""
    assert stored(quantized(parse(body))).keys() == {"input"}


def test_constants_of_elementwise_ops() -> None:
    body = f"""
      %k = arith.constant dense<[[[[0.5, -0.25]]]]> : tensor<1x1x1x2xf32>
      %y = "nn.add"(%x, %k) : ({A}, tensor<1x1x1x2xf32>) -> {A}
      %y : {A}"""
    module = quantized(parse(body))  # a name of its own: ops do not keep their module alive
    (op,) = access.named(module, "nn.add")
    parameters = parameters_behind(op.operands[1])
    assert parameters is not None
    source = access.defining_op(op.operands[1])
    assert source is not None
    steps = access.constant(source.operands[0]).astype(np.float64)
    real = (steps - parameters.zero_point) * parameters.scale
    assert real.ravel() == pytest.approx([0.5, -0.25], abs=parameters.scale / 2)


def three(rules: tuple[LayerRule, ...]) -> ir.Module:
    lines = [conv("first", "x", "w"), clamp("first.relu", "first")]
    lines += [conv("second", "first.relu", "w"), clamp("second.relu", "second")]
    lines += [conv("third", "second.relu", "w")]
    body = CONSTANTS + "\n".join(lines).replace("%first.relu", "%fr").replace("%second.relu", "%sr")
    return quantized(parse(body + f"\n%third : {A}"), Quantization(rules=rules))


def kept(module: ir.Module) -> list[str]:
    return [
        access.layer_name(op) for op in access.operations(module) if KEEP_FLOAT in op.attributes
    ]


@pytest.mark.parametrize(
    ("pattern", "layers", "quantizes"),
    [
        ("first", ["first", "first.relu"], 3),
        ("second", ["second", "second.relu"], 4),
        ("third", ["third"], 3),
        ("*", ["first", "first.relu", "second", "second.relu", "third"], 0),
    ],
)
def test_a_layer_stays_float(pattern: str, layers: list[str], quantizes: int) -> None:
    module = three((LayerRule(pattern, keep_float=True),))
    assert kept(module) == layers
    assert counts(module)["nn.quantize"] == quantizes
    weights = [
        op
        for op in access.operations(module)
        if op.name == "arith.constant" and access.element_type(op.results[0]) == "i8"
    ]
    assert len(weights) == 3 - sum("." not in layer for layer in layers)


def test_what_lies_between_float_layers_stays_float() -> None:
    body = (
        CONSTANTS
        + conv("c", "x", "w")
        + f"""
      %t = "nn.transpose"(%c) {{permutation = array<i64: 0, 2, 1, 3>}} : ({A}) -> {A} loc("t")
      """
        + conv("d", "t", "w")
        + f"\n%d : {A}"
    )
    rules = (LayerRule("[cd]", keep_float=True),)
    module = quantized(parse(body), Quantization(rules=rules))
    assert kept(module) == ["c", "t", "d"]
    assert counts(module)["nn.quantize"] == 0


def test_the_input_of_a_float_layer_is_float() -> None:
    module = three((LayerRule("first", keep_float=True),))
    (first, *_) = access.named(module, "nn.conv2d")
    assert access.defining_op(first.operands[0]) is None
    assert "input" not in stored(module)


def test_a_rule_that_matches_nothing_is_refused() -> None:
    with pytest.raises(TinyireeError, match=r"'thrid': it matches no layer; .*second, .*third"):
        three((LayerRule("thrid", keep_float=True),))


def test_an_uncalibrated_module_is_refused() -> None:
    module = parse(f'%y = "nn.add"(%x, %x) : ({A}, {A}) -> {A}\n%y : {A}')
    with pytest.raises(TinyireeError, match="the range of its values is not known; run the pass"):
        Quantize().run(module, PassContext(load("cortex-m4"), host, Quantization()))


def test_a_float_build_is_left_alone() -> None:
    module = parse(CONSTANTS + conv("c", "x", "w") + f"\n%c : {A}")
    before = str(module)
    Quantize().run(module, PassContext(load("cortex-m4"), host))
    assert str(module) == before


@pytest.mark.parametrize("method", ["min-max", "percentile", "mse"])
def test_the_error_is_small(method: str) -> None:
    lines = [conv("c", "x", "w"), clamp("r", "c"), conv("d", "r", "w")]
    lines += [f'%s = "nn.add"(%d, %x) : ({A}, {A}) -> {A} loc("s")']
    lines += [f'%p = "nn.max_pool2d"(%s) {{{POOL}}} : ({A}) -> {B} loc("p")']
    text = CONSTANTS + "\n".join(lines) + f"\n%p : {B}"
    plain, module = parse(text), quantized(parse(text), Quantization(method=method))  # type: ignore[arg-type]
    x = np.random.default_rng(9).normal(size=(30, 1, 4, 4, 2)).astype(np.float32)
    expected = np.stack([interpret(plain, [sample])[0] for sample in x])
    got = np.stack([interpret(module, [sample])[0] for sample in x])
    assert np.sqrt(np.mean((got - expected) ** 2)) < 0.03 * expected.std()
