"""The kernels for cores with the DSP extension, against the interpreter, on simulated cores."""

from pathlib import Path

import pytest

from tinyiree.kernels import Kernel
from tinyiree.targets import load

from .choose import cases, kernels
from .rig import build_device, run_device

KERNELS = kernels("armv7em")


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_device(load("cortex-m4"), "armv7em", tmp_path_factory.mktemp("m4"))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_random_cases(kernel: Kernel, elf: Path) -> None:
    run_device(elf, load("cortex-m4"), kernel, cases(kernel, 1000))


@pytest.mark.parametrize("name", ["cortex-m7", "cortex-m33"])
def test_other_cores(name: str, tmp_path: Path) -> None:
    core = load(name)
    image = build_device(core, "armv7em", tmp_path)
    for kernel in KERNELS:
        run_device(image, core, kernel, cases(kernel, 60, seed=1))


@pytest.mark.usefixtures("needs_arm_gcc")
@pytest.mark.parametrize("level", ["-Os", "-O2"])
def test_gcc(level: str, tmp_path: Path) -> None:
    core = load("cortex-m4")
    image = build_device(core, "armv7em", tmp_path, "gcc", level)
    for kernel in KERNELS:
        run_device(image, core, kernel, cases(kernel, 100, seed=2))
