"""The C runtime on the host: behaviour under sanitizers, warnings, code size, instructions."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tinyiree.firmware import RUNTIME_DIRECTORY, build_selftest, make_toolchain
from tinyiree.firmware.selftest import RUNTIME_FLAGS
from tinyiree.sim import Image, Machine, Probe, Region, run_unicorn
from tinyiree.targets import Core, load, names

HERE = Path(__file__).parent
SOURCES = (RUNTIME_DIRECTORY / "tinyiree.c", RUNTIME_DIRECTORY / "memory.c")
CHAIN = RUNTIME_DIRECTORY / "tinyiree_chain.c"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
ZIG = (sys.executable, "-m", "ziglang", "cc")
# Zig ships no address sanitizer; with traps it need not build the other one's library either.
HOSTS = {
    "gcc": (("gcc",), ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")),
    "zig": (ZIG, ("-fsanitize=undefined", "-fsanitize-trap=undefined")),
}


def run_on_host(host: str, work: Path, test: Path, tested: Path, *flags: str) -> None:
    """Compile `tested` with the flags, link it with `test`, run; output is the failures."""
    command, sanitizers = HOSTS[host]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed (Debian package {command[0]})")
    common = (*command, "-O1", "-g", *sanitizers)
    include = f"-I{RUNTIME_DIRECTORY}"
    unit, program = work / "unit.o", work / "test"
    compiled = (*common, *STRICT, *flags, "-c", str(tested), "-o", str(unit))
    linked = (*common, "-std=c11", "-Wall", "-Wextra", "-Werror", include, str(test), str(unit))
    for step in (compiled, (*linked, "-o", str(program))):
        built = subprocess.run(step, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("host", HOSTS)
def test_behaviour(host: str, tmp_path: Path) -> None:
    run_on_host(host, tmp_path, HERE / "host_test.c", RUNTIME_DIRECTORY / "tinyiree.c")


@pytest.mark.parametrize("host", HOSTS)
def test_chains(host: str, tmp_path: Path) -> None:
    run_on_host(host, tmp_path, HERE / "chain_test.c", CHAIN)


@pytest.mark.parametrize("host", HOSTS)
def test_several_banks(host: str, tmp_path: Path) -> None:
    tested = RUNTIME_DIRECTORY / "tinyiree.c"
    run_on_host(host, tmp_path, HERE / "banks_test.c", tested, "-DTINYIREE_MAX_BANKS=3")


@pytest.mark.parametrize("host", HOSTS)
def test_memory_functions_are_the_c_library_s(host: str, tmp_path: Path) -> None:
    renamed = [f"-D{name}=tiny_{name}" for name in ("memcpy", "memmove", "memset")]
    memory = RUNTIME_DIRECTORY / "memory.c"
    run_on_host(host, tmp_path, HERE / "memory_test.c", memory, "-fno-builtin", *renamed)


@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
@pytest.mark.parametrize("name", names())
def test_compiles_without_a_warning(name: str, toolchain: str, tmp_path: Path) -> None:
    core = load(name)
    if toolchain == "gcc" and shutil.which(core.gcc.prefix + "gcc") is None:
        pytest.skip(f"{core.gcc.prefix}gcc is not installed (Debian package {core.gcc.package})")
    tools = make_toolchain(core, "gcc" if toolchain == "gcc" else "zig")
    sources = (*SOURCES, CHAIN)
    objects = [tmp_path / f"{source.stem}.o" for source in sources]
    tools.compile(sources, objects, (*STRICT, *RUNTIME_FLAGS))
    assert all(path.stat().st_size > 0 for path in objects)


def test_header_is_valid_c_plus_plus(tmp_path: Path) -> None:
    source = tmp_path / "user.cpp"
    source.write_text('#include "tinyiree.h"\ntinyiree_model_t model;\n', encoding="utf-8")
    zig = (sys.executable, "-m", "ziglang", "c++", "-Wall", "-Wextra", "-Werror")
    command = [*zig, f"-I{RUNTIME_DIRECTORY}", "-c", str(source), "-o", str(tmp_path / "user.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_code_size_on_cortex_m4(tmp_path: Path) -> None:
    """At most 1,500 bytes with everything that the runtime may call; no variables at all."""
    objects = [tmp_path / f"{source.stem}.o" for source in SOURCES]
    make_toolchain(load("cortex-m4")).compile(SOURCES, objects, RUNTIME_FLAGS)
    flash = ram = 0
    for path in objects:
        with path.open("rb") as stream:
            for section in ELFFile(stream).iter_sections():
                if section.name.startswith((".text", ".rodata")):
                    flash += section["sh_size"]
                elif section.name.startswith((".data", ".bss")):
                    ram += section["sh_size"]
    assert 0 < flash <= 1250
    assert ram == 0


def empty_dispatches(directory: Path, steps: int, bindings: int) -> None:
    """Write a program of dispatches that do nothing, with a library of its own."""
    directory.mkdir()
    (directory / "idle.h").write_text(
        '#include "tinyiree.h"\n#define IDLE_ARENA_BYTES 256\n'
        "extern const tinyiree_program_t idle_program;\n",
        encoding="utf-8",
    )
    step = f"{{TINYIREE_DISPATCH, {bindings}, 0, 0, 0}},"
    table = ", ".join(["16"] * 2 * bindings)
    (directory / "idle.c").write_text(
        f"""#include "idle.h"
#define PARAMETERS                                                               \\
  const tinyiree_environment_t *environment, const tinyiree_dispatch_state_t *state, \\
      const tinyiree_workgroup_state_t *group
int idle_dispatch(PARAMETERS);
int idle_dispatch(PARAMETERS) {{
  (void)environment; (void)state; (void)group;
  return 0;
}}
static const tinyiree_library_header_t header = {{6, NULL, 0, 0}};
static const tinyiree_dispatch_fn_t functions[] = {{idle_dispatch}};
static const tinyiree_library_t library = {{
    .header = &header, .export_count = 1, .export_functions = functions}};
static const tinyiree_library_header_t **query(uint32_t v, const tinyiree_environment_t *e) {{
  (void)v; (void)e;
  return (const tinyiree_library_header_t **)(void *)&library;
}}
static const tinyiree_step_t steps[] = {{{step * steps}}};
static const size_t bindings[] = {{{table}}};
static const tinyiree_io_t io[] = {{{{0, 4}}, {{0, 4}}}};
const tinyiree_program_t idle_program = {{
    query, steps, bindings, NULL, NULL, io, IDLE_ARENA_BYTES, 16, {steps}, 0, 1, 1, 0, 0, NULL}};
""",
        encoding="utf-8",
    )


def machine(core: Core) -> Machine:
    simulation = core.simulation
    regions = tuple(Region(r.name, r.base, r.size_bytes) for r in simulation.regions)
    return Machine(
        core.isa,
        simulation.unicorn_cpu,
        simulation.qemu_machine,
        simulation.qemu_cpu,
        core.fpu != "none",
        regions,
    )


@pytest.mark.parametrize(("bindings", "limit"), [(3, 40), (5, 50)])
def test_instructions_per_dispatch_on_cortex_m4(bindings: int, limit: int, tmp_path: Path) -> None:
    """The runtime's own instructions, without those of the dispatch: at most 60 are allowed."""
    core = load("cortex-m4")
    counts = []
    for steps in (1, 11):
        directory = tmp_path / str(steps)
        empty_dispatches(directory, steps, bindings)
        image = Image.load(build_selftest(core, directory, "idle", directory / "idle.elf"))
        invoke = image.symbol("tinyiree_invoke").address
        probe = Probe(invoke, (image.symbol("idle_dispatch").address,))
        result = run_unicorn(image, machine(core), probe, b"\0" * 4)
        assert len(result.inferences[0].layer_instructions) == steps
        counts.append(result.inferences[0].runtime_instructions)
    assert 10 < (counts[1] - counts[0]) / 10 <= limit
