"""A whole small model on boards of two cores."""

from pathlib import Path

import pytest

import tinyiree as ti
from tinyiree.errors import TinyireeError
from tinyiree.fit import Need, fit_boards
from tinyiree.targets import load_board

MODEL = """
func.func @main(%x: tensor<1x4x4x8xi8> {tiny.scale = 0.5 : f32, tiny.zero_point = 3 : i64})
    -> tensor<1x2x2x8xi8> {
  %0 = "nn.max_pool2d"(%x) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>,
      padding = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
      : (tensor<1x4x4x8xi8>) -> tensor<1x2x2x8xi8>
  return %0 : tensor<1x2x2x8xi8>
}
"""


def test_every_board_has_the_numbers_of_its_core(tmp_path: Path) -> None:
    model = tmp_path / "pool.mlir"
    model.write_text(MODEL)
    boards = [load_board(name) for name in ("blue-pill", "arduino-due", "microbit-v2")]
    verdicts, failures = fit_boards(str(model), boards, workers=1)
    assert not failures
    assert [verdict.board.name for verdict in verdicts] == [board.name for board in boards]
    assert all(verdict.fits for verdict in verdicts)
    first, second, _ = verdicts
    assert {r.name: r.need for r in first.resources} == {r.name: r.need for r in second.resources}
    assert first.milliseconds is not None
    assert second.milliseconds is not None
    assert first.milliseconds * 72 == pytest.approx(second.milliseconds * 84)

    built = ti.build(
        model, board="microbit-v2", out=tmp_path / "build", formats=("static",), quantize=None
    )
    assert built.report.board == "microbit-v2"
    assert built.report.target == "cortex-m4"
    need = Need.of(built.report)
    assert need.flash_bytes == next(r.need for r in verdicts[2].resources if r.name == "flash")


def test_a_model_that_cannot_be_built(tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match=r"absent\.tflite"):
        fit_boards(str(tmp_path / "absent.tflite"), [load_board("blue-pill")], workers=1)


def test_target_and_board_that_disagree(tmp_path: Path) -> None:
    model = tmp_path / "pool.mlir"
    model.write_text(MODEL)
    with pytest.raises(TinyireeError, match="target 'rv32imc': expected cortex-m3, the core of"):
        ti.build(model, target="rv32imc", board="blue-pill", out=tmp_path / "build", quantize=None)
    with pytest.raises(TinyireeError, match="expected the name of a core, or a board; found nei"):
        ti.build(model, out=tmp_path / "build", quantize=None)


def test_a_model_that_is_too_large_leaves_nothing(tmp_path: Path) -> None:
    model = tmp_path / "pool.mlir"
    model.write_text(MODEL.replace("4x4x8", "64x64x8").replace("2x2x8", "32x32x8"))
    with pytest.raises(TinyireeError, match=r"does not fit board 'blue-pill': RAM \(sram\)"):
        ti.build(
            model, board="blue-pill", out=tmp_path / "build", formats=("static",), quantize=None
        )
    assert not (tmp_path / "build").exists()
