"""Builds the self-test image: generated model, runtime, and the harness that feeds it."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tinyiree.errors import TinyireeError
from tinyiree.firmware.link import HARNESS_SUFFIX, linker_script
from tinyiree.firmware.toolchain import ToolchainName, make_toolchain
from tinyiree.targets import Core

RUNTIME_DIRECTORY = Path(__file__).parent.parent / "runtime"
_DIRECTORY = Path(__file__).parent
# memory.c's loops must not become calls of themselves, and vectors (MVE) would make every runtime
# function larger and its stack frame deeper without use.
RUNTIME_FLAGS = ("-fno-builtin", "-fno-tree-vectorize", "-fno-tree-slp-vectorize")
DEFAULT_STACK_BYTES = 32768


def build_selftest(
    core: Core,
    generated: Path,
    name: str,
    out: Path,
    toolchain: ToolchainName = "zig",
    stack_bytes: int = DEFAULT_STACK_BYTES,
    banks: Sequence[int] = (),
) -> Path:
    """Compile and link the self-test of a generated model; returns `out`, an ELF file.

    `generated` holds `NAME.c`, `NAME.h` (which defines `NAME_ARENA_BYTES` in capitals and declares
    `const tinyiree_program_t NAME_program`) and the compiled dispatches and kernels as `*.a` and
    `*.o`. `stack_bytes` bounds the stack of the simulation only. `banks` are the bytes
    of the model's arenas when it lies in several memories; here they follow each other.

    Raises TinyireeError if a file is missing or a tool fails (with its output).
    """
    source, header = generated / f"{name}.c", generated / f"{name}.h"
    for path in (source, header):
        if not path.is_file():
            raise TinyireeError(f"{path}: expected a generated file, found none; run the build")
    tools = make_toolchain(core, toolchain)
    includes: tuple[str, ...] = (f"-I{generated}", f"-I{RUNTIME_DIRECTORY}")
    arena = f"{name.upper()}_ARENA_BYTES"
    if len(banks) > 1:
        includes, arena = (*includes, f"-DTINYIREE_MAX_BANKS={len(banks)}"), str(sum(banks))
    harness_flags = (
        *includes,
        # Here because a call of memset would be counted as code of the model.
        *RUNTIME_FLAGS,
        f'-DTINYIREE_SELFTEST_HEADER="{name}.h"',
        f"-DTINYIREE_SELFTEST_PROGRAM={name}_program",
        f"-DTINYIREE_SELFTEST_ARENA_BYTES={arena}",
    )
    startup = "startup_arm.c" if core.isa == "arm" else "startup_riscv.c"
    harness = [_DIRECTORY / file for file in (startup, "startup.c", "semihosting.c", "selftest.c")]
    with TemporaryDirectory(prefix="tinyiree-") as directory:
        work = Path(directory)
        harness_objects = [work / (path.stem + HARNESS_SUFFIX) for path in harness]
        tools.compile(harness, harness_objects, harness_flags)
        runtime = sorted(RUNTIME_DIRECTORY.glob("*.c"))
        model_objects = [work / "model.o", *(work / f"{path.stem}.o" for path in runtime)]
        tools.compile([source, *runtime], model_objects, (*includes, *RUNTIME_FLAGS))
        script = work / "selftest.ld"
        script.write_text(linker_script(core, stack_bytes), encoding="utf-8")
        libraries = sorted([*generated.glob("*.o"), *generated.glob("*.a")])
        tools.link([*harness_objects, *model_objects, *libraries], script, out)
    return out
