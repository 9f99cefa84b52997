"""Instructions of the layers of PEERS.md on Cortex-M4: below the targets, and CMSIS-NN's."""

from pathlib import Path

import pytest

from tinyiree.kernels import KERNELS
from tinyiree.targets import load

from .layers import LAYERS, Layer
from .random_ops import Maker
from .rig import build_device, run_device

BY_NAME = {kernel.name: kernel for kernel in KERNELS}


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_device(load("cortex-m4"), "armv7em", tmp_path_factory.mktemp("layers"))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_layer(layer: Layer, elf: Path) -> None:
    kernel = BY_NAME[layer.kernel]
    case = layer.make(Maker(1))
    assert kernel.accepts(case.op) is None
    (count,) = run_device(elf, load("cortex-m4"), kernel, [case])
    each = count / layer.units
    print(f"\n{layer.name:34} {count:>9,} {each:6.2f}   CMSIS-NN {layer.cmsis_nn:.2f}", end="")
    assert each <= layer.target
