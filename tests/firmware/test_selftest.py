"""A real library, built for every core by both toolchains, run on both simulators."""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.firmware import ToolchainName, build_selftest, make_toolchain
from tinyiree.sim import Image, Machine, Probe, RunResult, run_qemu, run_unicorn
from tinyiree.targets import Core, load, names

Directory = Callable[[Core], Path]
Samples = tuple[bytes, list[tuple[bytes, bytes]]]
DISPATCHES = (
    "main_dispatch_0_matmul_4x5x8_f32",
    "main_dispatch_1_matmul_4x4x5_i8xi8xi32",
    "main_dispatch_2_matmul_4x5x4_i32xi8xi32",
)
RECORD = struct.Struct("<iI80s80s")


def probe(image: Image) -> Probe:
    steps = tuple(image.symbol(name).address for name in DISPATCHES)
    return Probe(image.symbol("tinyiree_invoke").address, steps)


def simulate(
    elf: Path, machine: Machine, stdin: bytes, simulator: Literal["unicorn", "qemu"]
) -> RunResult:
    image = Image.load(elf)
    if simulator == "unicorn":
        return run_unicorn(image, machine, probe(image), stdin)
    command = "qemu-system-arm" if machine.isa == "arm" else "qemu-system-riscv32"
    if shutil.which(command) is None:
        pytest.skip(f"{command} is not installed")
    return run_qemu(image, machine, probe(image), stdin, timeout_seconds=60.0)


@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
@pytest.mark.parametrize("simulator", ["unicorn", "qemu"])
@pytest.mark.parametrize("name", names())
def test_outputs_equal_numpy(
    name: str,
    simulator: Literal["unicorn", "qemu"],
    toolchain: ToolchainName,
    duo: Directory,
    machine: Callable[[Core], Machine],
    samples: Samples,
    tmp_path: Path,
) -> None:
    core = load(name)
    if simulator == "unicorn" and core.simulation.unicorn_cpu is None:
        pytest.skip(f"Unicorn has no {name}")
    if toolchain == "gcc" and shutil.which(core.gcc.prefix + "gcc") is None:
        pytest.skip(f"{core.gcc.prefix}gcc is not installed (Debian package {core.gcc.package})")
    elf = build_selftest(core, duo(core), "duo", tmp_path / "duo.elf", toolchain)
    stdin, expected = samples
    result = simulate(elf, machine(core), stdin, simulator)
    assert result.exit_code == 0
    assert result.console == f"tinyiree: {len(expected)} inferences\n"
    records = list(RECORD.iter_unpack(result.output))
    assert [record[2:] for record in records] == expected
    for status, stack_bytes, *_ in records:
        assert status == 0
        # At least the frame of tinyiree_invoke with its 16 pointers; far from the painted end.
        assert 64 + 60 < stack_bytes < 512
    assert [len(i.layer_instructions) for i in result.inferences] == [3] * len(expected)


def test_no_samples(duo: Directory, machine: Callable[[Core], Machine], tmp_path: Path) -> None:
    core = load("cortex-m4")
    elf = build_selftest(core, duo(core), "duo", tmp_path / "duo.elf")
    result = simulate(elf, machine(core), b"", "unicorn")
    assert (result.output, result.console) == (b"", "tinyiree: 0 inferences\n")


def run_changed(
    directory: Path,
    machine: Callable[[Core], Machine],
    stdin: bytes,
    old: str = "",
    new: str = "",
    stack_bytes: int = 32768,
) -> RunResult:
    """Replace text in duo.c, build and run."""
    source = directory / "duo.c"
    text = source.read_text(encoding="utf-8")
    assert old in text
    source.write_text(text.replace(old, new), encoding="utf-8")
    core = load("cortex-m4")
    elf = directory.parent / "changed.elf"
    build_selftest(core, directory, "duo", elf, stack_bytes=stack_bytes)
    return simulate(elf, machine(core), stdin, "unicorn")


def test_sample_cut_short(
    private_duo: Path, machine: Callable[[Core], Machine], samples: Samples
) -> None:
    result = run_changed(private_duo, machine, samples[0][:-1])
    assert result.exit_code == 1
    assert result.console == "tinyiree: tinyiree.in: ends within a sample\n"
    assert len(result.output) == 2 * RECORD.size


def test_program_that_init_refuses(private_duo: Path, machine: Callable[[Core], Machine]) -> None:
    result = run_changed(private_duo, machine, b"", "DISPATCH, 3, 2", "DISPATCH, 3, 9")
    assert result.exit_code == 1
    assert result.console == "tinyiree: init: status 6\n"


def test_measured_stack_follows_its_use(
    private_duo: Path, machine: Callable[[Core], Machine], samples: Samples
) -> None:
    before = run_changed(private_duo, machine, samples[0])
    deep = """
static int deep(const tinyiree_environment_t *environment, const tinyiree_dispatch_state_t *state,
                const tinyiree_workgroup_state_t *group) {
    volatile uint8_t used[1000];
    for (unsigned i = 0; i < sizeof used; ++i) used[i] = 1;
    (void)environment, (void)state, (void)group;
    return used[0] - 1;
}
static const tinyiree_library_header_t header = {6, NULL, 0, 0};
static const tinyiree_dispatch_fn_t functions[] = {deep, deep, deep};
static const tinyiree_library_t library = {
    .header = &header, .export_count = 3, .export_functions = functions};
static const tinyiree_library_header_t **deep_query(
    uint32_t version, const tinyiree_environment_t *environment) {
    (void)duo_linked_library_query(version, environment);
    return (const tinyiree_library_header_t **)(void *)&library;
}

const tinyiree_program_t duo_program"""
    source = private_duo / "duo.c"
    text = source.read_text(encoding="utf-8")
    text = text.replace(".query = duo_linked", ".query = deep_query, //")
    source.write_text(text, encoding="utf-8")
    old = "\nconst tinyiree_program_t duo_program"
    after = run_changed(private_duo, machine, samples[0], old, deep)
    stacks = [next(RECORD.iter_unpack(r.output))[1] for r in (before, after)]
    assert 1000 < stacks[1] < 1000 + stacks[0]
    # The same with a stack that is too small: it is said, and there is no record.
    small = run_changed(private_duo, machine, samples[0], stack_bytes=1280)
    assert small.console == "tinyiree: stack: overflow; give the self-test a larger one\n"
    assert (small.exit_code, small.output) == (1, b"")


@pytest.mark.parametrize(
    # HardFault (3), to which the BusFault escalates; load access fault (5). Then the first digits
    # of the address of the instruction, which is in flash.
    ("name", "report"),
    [("cortex-m4", "cause 3 at 0x0000"), ("rv32imafc", "cause 5 at 0x8000")],
)
def test_fault_is_reported(
    name: str,
    report: str,
    duo: Directory,
    machine: Callable[[Core], Machine],
    samples: Samples,
    tmp_path: Path,
) -> None:
    """A binding outside of all memory."""
    core = load(name)
    directory = Path(shutil.copytree(duo(core), tmp_path / "duo"))
    source = directory / "duo.c"
    text = source.read_text(encoding="utf-8")
    assert "448, 128, 192," in text
    source.write_text(text.replace("448, 128, 192,", "0x50000000, 128, 192,"), encoding="utf-8")
    elf = build_selftest(core, directory, "duo", tmp_path / "duo.elf")
    result = simulate(elf, machine(core), samples[0], "qemu")
    assert result.exit_code == 1
    assert result.console.startswith(f"tinyiree: fault, {report}")


@pytest.mark.parametrize("missing", ["duo.c", "duo.h"])
def test_missing_file(private_duo: Path, missing: str) -> None:
    (private_duo / missing).unlink()
    with pytest.raises(TinyireeError, match=f"{missing}: expected a generated file, found none"):
        build_selftest(load("cortex-m4"), private_duo, "duo", private_duo / "duo.elf")


def test_library_in_an_archive(
    private_duo: Path, machine: Callable[[Core], Machine], samples: Samples
) -> None:
    tools = make_toolchain(load("cortex-m4"))
    tools.archive([private_duo / "library.o"], private_duo / "libduo.a")
    (private_duo / "library.o").unlink()
    assert run_changed(private_duo, machine, samples[0]).exit_code == 0
