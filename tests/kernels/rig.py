"""Builds the harness with all kernels of an ISA, and runs cases on it."""

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

import tinyiree.targets
from tinyiree.built import machine_of
from tinyiree.firmware.link import HARNESS_SUFFIX, linker_script
from tinyiree.firmware.toolchain import ToolchainName, make_toolchain
from tinyiree.ir import access
from tinyiree.ir.interpret import evaluate
from tinyiree.kernels import KERNELS, Kernel, serialize
from tinyiree.kernels.rows import rows
from tinyiree.sim import Image, Probe, run_qemu, run_unicorn
from tinyiree.targets import Core

HERE = Path(__file__).parent
SOURCES = Path(tinyiree.targets.__file__).parent / "kernels"
FIRMWARE = Path(tinyiree.__file__).parent / "firmware"
POOL_BYTES = 1 << 20
STACK_BYTES = 2048
QEMU_SECONDS = 300.0


@dataclass(frozen=True)
class Overlap:
    """The output begins `distance` bytes behind the start of an input, in the same memory."""

    input: int
    distance: int
    from_bottom: bool = False


@dataclass(frozen=True)
class Case:
    """An op, and data for those of its operands that are no constants; `module` owns the op."""

    module: ir.Module
    op: ir.Operation
    inputs: tuple[npt.NDArray[np.int8], ...]
    rows_at_a_time: int = 1 << 16
    overlap: "Overlap | None" = None

    def expected(self) -> npt.NDArray[np.int8]:
        """What the interpreter says."""
        constants = [access.constant(v) for v in list(self.op.operands)[len(self.inputs) :]]
        return evaluate(self.op, [*self.inputs, *constants]).astype(np.int8)

    @property
    def rows(self) -> int:
        """Rows of the result as kernels count them."""
        return rows(self.op)


def symbols(isa: str) -> list[str]:
    """The functions of an ISA's kernels."""
    names = [name for kernel in KERNELS if kernel.isa == isa for name in kernel.symbols]
    return list(dict.fromkeys(names))


def _sources(isa: str) -> list[Path]:
    names = {source for kernel in KERNELS if kernel.isa == isa for source in kernel.sources}
    return [SOURCES / name for name in sorted(names)]


def _write_list(isa: str, folder: Path) -> None:
    lines = ['#include "tinyiree_kernels.h"']
    lines += [f"tinyiree_kernel_t {name};" for name in symbols(isa)]
    lines += ["static tinyiree_kernel_t *const kernels[] = {"]
    lines += [f"    {name}," for name in symbols(isa)]
    (folder / "kernel_list.h").write_text("\n".join([*lines, "};", ""]))


def build_device(
    core: Core, isa: str, folder: Path, toolchain: ToolchainName = "zig", *flags: str
) -> Path:
    """The firmware image."""
    _write_list(isa, folder)
    tools = make_toolchain(core, toolchain)
    ram = core.simulation.ram
    include = (f"-I{folder}", f"-I{SOURCES}", f"-I{FIRMWARE}", "-fno-builtin")
    define = (f"-DRAM_END={ram.base + ram.size_bytes}u", f"-DPOOL_BYTES={POOL_BYTES}")
    first = "startup_arm.c" if core.isa == "arm" else "startup_riscv.c"
    startup = [FIRMWARE / name for name in (first, "startup.c", "semihosting.c")]
    harness = [HERE / "harness.c", *startup]
    harness_objects = [folder / (path.stem + HARNESS_SUFFIX) for path in harness]
    tools.compile(harness, harness_objects, (*include, *define, "-Wno-pedantic"))
    kernels = _sources(isa)
    objects = [folder / (path.stem + ".o") for path in kernels]
    tools.compile(kernels, objects, ("-Wpedantic", "-Werror", *flags))
    script = folder / "rig.ld"
    script.write_text(linker_script(core, STACK_BYTES))
    out = folder / "rig.elf"
    tools.link([*harness_objects, *objects], script, out)
    return out


def build_host(folder: Path, compiler: str) -> Path:
    """The portable kernels as a program under the address and undefined-behaviour sanitizers."""
    _write_list("portable", folder)
    out = folder / "rig"
    flags = ["-std=c99", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-DHOST", "-DRAM_END=0u"]
    flags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    include = [f"-I{folder}", f"-I{SOURCES}"]
    files = [str(HERE / "harness.c"), *map(str, _sources("portable"))]
    subprocess.run([compiler, *flags, *include, *files, "-o", str(out)], check=True)
    return out


def encode(kernel: Kernel, case: Case, pointer_bytes: int) -> bytes:
    """A case as the harness reads it."""
    blob, relocations = serialize(kernel.pack(case.op), pointer_bytes)
    sizes = [array.nbytes for array in case.inputs]
    header = struct.pack(
        "<15Ii",
        symbols(kernel.isa).index(kernel.symbol(case.op)),
        len(blob),
        len(relocations),
        *(*relocations, 0, 0, 0)[:3],
        len(sizes),
        *(*sizes, 0)[:2],
        int(np.prod(access.shape(case.op.results[0]))),
        kernel.scratch_bytes(case.op),
        case.rows,
        case.rows_at_a_time,
        *((case.overlap.from_bottom, case.overlap.input + 1) if case.overlap else (0, 0)),
        case.overlap.distance if case.overlap else 0,
    )
    data = [header, _padded(blob)]
    data += [_padded(array.tobytes()) for array in reversed(case.inputs)]
    return b"".join(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def run_device(elf: Path, core: Core, kernel: Kernel, cases: Sequence[Case]) -> list[int]:
    """Run and compare all cases; the instructions of each."""
    image = Image.load(elf)
    probe = Probe(image.symbol("invoke").address)
    stdin = b"".join(encode(kernel, case, 4) for case in cases)
    if core.simulation.unicorn_cpu is None:
        result = run_qemu(image, machine_of(core), probe, stdin, QEMU_SECONDS)
    else:
        result = run_unicorn(image, machine_of(core), probe, stdin)
    assert result.exit_code == 0, result.console
    compare(kernel, cases, result.output)
    counts = iter(one.instructions for one in result.inferences)
    return [sum(next(counts) for _ in range(_calls(case))) for case in cases]


def _calls(case: Case) -> int:
    return -(-case.rows // case.rows_at_a_time)


def run_host(program: Path, kernel: Kernel, cases: Sequence[Case]) -> None:
    """Run and compare all cases."""
    stdin = b"".join(encode(kernel, case, 8) for case in cases)
    done = subprocess.run([str(program)], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    compare(kernel, cases, done.stdout)


def compare(kernel: Kernel, cases: Sequence[Case], output: bytes) -> None:
    """Every byte of every case."""
    at = 0
    for number, case in enumerate(cases):
        expected = case.expected().ravel()
        status = int.from_bytes(output[at : at + 4], "little")
        found = np.frombuffer(output, np.int8, expected.size, at + 4)
        if status != 0 or (found != expected).any():
            first = int((found != expected).argmax())
            raise AssertionError(
                f"{kernel.name} case {number}: {(found != expected).sum()} of {expected.size} "
                f"differ, the first is {found[first]} for {expected[first]} at {first}; "
                f"wrote outside of the output (1) or scratch (2): {status}; {case.op}"
            )
        at += 4 + (expected.size + 3) // 4 * 4
    assert at == len(output)
