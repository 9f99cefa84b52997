"""`duo`, a real static library with a hand-written schedule, compiled by IREE for any core."""

import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyiree.sim import Machine, Region
from tinyiree.targets import Core, load

FIXTURES = Path(__file__).parent / "fixtures"
IREE_FLAGS = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-debug-symbols=false",
    "--iree-llvmcpu-disable-distribution",
    "--iree-flow-inline-constants-max-byte-length=1048576",
    "--iree-llvmcpu-link-embedded=false",
    "--iree-llvmcpu-link-static",
)
SAMPLES = 3
WEIGHTS = np.array(
    [[0.5, -1.25, 2.0, 0.125, 3.5], [1.5, -0.25, 0.75, -0.5, 0.25], [0.5, -1.25, 2.0, 0.125, 3.5],
     [1.5, -0.25, 0.75, -0.5, 0.25], [0.125, 0.25, 0.375, 0.5, 0.625],
     [-0.125, -0.25, -0.375, -0.5, -0.625], [7.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0, 5.0]],
    np.float32,
)  # fmt: skip
KERNEL = np.array(
    [[1, 2, 3, 4], [5, 6, 7, 8], [-1, -2, -3, -4], [9, 9, 9, -9], [1, -100, 100, 3]], np.int32
)

Directory = Callable[[Core], Path]


@pytest.fixture(scope="session")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """Give a function: core -> a directory with duo.h, duo.c and library.o of it."""
    made: dict[str, Path] = {}

    def directory(core: Core) -> Path:
        if core.name not in made:
            path = tmp_path_factory.mktemp(core.name)
            shutil.copy(FIXTURES / "duo.h", path)
            shutil.copy(FIXTURES / "duo.c", path)
            compiler = Path(sysconfig.get_path("scripts")) / "iree-compile"
            # IREE writes a header beside it: of another name than ours.
            library = f"--iree-llvmcpu-static-library-output-path={path / 'library.o'}"
            arguments = [*core.iree.flags(core.float_abi), *IREE_FLAGS, library, "-o", "/dev/null"]
            command = [str(compiler), str(FIXTURES / "duo.mlir"), *arguments]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            made[core.name] = path
        return made[core.name]

    return directory


@pytest.fixture
def private_duo(duo: Directory, tmp_path: Path) -> Path:
    """Give a copy of duo for Cortex-M4 that a test may change."""
    return Path(shutil.copytree(duo(load("cortex-m4")), tmp_path / "duo"))


@pytest.fixture(scope="session")
def samples() -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Inputs of all samples as the self-test reads them, and what each must give.

    All values are small multiples of 1/8: float32 sums of them are exact in any order.
    """
    rng = np.random.default_rng(20)
    x = rng.integers(-8, 8, (SAMPLES, 4, 8)).astype(np.float32)
    b = rng.integers(-128, 128, (SAMPLES, 4, 5)).astype(np.int8)
    stdin = b"".join(x[i].tobytes() + b[i].tobytes() for i in range(SAMPLES))
    wide = b.astype(np.int32)
    expected = [
        ((x[i] @ WEIGHTS).tobytes(), (wide[i] @ KERNEL @ wide[i]).tobytes()) for i in range(SAMPLES)
    ]
    return stdin, expected


@pytest.fixture(scope="session")
def machine() -> Callable[[Core], Machine]:
    """Give a function: core -> the simulator's description of it."""

    def describe(core: Core) -> Machine:
        simulation = core.simulation
        regions = tuple(Region(r.name, r.base, r.size_bytes) for r in simulation.regions)
        fpu, cpu = core.fpu != "none", simulation.unicorn_cpu
        return Machine(core.isa, cpu, simulation.qemu_machine, simulation.qemu_cpu, fpu, regions)

    return describe
