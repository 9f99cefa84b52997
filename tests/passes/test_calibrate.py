"""Calibration: the ranges it finds, where it writes them, and what it refuses."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pytest
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.ir.interpret import interpret
from tinyiree.ir.verify import verify
from tinyiree.passes.base import HostProgram, PassContext
from tinyiree.passes.calibrate import RANGE, Calibrate
from tinyiree.passes.settings import LayerRule, Quantization
from tinyiree.targets import load

MODULE = """
func.func @main(%x: tensor<1x2x3xf32> {tiny.name = "signal"}) -> (
    tensor<1x2x3xf32> {tiny.name = "output"}, tensor<1x6xf32>) {
  %two = arith.constant dense<2.0> : tensor<1x1x1xf32>
  %scaled = "nn.mul"(%x, %two) : (tensor<1x2x3xf32>, tensor<1x1x1xf32>) -> tensor<1x2x3xf32>
      loc("scale")
  %relu = "nn.clamp"(%scaled) {min = 0.0 : f64, max = 6.0 : f64}
      : (tensor<1x2x3xf32>) -> tensor<1x2x3xf32> loc("scale.relu")
  %flat = "nn.reshape"(%relu) : (tensor<1x2x3xf32>) -> tensor<1x6xf32> loc("flatten")
  %e = "nn.unary"(%relu) {fn = "sigmoid", alpha = 0.0 : f64}
      : (tensor<1x2x3xf32>) -> tensor<1x2x3xf32> loc("gate")
  %r = "nn.sub"(%e, %relu) : (tensor<1x2x3xf32>, tensor<1x2x3xf32>) -> tensor<1x2x3xf32> loc("less")
  return %r, %flat : tensor<1x2x3xf32>, tensor<1x6xf32>
}
"""
Arrays = Mapping[str, npt.NDArray[np.generic]]


@pytest.fixture
def module() -> Iterator[ir.Module]:
    with build.new_context(), ir.Location.unknown():
        yield ir.Module.parse(MODULE)


def host(module: ir.Module) -> HostProgram:
    verify(module)
    return lambda inputs: interpret(module, inputs)


def context(calibration: Arrays, quantization: Quantization | None = Quantization()) -> PassContext:  # noqa: B008
    return PassContext(load("cortex-m4"), host, quantization, calibration)


def samples(count: int = 12) -> npt.NDArray[np.float32]:
    return np.random.default_rng(4).normal(size=(count, 2, 3)).astype(np.float32)


def ranges(module: ir.Module) -> dict[str, tuple[float, ...]]:
    return {
        access.layer_name(op): tuple(ir.DenseF64ArrayAttr(op.attributes[RANGE]))
        for op in access.operations(module)
        if RANGE in op.attributes
    }


def test_ranges_are_those_of_the_data(module: ir.Module) -> None:
    x = samples()
    Calibrate().run(module, context({"signal": x}))
    verify(module)
    relu = np.clip(2 * x, 0, 6)
    less = 1 / (1 + np.exp(-relu)) - relu
    found = ranges(module)
    # Nothing before a fused clamp, for a layout op, or where the function fixes the range.
    assert found.keys() == {"scale.relu", "less"}
    assert found["scale.relu"] == (0.0, float(relu.max()))
    assert found["less"] == pytest.approx((less.min(), less.max()), rel=1e-6)
    argument = ir.DenseF64ArrayAttr(access.argument_attribute(module, 0, RANGE))
    assert tuple(argument) == (float(x.min()), float(x.max()))
    name = access.argument_attribute(module, 0, "tiny.name")
    assert ir.StringAttr(name).value == "signal"


def test_the_model_itself_is_left_alone(module: ir.Module) -> None:
    before = interpret(module, [samples(1)])
    Calibrate().run(module, context({"signal": samples()}))
    assert [op.name for op in access.operations(module)].count("func.return") == 1
    after = interpret(module, [samples(1)])
    assert len(after) == 2
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_layer_has_its_own_method(module: ir.Module) -> None:
    x = samples(200)
    rules = (LayerRule("less", method="percentile"),)
    Calibrate().run(module, context({"signal": x}, Quantization(percentile=80.0, rules=rules)))
    found = ranges(module)
    assert found["scale.relu"][1] == float(np.clip(2 * x, 0, 6).max())
    relu = np.clip(2 * x, 0, 6)
    low = np.percentile(1 / (1 + np.exp(-relu)) - relu, 10)
    assert found["less"][0] == pytest.approx(low, abs=0.02)


def test_a_rule_for_an_op_is_a_rule_for_its_clamp(module: ir.Module) -> None:
    rules = (LayerRule("scale", method="percentile"),)
    quantization = Quantization(percentile=50.0, rules=rules)
    Calibrate().run(module, context({"signal": samples(200)}, quantization))
    assert ranges(module)["scale.relu"][1] < 3


@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 1, 2, 3)])
def test_the_batch_axis_may_be_there_twice(module: ir.Module, shape: tuple[int, ...]) -> None:
    Calibrate().run(module, context({"signal": np.ones(shape, np.float32)}))
    assert ranges(module)["scale.relu"] == (0.0, 2.0)


def test_a_single_array_needs_no_name(module: ir.Module) -> None:
    Calibrate().run(module, context({"x": samples()}))
    assert ranges(module)


def test_a_constant_input(module: ir.Module) -> None:
    Calibrate().run(module, context({"x": np.zeros((3, 2, 3), np.float32)}))
    assert ranges(module)["scale.relu"] == (0.0, 0.0)


def test_progress_is_told(module: ir.Module) -> None:
    told: list[tuple[str, int, int]] = []
    base = context({"x": samples(3)})
    Calibrate().run(
        module,
        PassContext(
            base.core, host, base.quantization, base.calibration, lambda *a: told.append(a)
        ),
    )
    assert told == [("calibrate", i, 3) for i in range(4)]


def test_a_float_build_is_not_calibrated(module: ir.Module) -> None:
    Calibrate().run(module, context({}, None))
    assert not ranges(module)


def test_a_quantized_model_is_not_calibrated() -> None:
    text = """func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
      %q = "nn.quantize"(%x) {scales = array<f64: 1.0>, zero_points = array<i64: 0>, axis = 0 : i64}
          : (tensor<1x4xf32>) -> tensor<1x4xi8>
      %d = "nn.dequantize"(%q) {scales = array<f64: 1.0>, zero_points = array<i64: 0>, axis = 0}
          : (tensor<1x4xi8>) -> tensor<1x4xf32>
      return %d : tensor<1x4xf32> }"""
    with build.new_context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        Calibrate().run(module, context({}))
        assert access.argument_attribute(module, 0, RANGE) is None


GOOD = samples()
BAD = samples()
BAD[7, 1, 1] = np.nan


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, r"input 'signal' is missing, found no array; .*\[N, 2, 3\] \(--calibration X.npz"),
        ({"sgnal": GOOD}, r"no input is called 'sgnal'; the model's inputs are signal: rename"),
        ({"signal": GOOD, "y": GOOD}, "no input is called 'y'"),
        (
            {"signal": GOOD.transpose(0, 2, 1)},
            r"expected \[N, 2, 3\], found \[12, 3, 2\]; the first",
        ),
        ({"signal": np.float32(3)}, r"expected \[N, 2, 3\], found \[\]"),
        ({"signal": GOOD[:0]}, "it has no samples; give at least one"),
        ({"signal": GOOD.astype(np.float64)}, "expected float32, found float64; convert"),
        ({"signal": (GOOD * 9).astype(np.uint8)}, "expected float32, found uint8"),
        ({"signal": BAD}, "sample 7 holds NaN or infinity; remove it"),
    ],
)
def test_data_that_cannot_be_used_is_refused(module: ir.Module, data: Arrays, message: str) -> None:
    with pytest.raises(TinyireeError, match=message):
        Calibrate().run(module, context(data))


def test_a_model_that_makes_infinity_is_refused() -> None:
    text = """func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
      %e = "nn.unary"(%x) {fn = "exp", alpha = 0.0 : f64}
          : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("boom"("net.py":7:0))
      return %e : tensor<1x4xf32> }"""
    x = np.array([[0, 1, 2, 3], [0, 1, 2, 99]], np.float32)
    with build.new_context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        with pytest.raises(TinyireeError, match=r"'boom' \(net.py:7\): .*NaN.*sample 1; check"):
            Calibrate().run(module, context({"input0": x}))


def test_inputs_must_have_as_many_samples() -> None:
    text = """func.func @main(%a: tensor<1x4xf32>, %b: tensor<1x4xf32>) -> tensor<1x4xf32> {
      %e = "nn.add"(%a, %b) : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
      return %e : tensor<1x4xf32> }"""
    with build.new_context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        data = {"input0": np.ones((3, 4), np.float32), "input1": np.ones((2, 4), np.float32)}
        with pytest.raises(TinyireeError, match=r"as many samples.*'input0': 3, 'input1': 2"):
            Calibrate().run(module, context(data))
