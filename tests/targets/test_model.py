"""Impossible cores cannot be constructed."""

from dataclasses import replace

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.targets import Core, CycleModel, MemoryRegion, load


def refused(message: str, core: Core, **changes: object) -> None:
    with pytest.raises(TinyireeError, match=message):
        replace(core, **changes)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("cortex-m0plus", {"fpu": "single"}, "fpu on thumbv6m"),
        ("cortex-m0plus", {"dsp": True}, "dsp on thumbv6m"),
        ("cortex-m3", {"fpu": "single"}, "fpu on thumbv7m"),
        ("cortex-m3", {"dsp": True}, "dsp on thumbv7m"),
        ("cortex-m4", {"mve": True}, "mve on thumbv7em"),
        ("cortex-m33", {"mve": True}, "mve on thumbv8m.main"),
        ("cortex-m4", {"fpu": "none"}, "float_abi = 'hard' with fpu = 'none'"),
        ("cortex-m4", {"float_abi": "soft"}, "iree.triple = .* with float_abi = 'soft'"),
        ("cortex-m55", {"mve": False}, "mve = false with iree.features"),
        ("cortex-m4", {"isa": "riscv"}, "iree.triple = 'thumbv7em"),
        ("rv32imc", {"dsp": True}, "dsp or mve on RISC-V"),
        ("rv32imc", {"fpu": "single"}, "fpu = 'single' with iree.features"),
        ("rv32imafc", {"fpu": "double"}, "fpu = 'double' with iree.features"),
        ("rv32imafc", {"float_abi": "soft"}, "iree.target_abi = 'ilp32f'; expected 'ilp32'"),
    ],
)
def test_impossible_combination(name: str, changes: dict[str, object], message: str) -> None:
    refused(f"core '{name}': impossible combination: {message}", load(name), **changes)


def test_triple_of_three_parts_on_arm() -> None:
    core = load("cortex-m4")
    refused("expected four parts", core, iree=replace(core.iree, triple="thumbv7em-none-eabihf"))


def test_unknown_architecture() -> None:
    core = load("cortex-m4")
    triple = "thumbv5te-unknown-none-eabihf"
    refused("architecture 'thumbv5te'", core, iree=replace(core.iree, triple=triple))


def test_zig_target_of_another_float_abi() -> None:
    core = load("cortex-m4")
    zig = replace(core.zig, target="thumb-freestanding-eabi")
    refused("zig.target = 'thumb-freestanding-eabi'", core, zig=zig)


def test_riscv_abi_key_on_arm() -> None:
    core = load("cortex-m4")
    refused("iree.target_abi on Arm", core, iree=replace(core.iree, target_abi="ilp32"))


def test_unicorn_has_no_mve() -> None:
    core = load("cortex-m55")
    simulation = replace(core.simulation, unicorn_cpu="CORTEX_M33")
    refused("no Unicorn core", core, simulation=simulation)


@pytest.mark.parametrize(("base", "size"), [(0, 0), (0, -64), (-64, 64), (0xFFFF_FFC0, 128)])
def test_region_outside_of_address_space(base: int, size: int) -> None:
    with pytest.raises(TinyireeError, match="memory region 'ram': expected a positive size"):
        MemoryRegion("ram", base, size)


@pytest.mark.parametrize(("base", "size"), [(32, 64), (64, 100)])
def test_region_not_on_the_grid(base: int, size: int) -> None:
    with pytest.raises(TinyireeError, match="multiples of 64 bytes"):
        MemoryRegion("ram", base, size)


def test_regions_that_overlap() -> None:
    simulation = load("cortex-m4").simulation
    with pytest.raises(TinyireeError, match=r"'flash' .* and 'ram' .* overlap"):
        replace(simulation, ram=MemoryRegion("ram", simulation.flash.end - 64, 128))


@pytest.mark.parametrize("value", [-1, 101])
def test_implausible_cycles(value: int) -> None:
    with pytest.raises(TinyireeError, match=r"cycles.divide: expected 0 to 100 cycles, found"):
        CycleModel("a manual", "made up", divide=value)


def test_iree_flags() -> None:
    arm, riscv = load("cortex-m4"), load("rv32imafc")
    assert arm.iree.flags(arm.float_abi) == (
        "--iree-llvmcpu-target-triple=thumbv7em-unknown-none-eabihf",
        "--iree-llvmcpu-target-cpu=cortex-m4",
        "--iree-llvmcpu-target-cpu-features=+dsp,+vfp4d16sp",
        "--iree-llvmcpu-target-float-abi=hard",
    )
    assert riscv.iree.flags(riscv.float_abi)[-1] == "--iree-llvmcpu-target-abi=ilp32f"
