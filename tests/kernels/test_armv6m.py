"""The kernels for cores without long multiplication, against the interpreter, simulated.

The simulated core faults on misaligned words, as Armv6-M does.
"""

from pathlib import Path

import numpy as np
import pytest

from tinyiree.kernels import Kernel
from tinyiree.kernels.armv6m import halves
from tinyiree.targets import load

from .choose import cases, kernels
from .layers import LAYERS, Layer
from .random_ops import Maker
from .rig import build_device, run_device

KERNELS = kernels("armv6m")


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_device(load("cortex-m0plus"), "armv6m", tmp_path_factory.mktemp("m0plus"))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_random_cases(kernel: Kernel, elf: Path) -> None:
    run_device(elf, load("cortex-m0plus"), kernel, cases(kernel, 1000))


@pytest.mark.parametrize("name", ["cortex-m3", "cortex-m4"])
def test_other_cores(name: str, tmp_path: Path) -> None:
    core = load(name)
    image = build_device(core, "armv6m", tmp_path)
    for kernel in KERNELS:
        run_device(image, core, kernel, cases(kernel, 60, seed=1))


@pytest.mark.usefixtures("needs_arm_gcc")
@pytest.mark.parametrize("level", ["-Os", "-O2"])
def test_gcc(level: str, tmp_path: Path) -> None:
    core = load("cortex-m0plus")
    image = build_device(core, "armv6m", tmp_path, "gcc", level)
    for kernel in KERNELS:
        run_device(image, core, kernel, cases(kernel, 100, seed=2))


def test_sums_that_just_fit() -> None:
    """The bound is the exact one: with inputs of -128 and 127 no sum leaves 16 bits."""
    rng = np.random.default_rng(3)
    weights = rng.integers(-128, 128, (4000, 8)) // rng.choice([1, 2, 3, 4], (4000, 1))
    most = np.where(weights > 0, 127, -128) * weights
    least = np.where(weights > 0, -128, 127) * weights
    for step in halves.STEPS:
        sums = most.reshape(4000, -1, step).sum(2), least.reshape(4000, -1, step).sum(2)
        inside = (sums[0] < 2**15).all(1) & (sums[1] > -(2**15)).all(1)
        assert (halves.fits(weights, step) == inside).all()
        assert 0 < inside.sum() < 4000 or step == halves.STEPS[0]


def test_channels_have_steps_of_their_own() -> None:
    weights = np.array([[127] * 8, [60] * 8, [30] * 8])
    assert halves.modes(weights).tolist() == [0, 1, 2]
    assert halves.problem(np.full((1, 4), -128)) is not None
    assert halves.problem(np.full((1, 4), -127)) is None


# The most instructions for each multiply-accumulate or element.
MOST = {
    "conv 10x4 1->64 stride 2, 49x10": 3.85,
    "depthwise 3x3x64, 25x5": 8.75,
    "depthwise 3x3x8, 48x48": 11.7,
    "depthwise 3x3x128, 6x6": 8.35,
    "depthwise 3x3x256, 3x3": 11,
    "pointwise 64->64, 25x5": 2.85,
    "pointwise 8->16, 48x48": 7.9,
    "conv 3x3 3->16, 32x32": 4.3,
    "conv 3x3 16->16, 32x32": 2.65,
    "conv 3x3 16->32 stride 2": 2.5,
    "conv 3x3 32->32, 16x16": 2.5,
    "conv 3x3 64->64, 8x8": 2.4,
    "conv 1x1 16->32 stride 2": 4.75,
    "temporal 9x1 16->24, 98x1": 2.7,
    "fully connected 640->128": 3.55,
    "fully connected 128->640": 3.9,
    "fully connected 128->8": 4.5,
    "fully connected 8->128": 10.9,
    "fully connected 64->12": 6,
    "residual add 16x16x32": 16.8,
    "mean 25x5x64": 4.95,
    "mean 8x8x64": 5.7,
}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_instructions_of_layers(layer: Layer, elf: Path) -> None:
    case = layer.make(Maker(1))
    usable = [k for k in KERNELS if k.reason(case.op) is None]
    if not usable:
        pytest.skip("left to the kernels of armv6m")
    (count,) = run_device(elf, load("cortex-m0plus"), usable[0], [case])
    each = count / layer.units
    print(f"\n{layer.name:34} {count:>9,} {each:6.2f}", end="")
    assert each <= MOST[layer.name]
