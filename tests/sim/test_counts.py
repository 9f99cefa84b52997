"""Instruction counts are exact, and both simulators give the same ones."""

import struct

import pytest

from tinyiree.cycles import arm, riscv
from tinyiree.sim import Image, Probe, RunResult, run_qemu, run_unicorn

from .conftest import CORES, Build, probe_of

ON_UNICORN = [name for name, core in CORES.items() if core.machine.unicorn_cpu]
SAMPLES = struct.pack("<6i", 10, 20, 1000, 7, -3, 5)
TIMEOUT = 60.0


def qemu_of(request: pytest.FixtureRequest, core: str) -> None:
    isa = CORES[core].machine.isa
    request.getfixturevalue("needs_qemu_arm" if isa == "arm" else "needs_qemu_riscv")


def expected_records(samples: bytes) -> bytes:
    records = b""
    for a, b in struct.iter_unpack("<2i", samples):
        # add, scale, add, long, add; helper(0) == 1, helper(1) == 4
        records += struct.pack("<3i", 0, int((a + 1) * 0.5) + 2, b + 12)
    return records


def check(result: RunResult) -> None:
    assert result.exit_code == 0
    assert result.console == "#all read\n"
    assert result.output == expected_records(SAMPLES)
    assert len(result.inferences) == 3
    for one in result.inferences:
        assert len(one.layer_instructions) == 5
        assert one.instructions == one.runtime_instructions + sum(one.layer_instructions)


@pytest.mark.parametrize("core", ON_UNICORN)
def test_unicorn_gives_the_right_output_and_layers(core: str, build: Build) -> None:
    elf = build(core)
    check(run_unicorn(elf, CORES[core].machine, probe_of(elf), SAMPLES))


@pytest.mark.parametrize("core", CORES)
def test_qemu_gives_the_same(core: str, build: Build, request: pytest.FixtureRequest) -> None:
    qemu_of(request, core)
    elf = build(core)
    result = run_qemu(elf, CORES[core].machine, probe_of(elf), SAMPLES, TIMEOUT)
    check(result)
    if core in ON_UNICORN:
        assert run_unicorn(elf, CORES[core].machine, probe_of(elf), SAMPLES) == result


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55", "rv32imac"])
def test_a_loop_of_known_length_is_counted_exactly(
    core: str, build: Build, request: pytest.FixtureRequest
) -> None:
    def scale_layer(times: int) -> int:
        elf = build(core, f"-DLOOPS={times}")
        machine, probe = CORES[core].machine, probe_of(elf)
        if core in ON_UNICORN:
            result = run_unicorn(elf, machine, probe, SAMPLES[:8])
        else:
            qemu_of(request, core)
            result = run_qemu(elf, machine, probe, SAMPLES[:8], TIMEOUT)
        return result.inferences[0].layer_instructions[1]

    # Three instructions each time around. Both numbers take one instruction to load.
    assert scale_layer(2003) - scale_layer(100) == 3 * 1903


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "rv32imac"])
def test_code_longer_than_a_translation_block_is_counted_whole(core: str, build: Build) -> None:
    elf = build(core)
    result = run_unicorn(elf, CORES[core].machine, probe_of(elf), SAMPLES[:8])
    body = 3003 if core.startswith("cortex") else 3001
    # The wrapper in C adds a few: save, call, restore.
    assert 0 <= result.inferences[0].layer_instructions[3] - body <= 10


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "rv32imac"])
def test_a_step_reached_by_a_tail_call_ends_where_it_returns(core: str, build: Build) -> None:
    elf = build(core)
    layers = run_unicorn(elf, CORES[core].machine, probe_of(elf), SAMPLES).inferences[0]
    assert layers.layer_instructions[0] == layers.layer_instructions[4]


def test_without_steps_all_is_runtime(build: Build) -> None:
    elf = build("cortex-m4")
    full = run_unicorn(elf, CORES["cortex-m4"].machine, probe_of(elf), SAMPLES)
    probe = Probe(probe_of(elf).invoke | 1)  # with the Thumb bit, as a symbol table has it
    bare = run_unicorn(elf, CORES["cortex-m4"].machine, probe, SAMPLES)
    assert [one.instructions for one in bare.inferences] == [
        one.instructions for one in full.inferences
    ]
    assert all(one.runtime_instructions == one.instructions for one in bare.inferences)
    assert bare.harness_instructions == full.harness_instructions


def test_a_function_that_never_runs_gives_no_inference(build: Build) -> None:
    elf = build("cortex-m4")
    full = run_unicorn(elf, CORES["cortex-m4"].machine, probe_of(elf), SAMPLES)
    none = run_unicorn(elf, CORES["cortex-m4"].machine, Probe(0x3_0000), SAMPLES)
    assert none.inferences == ()
    assert none.harness_instructions == full.harness_instructions + sum(
        one.instructions for one in full.inferences
    )


@pytest.mark.usefixtures("needs_qemu_riscv")
def test_the_cores_own_counter_agrees(build: Build) -> None:
    """With -icount shift=0, minstret is QEMU's own count of retired instructions."""

    def overhead(times: int) -> int:
        elf = build("rv32imac", "-DINSTRET", f"-DLOOPS={times}")
        result = run_qemu(
            elf, CORES["rv32imac"].machine, probe_of(elf), SAMPLES[:8], TIMEOUT,
            extra_arguments=("-icount", "shift=0"),
        )  # fmt: skip
        by_core = struct.unpack_from("<i", result.output)[0]
        return int(by_core) - result.inferences[0].instructions

    # Between the two reads of the counter: the call, its arguments, and one of the reads.
    assert overhead(100) == overhead(5000)
    assert 1 <= overhead(100) <= 6


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55", "rv32imac"])
def test_the_profile_holds_what_the_counts_say(
    core: str, build: Build, request: pytest.FixtureRequest
) -> None:
    elf = build(core, "-DLOOPS=1000")
    machine, probe = CORES[core].machine, probe_of(elf)
    qemu_of(request, core)
    results = [run_qemu(elf, machine, probe, SAMPLES, TIMEOUT)]
    if core in ON_UNICORN:
        results.append(run_unicorn(elf, machine, probe, SAMPLES))
    image, disassemble = Image.load(elf), arm if machine.isa == "arm" else riscv
    for result in results:
        counts: dict[int | None, int] = {}
        for block in result.profile:
            code = image.read(block.address, block.end - block.address)
            length = len(disassemble.disassemble(code, block.address))
            counts[block.call] = counts.get(block.call, 0) + block.executions * length
        first = result.inferences[0]
        assert counts.pop(None) == first.runtime_instructions
        assert tuple(counts[call] for call in sorted(counts)) == first.layer_instructions
        # The loop is left by a jump but for the last time around.
        loops = [b for b in result.profile if b.call == 1 and b.executions >= 999]
        assert [b.executions - b.taken for b in loops] == [1]
