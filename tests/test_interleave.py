"""Networks whose layers run in parts: every byte equal, and no read of another tensor's."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import tinyiree as ti
from tinyiree.built import Built
from tinyiree.errors import TinyireeError
from tinyiree.ownership import check

RESNET = "pretrainedResnet_quant.tflite"


class Residual(nn.Module):
    """Blocks with and without a convolution in the branch that goes around."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.a, self.b = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.down = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.next = nn.Conv2d(12, 12, 3, padding=1)
        self.around = nn.Conv2d(8, 12, 1, stride=2)
        self.pool = nn.AvgPool2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        x = torch.relu(x + self.b(torch.relu(self.a(x))))
        x = torch.relu(self.around(x) + self.next(torch.relu(self.down(x))))
        return self.pool(x)


class Separable(nn.Module):
    """Odd channels, depthwise layers with dilation and stride, a pool in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 7, (5, 3), padding=(2, 1)),
            nn.ReLU(),
            nn.Conv2d(7, 7, 3, padding=2, dilation=2, groups=7),
            nn.ReLU(),
            nn.Conv2d(7, 10, 1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=1, padding=1),
            nn.Conv2d(10, 10, 3, stride=2, padding=1, groups=10),
            nn.Conv2d(10, 5, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


class UNet(nn.Module):
    """A long skip past two levels."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(2, 8, 3, padding=1)
        self.down = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(8, 8, 3, padding=1)
        self.leave = nn.Conv2d(16, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = torch.relu(self.enter(x))
        low = torch.relu(self.middle(torch.relu(self.down(skip))))
        up = nn.functional.interpolate(low, scale_factor=2.0, mode="nearest")
        return self.leave(torch.cat([skip, up], 1))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "residual": (Residual, (1, 3, 18, 12)),
    "separable": (Separable, (1, 1, 21, 9)),
    "unet": (UNet, (1, 2, 12, 12)),
}


def build(name: str, target: str, folder: Path, optimize: str) -> Built:
    torch.manual_seed(3)
    make, shape = NETWORKS[name]
    network = make().eval()
    samples = np.random.default_rng(1).normal(size=(8, *shape[1:])).astype(np.float32)
    return ti.build(
        network, torch.zeros(shape), target=target, out=folder, name=name, formats=("static",),
        quantize=ti.Int8(calibration=samples), optimize=optimize,  # type: ignore[arg-type]
    )  # fmt: skip


def random_inputs(
    built: Built, count: int = 2
) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int8]]]:
    rng = np.random.default_rng(5)
    return {
        tensor.name: rng.integers(-128, 128, (count, *tensor.shape)).astype(np.int8)
        for tensor in built.manifest.inputs
    }


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m0plus", "cortex-m3", "rv32imc"])
@pytest.mark.parametrize("name", NETWORKS)
def test_small_networks(name: str, target: str, tmp_path: Path) -> None:
    built = build(name, target, tmp_path / "ram", "ram")
    inputs = random_inputs(built)
    assert check(built, inputs) == ()
    assert built.verify(inputs).bit_exact
    layers = built.report.layers
    if name != "unet":
        assert any(layer.calls > 2 for layer in layers)
        assert all(layer.instructions for layer in layers)


def test_resnet8_needs_a_third(model_file: Callable[[str], Path], tmp_path: Path) -> None:
    """The stack as well: the runner of chains is one call more."""
    reports = {}
    for optimize in ("speed", "ram"):
        built = ti.build(
            model_file(RESNET), target="cortex-m4", out=tmp_path / optimize,
            formats=("static",), optimize=optimize,  # type: ignore[arg-type]
        )  # fmt: skip
        inputs = random_inputs(built, 1)
        assert check(built, inputs) == ()
        assert built.verify(inputs).bit_exact
        reports[optimize] = built.report
    speed, ram = reports["speed"], reports["ram"]
    assert speed.memory.arena_bytes <= 22_000
    assert ram.memory.arena_bytes <= 16_000
    assert speed.run is not None
    assert ram.run is not None
    assert ram.run.instructions <= 1.05 * speed.run.instructions
    assert (ram.memory.stack_bytes or 0) <= 600


def test_a_limit_is_kept_or_refused(model_file: Callable[[str], Path], tmp_path: Path) -> None:
    built = ti.build(
        model_file(RESNET), target="cortex-m4", out=tmp_path / "fits", formats=("static",),
        ram_limit=18_000,
    )  # fmt: skip
    assert 15_000 < built.report.memory.arena_bytes <= 18_000
    with pytest.raises(TinyireeError, match=r"at most 9,000 bytes .* smallest that was found"):
        ti.build(
            model_file(RESNET), target="cortex-m4", out=tmp_path / "not", formats=("static",),
            ram_limit=9_000,
        )  # fmt: skip
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize("fast", [400, 1200])
def test_several_banks(fast: int, tmp_path: Path) -> None:
    torch.manual_seed(3)
    network, shape = Residual().eval(), (1, 3, 18, 12)
    samples = np.random.default_rng(1).normal(size=(8, *shape[1:])).astype(np.float32)
    built = ti.build(
        network, torch.zeros(shape), target="cortex-m7", out=tmp_path / "b", name="net",
        formats=("static",), quantize=ti.Int8(calibration=samples),
        ram_banks={"dtcm": fast, "sram-1": 65536},
    )  # fmt: skip
    inputs = random_inputs(built)
    assert check(built, inputs) == ()
    assert built.verify(inputs).bit_exact
    header = (built.folder / "net.h").read_text()
    assert "void *dtcm, size_t dtcm_bytes, void *sram_1, size_t sram_1_bytes" in header
    assert "#define NET_SRAM_1_BYTES" in header


def test_banks_that_are_too_small(tmp_path: Path) -> None:
    torch.manual_seed(3)
    samples = np.random.default_rng(1).normal(size=(8, 3, 18, 12)).astype(np.float32)
    with pytest.raises(TinyireeError, match=r"memory banks \(dtcm 64, sram 128 bytes\)"):
        ti.build(
            Residual().eval(), torch.zeros(1, 3, 18, 12), target="cortex-m7", name="net",
            out=tmp_path / "b", formats=("static",), quantize=ti.Int8(calibration=samples),
            ram_banks={"dtcm": 64, "sram": 128},
        )  # fmt: skip
    with pytest.raises(TinyireeError, match="leave out one of the two"):
        ti.build(
            Residual(), torch.zeros(1, 3, 18, 12), target="cortex-m7", out=tmp_path / "b",
            ram_banks={"dtcm": 64}, ram_limit=100,
        )  # fmt: skip
