"""fold-batch-norm: where it folds, the numbers, and its one diagnostic."""

import numpy as np
import pytest
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.ir.interpret import interpret
from tinyiree.ir.verify import verify
from tinyiree.passes.fold_batch_norm import FoldBatchNorm

BATCH_NORM = """
  %s = arith.constant dense<[1.5, -0.5]> : tensor<2xf32>
  %o = arith.constant dense<[0.25, 3.0]> : tensor<2xf32>
  %m = arith.constant dense<[-1.0, 0.5]> : tensor<2xf32>
  %v = arith.constant dense<[0.5, 2.0]> : tensor<2xf32>
  %y = "nn.batch_norm"({x}, %s, %o, %m, %v) {{epsilon = 1.0e-3 : f64}}
    : ({t}, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> {t} loc("norm")
"""
CONV = """
  %w = arith.constant dense<[[[[0.5], [1.0]]], [[[-2.0], [0.25]]]]> : tensor<2x1x2x1xf32>
  %c = "nn.conv2d"(%x, %w) {strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>,
      dilations = array<i64: 1, 1>, groups = 1 : i64}
    : (tensor<1x3x5x1xf32>, tensor<2x1x2x1xf32>) -> tensor<1x3x4x2xf32> loc("conv")
"""
LINEAR = """
  %w = arith.constant dense<[[1.0, 2.0, -1.0], [0.5, 0.0, 4.0]]> : tensor<2x3xf32>
  %b = arith.constant dense<[0.5, -8.0]> : tensor<2xf32>
  %c = "nn.fully_connected"(%x, %w, %b)
    : (tensor<4x3xf32>, tensor<2x3xf32>, tensor<2xf32>) -> tensor<4x2xf32> loc("linear")
"""
SLICE = """
  %t = "nn.slice"(%c) {offsets = array<i64: 0, 0, 1, 0>, strides = array<i64: 1, 1, 1, 1>}
    : (tensor<1x3x4x2xf32>) -> tensor<1x3x2x2xf32>
"""
IMAGE, ROWS = "tensor<1x3x5x1xf32>", "tensor<4x3xf32>"


def parse(argument: str, body: str, result: str, value: str = "%y") -> ir.Module:
    text = (
        f"func.func @main(%x: {argument}) -> {result} {{\n{body}\n  return {value} : {result}\n}}"
    )
    return ir.Module.parse(text, build.new_context())


def norm(value: str, kind: str) -> str:
    return BATCH_NORM.format(x=value, t=kind)


def fold(module: ir.Module) -> list[str]:
    """Run the pass; the result has the same numbers."""
    kind = access.shape(access.main_block(module).arguments[0])
    x = np.random.default_rng(0).normal(size=kind).astype(np.float32)
    (before,) = interpret(module, [x])
    FoldBatchNorm().run(module, None)  # type: ignore[arg-type]
    with module.context:
        verify(module)
    (after,) = interpret(module, [x])
    np.testing.assert_allclose(after, before, atol=1e-6)
    return [op.name for op in access.operations(module) if op.name.startswith("nn.")]


def test_into_a_convolution() -> None:
    kind = "tensor<1x3x4x2xf32>"
    module = parse(IMAGE, CONV + norm("%c", kind), kind)
    assert fold(module) == ["nn.conv2d"]
    (conv,) = access.named(module, "nn.conv2d")
    assert access.layer_name(conv) == "conv"
    assert len(conv.operands) == 3


def test_into_a_linear_layer() -> None:
    kind = "tensor<4x2xf32>"
    assert fold(parse(ROWS, LINEAR + norm("%c", kind), kind)) == ["nn.fully_connected"]


def test_through_a_slice() -> None:
    kind = "tensor<1x3x2x2xf32>"
    module = parse(IMAGE, CONV + SLICE + norm("%t", kind), kind)
    assert fold(module) == ["nn.conv2d", "nn.slice"]


def test_images_become_a_depthwise_convolution() -> None:
    kind = "tensor<1x3x4x2xf32>"
    module = parse(kind, norm("%x", kind), kind)
    assert fold(module) == ["nn.conv2d"]
    (conv,) = access.named(module, "nn.conv2d")
    assert access.integer(conv, "groups") == 2
    assert access.layer_name(conv) == "norm"


@pytest.mark.parametrize("kind", ["tensor<4x2xf32>", "tensor<1x5x2xf32>"])
def test_other_ranks_become_mul_and_add(kind: str) -> None:
    assert fold(parse(kind, norm("%x", kind), kind)) == ["nn.mul", "nn.add"]


def test_not_into_a_layer_with_another_user() -> None:
    kind = "tensor<1x3x4x2xf32>"
    body = CONV + norm("%c", kind) + f'  %z = "nn.add"(%c, %y) : ({kind}, {kind}) -> {kind}'
    assert fold(parse(IMAGE, body, kind, "%z")) == ["nn.conv2d", "nn.conv2d", "nn.add"]


def test_small_variances_keep_their_digits() -> None:
    """In float32, 1/sqrt(1e-12 + 1e-12) of the statistics would lose digits that float64 keeps."""
    kind = "tensor<4x2xf32>"
    body = norm("%c", kind).replace("[0.5, 2.0]", "[1.0e-12, 2.0e-12]").replace("1.0e-3", "1.0e-12")
    module = parse(ROWS, LINEAR + body, kind)
    FoldBatchNorm().run(module, None)  # type: ignore[arg-type]
    (layer,) = access.named(module, "nn.fully_connected")
    variance = np.array([1e-12, 2e-12], np.float32).astype(np.float64)
    scale = np.array([1.5, -0.5]) / np.sqrt(variance + 1e-12)
    weights = np.array([[1, 2, -1], [0.5, 0, 4]]) * scale[:, None]
    np.testing.assert_array_equal(access.constant(layer.operands[1]), weights.astype(np.float32))


def test_computed_parameters_are_refused() -> None:
    kind = "tensor<2xf32>"
    text = norm("%x", kind).replace("%x, %s", "%x, %x")
    with pytest.raises(TinyireeError, match=r"'norm'.*expected constant parameters"):
        FoldBatchNorm().run(parse(kind, text, kind), None)  # type: ignore[arg-type]
