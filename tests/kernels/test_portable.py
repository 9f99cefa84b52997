"""The portable kernels: on the host under sanitizers, and on a core without the DSP extension."""

import shutil
from pathlib import Path

import pytest

from tinyiree.kernels import Kernel
from tinyiree.targets import load

from .choose import cases, kernels
from .rig import build_device, build_host, run_device, run_host

KERNELS = kernels("portable")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("neither gcc nor clang is installed: they have the sanitizers")
    return build_host(tmp_path_factory.mktemp("host"), compiler)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_random_cases(kernel: Kernel, program: Path) -> None:
    run_host(program, kernel, cases(kernel, 1000, seed=3))


def test_on_cortex_m0plus(tmp_path: Path) -> None:
    core = load("cortex-m0plus")
    image = build_device(core, "portable", tmp_path)
    for kernel in KERNELS:
        run_device(image, core, kernel, cases(kernel, 40, seed=4))
