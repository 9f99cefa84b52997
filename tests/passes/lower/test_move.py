"""Parts of tensors along axis 0, outside of dispatches: the host module against the interpreter."""

from pathlib import Path

import numpy as np
from iree.compiler import ir

from tinyiree.ir import build
from tinyiree.ir.interpret import interpret
from tinyiree.iree.host import compile_host
from tinyiree.iree.schedule import Copy
from tinyiree.iree.target import compile_static
from tinyiree.passes.lower import lower
from tinyiree.targets import load

MAIN = """
func.func @main(%x: tensor<5x2x3xi8>, %line: tensor<4x6xi16>, %y: tensor<3x6xi16>)
    -> (tensor<3x2x3xi8>, tensor<4x6xi16>, tensor<3x6xi16>) {
  %a = "nn.step"(%x) {index = 4 : i64} : (tensor<5x2x3xi8>) -> tensor<2x3xi8>
  %b = "nn.step"(%x) {index = 1 : i64} : (tensor<5x2x3xi8>) -> tensor<2x3xi8>
  %c = "qnn.clamp"(%b) {clamp_min = -9 : i64, clamp_max = 99 : i64}
      : (tensor<2x3xi8>) -> tensor<2x3xi8>
  %s = "nn.stack"(%c, %a, %b)
      : (tensor<2x3xi8>, tensor<2x3xi8>, tensor<2x3xi8>) -> tensor<3x2x3xi8>
  %z = "qnn.clamp"(%y) {clamp_min = -900 : i64, clamp_max = 999 : i64}
      : (tensor<3x6xi16>) -> tensor<3x6xi16>
  %d = "nn.delay"(%line, %z) : (tensor<4x6xi16>, tensor<3x6xi16>) -> tensor<4x6xi16>
  %e = "nn.delay"(%y, %z) : (tensor<3x6xi16>, tensor<3x6xi16>) -> tensor<3x6xi16>
  func.return %s, %d, %e : tensor<3x2x3xi8>, tensor<4x6xi16>, tensor<3x6xi16>
}
"""


def test_host_equals_interpreter() -> None:
    rng = np.random.default_rng(4)
    data = [
        rng.integers(-128, 128, (5, 2, 3)).astype(np.int8),
        rng.integers(-(2**15), 2**15, (4, 6)).astype(np.int16),
        rng.integers(-(2**15), 2**15, (3, 6)).astype(np.int16),
    ]
    with build.new_context(), ir.Location.unknown():
        module = ir.Module.parse(MAIN)
        expected = interpret(module, data)
        found = compile_host(module)(data)
    np.testing.assert_array_equal(expected[0][1:], data[0][[4, 1]])
    np.testing.assert_array_equal(expected[1][0], data[1][3])
    for result, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_the_newest_elements_are_computed_where_they_stay(tmp_path: Path) -> None:
    text = """
func.func @main(%line: tensor<4x8xi16>, %y: tensor<1x8xi16>) -> tensor<4x8xi16> {
  %z = "qnn.clamp"(%y) {clamp_min = -900 : i64, clamp_max = 999 : i64}
      : (tensor<1x8xi16>) -> tensor<1x8xi16>
  %d = "nn.delay"(%line, %z) : (tensor<4x8xi16>, tensor<1x8xi16>) -> tensor<4x8xi16>
  func.return %d : tensor<4x8xi16>
}
"""
    with build.new_context(), ir.Location.unknown():
        lowered = lower(ir.Module.parse(text)).text
    library = compile_static(lowered, "line", load("cortex-m4"), tmp_path / "l.o", [64, 16])
    copies = [step for step in library.schedule.steps if isinstance(step, Copy)]
    assert [(copy.source.offset, copy.target.offset, copy.source.length) for copy in copies] == [
        (16, 0, 48)
    ]
    assert len(library.schedule.steps) == 2
