"""A program that fails is stopped, and the message says where and what to do."""

import re

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.sim import run_qemu, run_unicorn

from .conftest import CORES, Build, probe_of

SAMPLE = bytes(8)
WHERE = r" in misbehave\+?\S* .*called from tinyiree_invoke.* < main_loop.*after 0 complete inf"

FAULTS = {
    "FAULT_NULL": r"a read of unmapped memory at address 0x40000010" + WHERE,
    "FAULT_STACK": r"a write to unmapped memory at address 0x\w+ in .*recurse.*the stack has over",
    "FAULT_LOOP": r"more than 1,000,000 instructions in one inference.*"
    + WHERE
    + ".*limit_per_inf",
    "FAULT_UNDEFINED": r"an undefined instruction" + WHERE,
    "FAULT_JUMP": r"a jump to (unmapped memory|memory that .*) at address 0x40000000" + WHERE,
    "FAULT_OPERATION": r"in misbehave\S* .*semihosting: expected one of .*found 0x77",
}


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m33", "rv32imac"])
@pytest.mark.parametrize("fault", FAULTS)
def test_unicorn_names_fault_and_function(core: str, fault: str, build: Build) -> None:
    elf = build(core, f"-D{fault}")
    with pytest.raises(TinyireeError, match=FAULTS[fault]):
        run_unicorn(elf, CORES[core].machine, probe_of(elf), SAMPLE, 1_000_000)


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imac"])
def test_flash_cannot_be_written(core: str, build: Build) -> None:
    address = CORES[core].flash.base + 0x100
    elf = build(core, f"-DFAULT_FLASH={address:#x}")
    expected = f"a write to read-only memory at address 0x{address:08x}" + WHERE
    with pytest.raises(TinyireeError, match=expected):
        run_unicorn(elf, CORES[core].machine, probe_of(elf), SAMPLE)


def test_armv6m_cannot_access_misaligned_words(build: Build) -> None:
    elf = build("cortex-m0", "-DFAULT_MISALIGNED")
    with pytest.raises(TinyireeError, match="a misaligned access" + WHERE):
        run_unicorn(elf, CORES["cortex-m0"].machine, probe_of(elf), SAMPLE)


@pytest.mark.usefixtures("needs_qemu_arm")
def test_qemu_says_where_a_program_hangs(build: Build) -> None:
    elf = build("cortex-m4", "-DFAULT_LOOP")
    with pytest.raises(TinyireeError, match="still running after 1 seconds on QEMU" + WHERE):
        run_qemu(elf, CORES["cortex-m4"].machine, probe_of(elf), SAMPLE, 1.0)


@pytest.mark.usefixtures("needs_qemu_arm")
def test_qemu_stops_an_endless_recursion(build: Build) -> None:
    elf = build("cortex-m4", "-DFAULT_STACK")  # the machine has RAM below, too
    with pytest.raises(TinyireeError, match=r"more than 65,536 nested calls in .*recurse.*after 0"):
        run_qemu(elf, CORES["cortex-m4"].machine, probe_of(elf), SAMPLE, 20.0)


@pytest.mark.usefixtures("needs_qemu_arm")
def test_qemus_own_complaint_is_shown(build: Build) -> None:
    elf = build("cortex-m4", "-DFAULT_OPERATION")
    with pytest.raises(TinyireeError) as caught:
        run_qemu(elf, CORES["cortex-m4"].machine, probe_of(elf), SAMPLE, 10.0)
    assert re.search(r"Unsupported SemiHosting SWI 0x77", str(caught.value))


@pytest.mark.usefixtures("needs_qemu_arm")
def test_qemu_hands_out_what_the_exception_handler_says(build: Build) -> None:
    elf = build("cortex-m4", "-DFAULT_UNDEFINED")
    result = run_qemu(elf, CORES["cortex-m4"].machine, probe_of(elf), SAMPLE, 10.0)
    assert (result.exit_code, result.console) == (1, "exception\n")
    assert result.inferences == ()
