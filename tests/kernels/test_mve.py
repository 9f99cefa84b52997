"""The kernels for integer MVE, against the interpreter, on a simulated Cortex-M55."""

from pathlib import Path

import numpy as np
import pytest

from tinyiree.ir import access
from tinyiree.ir.fixedpoint import encode_all
from tinyiree.kernels import KERNELS, Kernel
from tinyiree.kernels.catalogue import candidates
from tinyiree.kernels.channels import Channels
from tinyiree.kernels.mve import packing
from tinyiree.targets import load

from .choose import cases, kernels
from .layers import LAYERS, Layer
from .random_ops import Maker
from .rig import build_device, run_device

pytestmark = pytest.mark.usefixtures("needs_qemu_arm")

MVE = kernels("mve")
BY_NAME = {kernel.name: kernel for kernel in KERNELS}
# Instructions for each multiply-accumulate or element: at most, and CMSIS-NN's for some.
TARGETS: dict[str, tuple[float, float | None]] = {
    "conv 10x4 1->64 stride 2, 49x10": (0.33, 0.96),
    "depthwise 3x3x64, 25x5": (1.1, 2.34),
    "pointwise 64->64, 25x5": (0.21, 0.40),
    "conv 3x3 3->16, 32x32": (0.52, 1.42),
    "conv 3x3 16->16, 32x32": (0.2, 0.40),
    "conv 3x3 16->32 stride 2": (0.18, 0.33),
    "conv 3x3 32->32, 16x16": (0.16, 0.26),
    "conv 3x3 64->64, 8x8": (0.15, 0.21),
    "conv 1x1 16->32 stride 2": (0.45, 1.08),
    "fully connected 640->128": (0.17, 0.49),
    "fully connected 128->640": (0.2, 0.57),
    "fully connected 128->8": (0.28, None),
    "fully connected 8->128": (1.1, None),
    "fully connected 64->12": (0.4, None),
    "residual add 16x16x32": (2.0, 13.8),
    "mean 25x5x64": (0.75, 1.6),
    "mean 8x8x64": (0.8, 1.6),
    "depthwise 3x3x8, 48x48": (1.2, 2.34),
    "depthwise 3x3x128, 6x6": (0.92, 2.34),
    "depthwise 3x3x256, 3x3": (1.6, 2.34),
    "temporal 9x1 16->24, 98x1": (0.21, None),
    "pointwise 8->16, 48x48": (1.0, 1.08),
}


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_device(load("cortex-m55"), "mve", tmp_path_factory.mktemp("m55"))


@pytest.mark.parametrize("kernel", MVE, ids=lambda kernel: kernel.name)
def test_random_cases(kernel: Kernel, elf: Path) -> None:
    run_device(elf, load("cortex-m55"), kernel, cases(kernel, 1000))


def test_more_pixels_and_channels_than_at_a_time(elf: Path) -> None:
    maker = Maker(4)
    for name, depthwise in (("mve.depthwise", True), ("mve.conv2d", False)):
        kernel = BY_NAME[name]
        found = [maker.conv2d(depthwise, 21) for _ in range(100)]
        accepted = [case for case in found if kernel.accepts(case.op) is None]
        assert len(accepted) > 60
        run_device(elf, load("cortex-m55"), kernel, accepted)


@pytest.mark.usefixtures("needs_arm_gcc")
@pytest.mark.parametrize("level", ["-Os", "-O2"])
def test_gcc(level: str, tmp_path: Path) -> None:
    core = load("cortex-m55")
    image = build_device(core, "mve", tmp_path, "gcc", level)
    for kernel in MVE:
        run_device(image, core, kernel, cases(kernel, 60, seed=2))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_layer(layer: Layer, elf: Path) -> None:
    core, case = load("cortex-m55"), layer.make(Maker(1))
    kernel = next(kernel for kernel, refused in candidates(case.op, core) if refused is None)
    assert kernel.isa == "mve"
    (count,) = run_device(elf, core, kernel, [case])
    target, cmsis_nn = TARGETS[layer.name]
    print(f"\n{layer.name:34} {count:>9,} {count / layer.units:6.2f}   CMSIS-NN {cmsis_nn}", end="")
    assert count / layer.units <= target


def channels(rounding: str, *factors: float) -> Channels:
    multiplier, shift = (each.astype(np.int64) for each in encode_all(np.array(factors)))
    return Channels(np.zeros(len(factors), np.int64), multiplier, shift, rounding)


def test_factors_that_are_refused() -> None:
    assert packing.range_problem(channels("single", 3.0, 0.001), 2**24) is None
    refused = packing.range_problem(channels("single", 3.0, 0.001), 2**28)
    assert refused is not None
    assert "1/4" in refused
    refused = packing.range_problem(channels("double", 1.5), 100)
    assert refused is not None
    assert "1 or more" in refused


def test_weights_are_hardly_larger() -> None:
    maker = Maker(0)
    for layer in LAYERS:
        case = layer.make(maker)
        core = load("cortex-m55")
        kernel = next(kernel for kernel, refused in candidates(case.op, core) if refused is None)
        if case.op.name != "qnn.conv2d" or kernel.name == "mve.depthwise":
            continue
        plain = access.constant(case.op.operands[1]).nbytes
        packed = kernel.pack(case.op).arrays["weights"].nbytes
        assert packed <= plain * 1.21 or plain < 512
