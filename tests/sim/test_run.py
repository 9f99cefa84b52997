"""Many samples, several simulators side by side."""

import dataclasses
import struct

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.sim import Machine, RunResult, run, run_qemu, run_unicorn

from .conftest import CORES, Build, probe_of

SAMPLES = [struct.pack("<2i", i, 1000 - i) for i in range(75)]
MACHINE = CORES["cortex-m4"].machine


def test_the_result_does_not_depend_on_the_number_of_jobs(build: Build) -> None:
    elf = build("cortex-m4")
    seen: list[tuple[int, int]] = []
    one = run(elf, MACHINE, probe_of(elf), SAMPLES, jobs=1)
    many = run(
        elf, MACHINE, probe_of(elf), SAMPLES, jobs=4, progress=lambda a, b: seen.append((a, b))
    )
    assert one == many
    assert seen == sorted(seen)
    assert seen[-1] == (75, 75)


def test_outputs_and_counts_are_joined_in_order(build: Build) -> None:
    elf = build("cortex-m4")
    joined = run(elf, MACHINE, probe_of(elf), SAMPLES, jobs=2)
    whole = run_unicorn(elf, MACHINE, probe_of(elf), b"".join(SAMPLES))
    assert joined.output == whole.output
    assert joined.inferences == whole.inferences
    assert joined.exit_code == 0


@pytest.mark.usefixtures("needs_qemu_arm")
def test_auto_takes_qemu_for_a_core_that_unicorn_lacks(build: Build) -> None:
    elf = build("cortex-m55")
    machine = CORES["cortex-m55"].machine
    result = run(elf, machine, probe_of(elf), SAMPLES[:3])
    assert result.output == run_qemu(elf, machine, probe_of(elf), b"".join(SAMPLES[:3]), 30).output
    assert len(result.inferences) == 3


def test_a_failing_firmware_is_an_error_with_its_console(build: Build) -> None:
    elf = build("cortex-m4", "-DEXIT_CODE=3")
    with pytest.raises(TinyireeError, match=r"exit with code 0, found 3 after 2 .*\n#all read"):
        run(elf, MACHINE, probe_of(elf), SAMPLES[:2])


def test_a_sample_of_the_wrong_size_is_an_error(build: Build) -> None:
    elf = build("cortex-m4")
    with pytest.raises(TinyireeError, match=r"expected 2 inferences, one per sample, found 1"):
        # Five bytes each, where the firmware wants eight.
        run(elf, MACHINE, probe_of(elf), [bytes(5)] * 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": []}, "samples: expected at least one, found none"),
        ({"jobs": 0}, "jobs: expected at least 1, found 0"),
        ({"simulator": "renode"}, "simulator: expected auto, unicorn or qemu, found 'renode'"),
        (
            {"machine": CORES["cortex-m55"].machine, "simulator": "unicorn"},
            "simulator: expected a core that Unicorn has",
        ),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str, build: Build) -> None:
    elf = build("cortex-m4")
    good: dict[str, object] = {"machine": MACHINE, "samples": SAMPLES[:1]}
    with pytest.raises(TinyireeError, match=message):
        run(elf, probe=probe_of(elf), **(good | arguments))  # type: ignore[arg-type]


def changed(**fields: object) -> Machine:
    return dataclasses.replace(MACHINE, **fields)  # type: ignore[arg-type]


def test_bad_machines(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    elf, sample = build("cortex-m4"), SAMPLES[0]
    probe = probe_of(elf)
    with pytest.raises(TinyireeError, match=r"unicorn_cpu .*CORTEX_M33.*found 'CORTEX_M99'"):
        run_unicorn(elf, changed(unicorn_cpu="CORTEX_M99"), probe, sample)
    with pytest.raises(TinyireeError, match=r"expected memory regions that do not overlap"):
        run_unicorn(elf, changed(memory=MACHINE.memory * 2), probe, sample)
    with pytest.raises(TinyireeError, match=r"expected addresses inside of the memory .*written"):
        run_unicorn(elf, changed(memory=MACHINE.memory[:1]), probe, sample)
    with pytest.raises(TinyireeError, match=r"expected a qemu_machine"):
        run_qemu(elf, changed(qemu_machine=None), probe, sample, 1)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TinyireeError, match=r"expected qemu-system-arm .*apt install"):
        run_qemu(elf, MACHINE, probe, sample, 1)


@pytest.mark.usefixtures("needs_qemu_arm")
def test_an_unknown_qemu_machine_shows_qemus_stderr(build: Build) -> None:
    elf = build("cortex-m4")
    with pytest.raises(TinyireeError, match=r"(?s)exit code 1;.*stderr:.*unsupported machine"):
        run_qemu(elf, changed(qemu_machine="nonesuch"), probe_of(elf), SAMPLES[0], 10)


def test_no_state_is_kept_between_runs(build: Build) -> None:
    def once() -> RunResult:
        elf = build("rv32imafc")
        return run_unicorn(elf, CORES["rv32imafc"].machine, probe_of(elf), b"".join(SAMPLES))

    assert once() == once()
