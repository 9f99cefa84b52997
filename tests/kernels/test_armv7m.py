"""The kernels for cores with long multiplication and no DSP extension, on simulated cores."""

from pathlib import Path

import pytest

from tinyiree.kernels import Kernel
from tinyiree.targets import load

from .choose import cases, kernels
from .layers import LAYERS, Layer
from .random_ops import Maker
from .rig import build_device, run_device

KERNELS = kernels("armv7m")


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_device(load("cortex-m3"), "armv7m", tmp_path_factory.mktemp("m3"))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_random_cases(kernel: Kernel, elf: Path) -> None:
    run_device(elf, load("cortex-m3"), kernel, cases(kernel, 1000))


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m33"])
def test_other_cores(name: str, tmp_path: Path) -> None:
    core = load(name)
    image = build_device(core, "armv7m", tmp_path)
    for kernel in KERNELS:
        run_device(image, core, kernel, cases(kernel, 60, seed=1))


@pytest.mark.usefixtures("needs_arm_gcc")
@pytest.mark.parametrize("level", ["-Os", "-O2"])
def test_gcc(level: str, tmp_path: Path) -> None:
    core = load("cortex-m3")
    image = build_device(core, "armv7m", tmp_path, "gcc", level)
    for kernel in KERNELS:
        run_device(image, core, kernel, cases(kernel, 100, seed=2))


# The most instructions for each multiply-accumulate or element.
MOST = {
    "conv 10x4 1->64 stride 2, 49x10": 2.45,
    "depthwise 3x3x64, 25x5": 4.9,
    "depthwise 3x3x8, 48x48": 7.5,
    "depthwise 3x3x128, 6x6": 4.6,
    "depthwise 3x3x256, 3x3": 6,
    "pointwise 64->64, 25x5": 1.8,
    "pointwise 8->16, 48x48": 4,
    "conv 3x3 3->16, 32x32": 2.65,
    "conv 3x3 16->16, 32x32": 1.8,
    "conv 3x3 16->32 stride 2": 1.7,
    "conv 3x3 32->32, 16x16": 1.75,
    "conv 3x3 64->64, 8x8": 1.7,
    "conv 1x1 16->32 stride 2": 2.55,
    "temporal 9x1 16->24, 98x1": 1.85,
    "fully connected 640->128": 2.35,
    "fully connected 128->640": 2.5,
    "fully connected 128->8": 2.55,
    "fully connected 8->128": 4.55,
    "fully connected 64->12": 3.5,
    "residual add 16x16x32": 9.3,
}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_instructions_of_layers(layer: Layer, elf: Path) -> None:
    case = layer.make(Maker(1))
    usable = [k for k in KERNELS if k.reason(case.op) is None]
    if not usable:
        pytest.skip("left to the kernels of armv6m")
    (count,) = run_device(elf, load("cortex-m3"), usable[0], [case])
    each = count / layer.units
    print(f"\n{layer.name:34} {count:>9,} {each:6.2f}", end="")
    assert each <= MOST[layer.name]
