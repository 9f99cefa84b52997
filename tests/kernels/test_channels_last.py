"""An image whose channels come last: every row at any time, and within a chain of layers."""

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from iree.compiler import ir

import tinyiree as ti
from tinyiree.ir import access, build
from tinyiree.kernels.channels_last import KERNEL, planes_walk
from tinyiree.kernels.structs import serialize
from tinyiree.ownership import check

from .rig import SOURCES


def transpose(
    shape: Sequence[int], permutation: Sequence[int], element: str = "i8"
) -> tuple[ir.Module, ir.Operation]:
    """The op, and the module that it lives in."""
    kind = f"tensor<{'x'.join(map(str, shape))}x{element}>"
    module = ir.Module.parse(f"func.func @main(%a: {kind}) {{ return }}")
    block = access.main_block(module)
    to = [shape[axis] for axis in permutation]
    with build.before(block.operations[0].operation):
        value = build.op(
            "nn.transpose", list(block.arguments), to, element, permutation=permutation
        )
    found = access.defining_op(value)
    assert found is not None
    return module, found


@pytest.mark.parametrize(
    ("shape", "permutation", "element", "why"),
    [
        ((1, 3, 8, 8), (0, 2, 3, 1), "i8", None),
        ((1, 3, 8, 8), (0, 3, 1, 2), "i8", "no image"),
        ((2, 3, 8, 8), (0, 2, 3, 1), "i8", "no image"),
        ((1, 3, 8, 8), (0, 2, 3, 1), "f32", "elements of f32"),
        ((1, 3, 2, 2), (0, 2, 3, 1), "i8", "small"),
        ((1, 2, 1, 70_000), (0, 2, 3, 1), "i8", "does not fit"),
    ],
)
def test_what_it_accepts(
    shape: Sequence[int], permutation: Sequence[int], element: str, why: str | None
) -> None:
    with build.new_context(), ir.Location.unknown():
        _module, op = transpose(shape, permutation, element)
        reason = KERNEL.accepts(op)
        assert reason is None if why is None else why in str(reason)


def test_rows_on_the_host(tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("neither gcc nor clang is installed")
    library = tmp_path / "kernel.so"
    command = [compiler, "-shared", "-fPIC", "-std=c99", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*command, str(SOURCES / KERNEL.sources[0]), "-o", str(library)], check=True)
    function = getattr(ctypes.CDLL(str(library)), KERNEL.symbols[0])
    data = np.random.default_rng(1).integers(-128, 128, (1, 3, 7, 5)).astype(np.int8)
    with build.new_context(), ir.Location.unknown():
        _module, op = transpose(data.shape, (0, 2, 3, 1))
        params, _ = serialize(KERNEL.pack(op))
        progress = planes_walk(op).progress(2, 5)
    out = np.zeros((7, 5, 3), np.int8)
    pointers = (ctypes.c_void_p * 2)(data.ctypes.data, out.ctypes.data)
    for first, last in ((2, 5), (0, 2), (5, 7)):
        function(params, pointers, first, last)
        if first == 2:
            assert not out[:2].any()
            assert not out[5:].any()
    assert (out == data[0].transpose(1, 2, 0)).all()
    # The first row of the first plane, and the last one of the last.
    assert (progress.read_low.min(), progress.read_high.max()) == (10, 2 * 35 + 25)


def test_a_chain_begins_with_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 4, 3, stride=2, padding=1), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers, torch.nn.Conv2d(4, 8, 3, stride=2, padding=1)).eval()
    samples = np.random.default_rng(2).normal(size=(8, 3, 24, 24)).astype(np.float32)
    built = ti.build(
        network, torch.zeros(1, 3, 24, 24), target="cortex-m4", out=tmp_path / "b", name="net",
        formats=("static",), quantize=ti.Int8(calibration=samples), optimize="ram",
    )  # fmt: skip
    x = np.random.default_rng(3).integers(-128, 128, (2, 3, 24, 24)).astype(np.int8)
    assert check(built, x) == ()
    assert built.verify(x).bit_exact
    assert built.report.layers[0].kernel == KERNEL.name
    # The input, and less than the image once more.
    assert built.report.memory.arena_bytes < 1.6 * 3 * 24 * 24
