"""The kernels for RISC-V without multiplication, against the interpreter, on simulated cores."""

from pathlib import Path

import numpy as np
import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from tinyiree.firmware.toolchain import make_toolchain
from tinyiree.kernels import Kernel
from tinyiree.kernels.isas import runs
from tinyiree.targets import load

from .choose import cases, kernels
from .layers import LAYERS, Layer
from .random_ops import Maker
from .rig import SOURCES, Case, build_device, run_device

CORE = load("rv32ec")
KERNELS = kernels("rv32i")
BY_NAME = {kernel.name: kernel for kernel in KERNELS}

# Instructions for each multiply-accumulate or element, with little to spare.
LIMITS = {
    "conv 3x3 16->32 stride 2": 18.8,
    "depthwise 3x3x128, 6x6": 76,
    "fully connected 64->12": 21,
    "mean 8x8x64": 12,
}
# Code and constants of a kernel's files, bytes.
SIZES = {
    "conv2d": 850,
    "fully_connected": 280,
    "add": 310,
    "pool": 550,
    "avg_pool2d": 240,
    "max_pool2d": 190,
    "product": 1400,
}


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_device(CORE, "rv32i", tmp_path_factory.mktemp("rv32ec"))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_random_cases(kernel: Kernel, elf: Path) -> None:
    run_device(elf, CORE, kernel, cases(kernel, 300))


@pytest.mark.usefixtures("needs_riscv_gcc")
def test_gcc(tmp_path: Path) -> None:
    image = build_device(CORE, "rv32i", tmp_path, "gcc", "-O2")
    for kernel in KERNELS:
        run_device(image, CORE, kernel, cases(kernel, 60, seed=2))


@pytest.mark.parametrize(
    "layer", [one for one in LAYERS if one.name in LIMITS], ids=lambda layer: layer.name
)
def test_layer(layer: Layer, elf: Path) -> None:
    case = layer.make(Maker(1))
    usable = [one for one in KERNELS if one.reason(case.op) is None]
    (count,) = run_device(elf, CORE, usable[0], [case])
    each = count / layer.units
    print(f"\n{layer.name:34} {usable[0].name:28} {count:>9,} {each:6.2f}", end="")
    assert each <= LIMITS[layer.name]


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name: str, tmp_path: Path) -> None:
    out = tmp_path / f"{name}.o"
    make_toolchain(CORE).compile([SOURCES / f"rv32i/{name}.c"], [out], ())
    with out.open("rb") as stream:
        sections = list(ELFFile(stream).iter_sections())
        size = sum(one.data_size for one in sections if one["sh_flags"] & SH_FLAGS.SHF_ALLOC)
    print(f"\n{name}: {size} bytes", end="")
    assert size <= SIZES[name]


def linear(maker: Maker, x: int, w: int) -> Case:
    """All inputs and all weights the same: every quarter square that a product can need."""
    inputs, weights = np.full((1, 9), x, np.int8), np.full((3, 9), w, np.int8)
    bias, factor = np.array([0, 1, -1], np.int32), np.full(3, 2**30 + 1, np.int32)
    op = maker.op(
        "qnn.fully_connected", [inputs], [weights, bias, factor, np.full(3, 41, np.int32)],
        (1, 3), input_zero_point=-128, output_zero_point=3, clamp_min=-128, clamp_max=127,
    )  # fmt: skip
    return Case(maker.module, op, (inputs,))


def test_products_at_their_limits(elf: Path) -> None:
    maker = Maker(3)
    ends = (-128, -127, -1, 0, 1, 126, 127)
    found = [linear(maker, x, w) for x in ends for w in ends]
    run_device(elf, CORE, BY_NAME["rv32i.fully_connected"], found)


def test_factors_whose_sums_would_leave_a_word_are_refused() -> None:
    maker = Maker(5)
    weights = np.ones((1, 4), np.int8)
    shifts = {}
    for shift in (25, 26, 27, 28):
        constants = [weights, np.zeros(1, np.int32), np.full(1, 2**23, np.int32)]
        op = maker.op(
            "qnn.fully_connected", [np.ones((1, 4), np.int8)],
            [*constants, np.full(1, shift, np.int32)], (1, 1), input_zero_point=0,
            output_zero_point=0, clamp_min=-128, clamp_max=127,
        )  # fmt: skip
        shifts[shift] = BY_NAME["rv32i.fully_connected"].accepts(op)
    assert shifts[27] is None
    assert shifts[26] == shifts[25] == "a rescaling factor too large"


def test_cores_that_multiply_have_better_kernels() -> None:
    assert runs("rv32i", CORE)
    assert not runs("rv32im", CORE)
    assert not runs("rv32i", load("rv32imc"))
