"""No tensor is read where another one lies by now: whole networks, with the last writer known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

import tinyiree as ti
from tinyiree.built import Built
from tinyiree.ownership import check
from tinyiree.passes.planning import alternatives, conflicts
from tinyiree.passes.planning.occupancy import Occupancy
from tinyiree.samples import find

Array = npt.NDArray[np.generic]
MLPERF = {
    "kws_ref_model.tflite": 9_500,
    "pretrainedResnet_quant.tflite": 35_500,
    "ad01_int8.tflite": 900,
}


def random_inputs(built: Built) -> dict[str, Array]:
    rng = np.random.default_rng(5)
    return {
        tensor.name: rng.integers(-128, 128, (2, *tensor.shape)).astype(tensor.dtype)
        for tensor in built.manifest.inputs
    }


def build_chain(folder: Path) -> Built:
    """Convolutions that need their input's memory for their output."""
    torch.manual_seed(1)
    layers: list[torch.nn.Module] = [torch.nn.Conv2d(1, 8, 3, padding=1)]
    for _ in range(2):
        layers += [torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3, padding=1)]
    layers += [torch.nn.AvgPool2d((10, 9)), torch.nn.Flatten()]
    network = torch.nn.Sequential(*layers).eval()
    samples = torch.rand(8, 1, 10, 9).numpy()
    quantize = ti.Int8(calibration=samples)
    example = torch.zeros(1, 1, 10, 9)
    return ti.build(
        network, example, target="cortex-m4", quantize=quantize, out=folder, name="chain",
        formats=("static",),
    )  # fmt: skip


@pytest.mark.parametrize(("name", "most"), MLPERF.items())
def test_the_mlperf_tiny_networks(
    name: str, most: int, model_file: Callable[[str], Path], tmp_path: Path
) -> None:
    built = ti.build(model_file(name), target="cortex-m4", out=tmp_path / "b", formats=("static",))
    inputs = random_inputs(built)
    assert check(built, inputs) == ()
    assert built.verify(inputs).bit_exact
    memory = built.report.memory
    assert memory.arena_bytes == memory.arena_bound_bytes <= most


def test_digits(tmp_path: Path) -> None:
    digits = find("digits")
    built = ti.build(
        digits.load_model(),
        target="cortex-m4",
        out=tmp_path / "digits",
        quantize=ti.Int8(calibration=digits.calibration_data()),
        formats=("static",),
    )
    assert check(built, random_inputs(built)) == ()


def test_outputs_slide_over_their_inputs(tmp_path: Path) -> None:
    built = build_chain(tmp_path / "chain")
    assert check(built, random_inputs(built)) == ()
    assert built.verify(random_inputs(built)).bit_exact
    # Two whole feature maps are 1,440 bytes.
    assert built.report.memory.arena_bytes == built.report.memory.arena_bound_bytes < 1_300


def test_a_distance_that_is_too_small_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = conflicts.separation

    def wrong(a: Occupancy, b: Occupancy, alignment: int) -> tuple[int, int] | None:
        found = right(a, b, alignment)
        partial = found is not None and found != (-(-a.size // alignment), -(-b.size // alignment))
        return (found[0] - 2, found[1] - 2) if found is not None and partial else found

    monkeypatch.setattr(conflicts, "separation", wrong)
    monkeypatch.setattr(alternatives, "separation", wrong)
    built = build_chain(tmp_path / "chain")
    found = check(built, random_inputs(built))
    assert found
    assert "reads byte" in found[0]
    assert "belongs to tensor" in found[0]
