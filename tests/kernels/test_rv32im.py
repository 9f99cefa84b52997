"""The kernels for RISC-V with multiplication, against the interpreter, on simulated cores."""

from pathlib import Path

import numpy as np
import pytest

from tinyiree.kernels import Kernel
from tinyiree.kernels.rv32im.dense import fits, fours, stream
from tinyiree.kernels.rv32im.linear import lengths
from tinyiree.targets import load

from .choose import cases, kernels
from .layers import LAYERS, Layer
from .random_ops import Maker
from .rig import Case, build_device, run_device

KERNELS = kernels("rv32im")
BY_NAME = {kernel.name: kernel for kernel in KERNELS}

# Instructions for each multiply-accumulate or element, with little to spare.
LIMITS = {
    "conv 10x4 1->64 stride 2, 49x10": 2.7,
    "depthwise 3x3x64, 25x5": 5.1,
    "pointwise 64->64, 25x5": 2.3,
    "conv 3x3 3->16, 32x32": 3.2,
    "conv 3x3 16->16, 32x32": 2.35,
    "conv 3x3 16->32 stride 2": 2.25,
    "conv 3x3 32->32, 16x16": 2.2,
    "conv 3x3 64->64, 8x8": 2.15,
    "conv 1x1 16->32 stride 2": 3.3,
    "fully connected 640->128": 3,
    "fully connected 128->640": 3.1,
    "fully connected 128->8": 3.3,
    "fully connected 8->128": 5.9,
    "fully connected 64->12": 4.3,
    "residual add 16x16x32": 11.5,
    "mean 25x5x64": 2.8,
    "mean 8x8x64": 3.1,
    "depthwise 3x3x8, 48x48": 4.1,
    "depthwise 3x3x128, 6x6": 4.9,
    "depthwise 3x3x256, 3x3": 6.1,
    "temporal 9x1 16->24, 98x1": 2.4,
    "pointwise 8->16, 48x48": 5,
}


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_device(load("rv32imc"), "rv32im", tmp_path_factory.mktemp("rv32imc"))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_random_cases(kernel: Kernel, elf: Path) -> None:
    run_device(elf, load("rv32imc"), kernel, cases(kernel, 1000))


@pytest.mark.parametrize("name", ["rv32imac", "rv32imafc"])
def test_other_cores(name: str, tmp_path: Path) -> None:
    core = load(name)
    image = build_device(core, "rv32im", tmp_path)
    for kernel in KERNELS:
        run_device(image, core, kernel, cases(kernel, 60, seed=1))


@pytest.mark.usefixtures("needs_riscv_gcc")
@pytest.mark.parametrize("level", ["-Os", "-O2"])
def test_gcc(level: str, tmp_path: Path) -> None:
    core = load("rv32imc")
    image = build_device(core, "rv32im", tmp_path, "gcc", level)
    for kernel in KERNELS:
        run_device(image, core, kernel, cases(kernel, 100, seed=2))


@pytest.mark.parametrize(
    "layer", [one for one in LAYERS if one.name in LIMITS], ids=lambda layer: layer.name
)
def test_layer(layer: Layer, elf: Path) -> None:
    case = layer.make(Maker(1))
    usable = [one for one in KERNELS if one.reason(case.op) is None]
    (count,) = run_device(elf, load("rv32imc"), usable[0], [case])
    each = count / layer.units
    print(f"\n{layer.name:34} {usable[0].name:28} {count:>9,} {each:6.2f}", end="")
    assert each <= LIMITS[layer.name]


def linear(maker: Maker, x: int, w: int, rows: int) -> Case:
    """All inputs and all weights the same: the halves of a word come as far as they can."""
    inputs, weights = np.full((rows, 41), x, np.int8), np.full((9, 41), w, np.int8)
    weights[:, 7::9] //= 3  # some fours are drained in one, some are not
    bias, factor = np.zeros(9, np.int32), np.full(9, 2**30, np.int32)
    op = maker.op(
        "qnn.fully_connected", [inputs], [weights, bias, factor, np.full(9, 43, np.int32)],
        (rows, 9), input_zero_point=-128 if x > 0 else 127, output_zero_point=0, clamp_min=-128,
        clamp_max=127,
    )  # fmt: skip
    return Case(maker.module, op, (inputs,))


@pytest.mark.parametrize("name", ["rv32im.fully_connected", "rv32im.conv2d_for_rows"])
def test_words_at_their_limits(name: str, elf: Path) -> None:
    maker = Maker(3)
    signs = [(x, w) for x in (-128, 127) for w in (-127, -85, -64, -63, 63, 64, 85, 127)]
    found = [linear(maker, x, w, 6) for x, w in signs]
    run_device(elf, load("rv32imc"), BY_NAME[name], found)


def test_a_word_holds_what_fits() -> None:
    """The greatest sum is 2**15 - 1, the least -2**15."""
    assert fits(np.array([[-128, -127]])).tolist() == [True]
    assert fits(np.array([[-128, -128], [127, 127]])).tolist() == [False, True]
    assert fits(np.array([[-64] * 4, [64] * 4, [65, 64, 64, 64]])).tolist() == [False, True, False]


def test_runs_of_fours() -> None:
    """A four that does not fit ends a run; so does the longest one."""
    weights = np.ones((2, 4 * 260), np.int64)
    weights[1, 4:8] = 127
    found = stream(fours(weights, 2)[0])
    first, second = 3 + 8, 3 + 8 + 8 + 1 + 8 * 255 + 8
    assert (found[:3], found[first + 8], found[second]) == (b"\2\0\1", 255, 2)
    assert len(found) == 2 + 3 + 2 * weights.shape[1]


def test_drains_come_as_late_as_they_can() -> None:
    weights = np.zeros((8, 6, 4), np.int64)
    weights[3, :, 0] = 127
    assert lengths(weights) == [2, 2, 2]
    weights[5, 2] = 127
    assert lengths(weights) == [2, 0, 2, 1]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("rv32im.conv2d", "two weights of -128"), ("rv32im.fully_connected", "two weights of -128")],
)
def test_what_needs_17_bits_is_refused(name: str, reason: str) -> None:
    maker = Maker(4)
    make = maker.dense if name == "rv32im.conv2d" else maker.fully_connected
    maker.weights = lambda *shape: np.full(shape, -128, np.int8)  # type: ignore[method-assign]
    found = [BY_NAME[name].accepts(make().op) or "" for _ in range(20)]
    assert any(reason in problem for problem in found)
