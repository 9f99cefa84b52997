"""Kernels keep what they promise of their reads: outputs really lie over their inputs."""

import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinyiree.ir import access
from tinyiree.kernels import KERNELS, Kernel
from tinyiree.kernels.kernel import Reads
from tinyiree.kernels.walk import Walk, walk
from tinyiree.passes.planning.conflicts import separation
from tinyiree.passes.planning.occupancy import StepUses, Use, occupancies
from tinyiree.targets import Core, load

from .choose import cases
from .rig import Case, Overlap, build_device, build_host, run_device, run_host

CORES = {
    "armv7em": "cortex-m4",
    "armv7m": "cortex-m3",
    "armv6m": "cortex-m0plus",
    "rv32im": "rv32imc",
    "rv32i": "rv32ec",
    "mve": "cortex-m55",
}
PROMISING = [kernel for kernel in KERNELS if kernel.reads is not Reads.WHOLE]
DEVICE = [kernel for kernel in PROMISING if kernel.isa in CORES]
PORTABLE = [kernel for kernel in PROMISING if kernel.isa == "portable"]
COUNT = 60


def walk_of(kernel: Kernel, case: Case) -> Walk | None:
    return walk(kernel, case.op, kernel.pack(case.op))


def distances(kernel: Kernel, case: Case, chunk: int) -> tuple[int, int]:
    """How far the output has to lie above and below an input, in bytes, by the promise."""
    way = walk_of(kernel, case)
    assert way is not None
    progress = way.progress(0, case.rows, chunk)
    reads = 2 * np.arange(len(progress.read_low), dtype=np.int64)
    uses = [
        Use(0, False, reads, progress.read_low, progress.read_high),
        Use(0, False, reads + 1, progress.late_low, progress.read_high),
        Use(1, True, reads + 1, progress.write_low, progress.write_high),
    ]
    sizes = [case.inputs[0].nbytes, math.prod(access.shape(case.op.results[0]))]
    step = StepUses(2 * len(reads), tuple(uses))
    found = separation(*occupancies(sizes, [step], [0], [1]), 1)
    # Nothing is forbidden: any distance will do, such as the one that begins together.
    return found or (0, 0)


def overlapped(kernel: Kernel, seed: int) -> Iterator[Case]:
    """Cases at the least distances: below from the top down, above from the bottom up."""
    # A core that cannot read unaligned words needs tensors at their alignment.
    unit = 1 if kernel.isa in ("armv7em", "portable") else 8
    for number, case in enumerate(cases(kernel, COUNT, seed)):
        if walk_of(kernel, case) is None:
            continue
        which = number % len(case.inputs)
        _, below = distances(kernel, case, 0)
        down = Overlap(which, -(-(-below // unit) * unit))
        yield replace(case, rows_at_a_time=1 << 16, overlap=down)
        way = walk_of(kernel, case)
        if way is not None and way.chunk:
            above, _ = distances(kernel, case, way.chunk)
            up = Overlap(which, -(-above // unit) * unit, from_bottom=True)
            yield replace(case, rows_at_a_time=way.chunk, overlap=up)


def closer(case: Case, by: int) -> Case:
    """The same with the output nearer to the input by some bytes."""
    overlap = case.overlap
    assert overlap is not None
    distance = overlap.distance + (-by if overlap.from_bottom else by)
    return replace(case, overlap=replace(overlap, distance=distance))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Core]]:
    found = {}
    for isa in dict.fromkeys(kernel.isa for kernel in DEVICE):
        core = load(CORES[isa])
        found[isa] = (build_device(core, isa, tmp_path_factory.mktemp(isa)), core)
    return found


@pytest.mark.parametrize("kernel", DEVICE, ids=lambda kernel: kernel.name)
def test_overlapping_tensors(kernel: Kernel, images: dict[str, tuple[Path, Core]]) -> None:
    elf, core = images[kernel.isa]
    found = list(overlapped(kernel, seed=11))
    assert len(found) > COUNT // 2
    run_device(elf, core, kernel, found)


@pytest.mark.parametrize(
    "kernel",
    [kernel for kernel in DEVICE if kernel.isa == "armv7em"],
    ids=lambda kernel: kernel.name,
)
def test_the_promise_is_not_loose(kernel: Kernel, images: dict[str, tuple[Path, Core]]) -> None:
    """A few bytes nearer, some outputs are wrong: the distances are needed, and the rig sees it."""
    elf, core = images[kernel.isa]
    found = [closer(case, 4) for case in overlapped(kernel, seed=11)]
    with pytest.raises(AssertionError, match="differ"):
        run_device(elf, core, kernel, found)


def test_portable_kernels(tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("neither gcc nor clang is installed: they have the sanitizers")
    program = build_host(tmp_path, compiler)
    for kernel in PORTABLE:
        run_host(program, kernel, list(overlapped(kernel, seed=12)))
