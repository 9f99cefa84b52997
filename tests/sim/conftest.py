"""Cores to simulate, and a firmware to run on them, compiled by zig."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tinyiree.sim import Image, Machine, Probe, Region

HERE = Path(__file__).parent
Build = Callable[..., Path]


@dataclass(frozen=True)
class Core:
    machine: Machine
    flags: tuple[str, ...]

    @property
    def flash(self) -> Region:
        return self.machine.memory[0]

    @property
    def ram(self) -> Region:
        return self.machine.memory[1]


def _arm(
    unicorn: str | None, machine: str, cpu: str | None, base: int, ram: int, *flags: str
) -> Core:
    fpu = "-DFPU" in flags
    regions = (Region("flash", base, 0x40000), Region("ram", ram, 0x4000))
    abi = "eabihf" if fpu else "eabi"
    return Core(
        Machine("arm", unicorn, machine, cpu, fpu, regions),
        ("-target", f"thumb-freestanding-{abi}", *flags),
    )


def _riscv(unicorn: str, cpu: str, *flags: str) -> Core:
    regions = (Region("flash", 0x8000_0000, 0x40000), Region("ram", 0x8010_0000, 0x4000))
    return Core(
        Machine("riscv", unicorn, "virt", cpu, "-DFPU" in flags, regions),
        ("-target", "riscv32-freestanding", *flags),
    )


_NO_FD = "rv32,f=off,d=off"
CORES = {
    "cortex-m0": _arm("CORTEX_M0", "microbit", None, 0, 0x2000_0000, "-mcpu=cortex_m0"),
    "cortex-m3": _arm(
        "CORTEX_M3", "mps2-an385", None, 0, 0x2000_0000, "-mcpu=cortex_m3", "-DTHUMB2"
    ),
    "cortex-m4": _arm(
        "CORTEX_M4", "mps2-an386", None, 0, 0x2000_0000, "-mcpu=cortex_m4+vfp4d16sp",
        "-DTHUMB2", "-DFPU",
    ),
    "cortex-m7": _arm(
        "CORTEX_M7", "mps2-an500", None, 0, 0x2000_0000, "-mcpu=cortex_m7+fp_armv8d16sp",
        "-DTHUMB2", "-DFPU",
    ),
    "cortex-m33": _arm(
        "CORTEX_M33", "mps2-an505", None, 0x1000_0000, 0x3800_0000,
        "-mcpu=cortex_m33+fp_armv8d16sp", "-DTHUMB2", "-DFPU",
    ),
    "cortex-m55": _arm(
        None, "mps3-an547", None, 0, 0x2000_0000, "-mcpu=cortex_m55+mve_fp",
        "-DTHUMB2", "-DFPU", "-DMVE",
    ),
    "rv32im": _riscv("SIFIVE_E31", f"{_NO_FD},a=off,c=off", "-mcpu=generic_rv32+m"),
    "rv32imac": _riscv("SIFIVE_E31", _NO_FD, "-mcpu=generic_rv32+m+a+c"),
    "rv32imafc": _riscv(
        "ANY", "rv32,d=off", "-mcpu=generic_rv32+m+a+c+f", "-mabi=ilp32f", "-DFPU"
    ),
}  # fmt: skip


def probe_of(elf: Path) -> Probe:
    image = Image.load(elf)
    steps = ("step_add", "step_scale", "step_long")
    return Probe(
        image.symbol("tinyiree_invoke").address, tuple(image.symbol(s).address for s in steps)
    )


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Returns a function that builds the test firmware for a core, once for each set of flags."""
    done: dict[tuple[object, ...], Path] = {}

    def build_once(core: str, *extra: str) -> Path:
        if (core, extra) not in done:
            output = tmp_path_factory.mktemp("firmware") / f"{core}.elf"
            _compile(CORES[core], extra, output)
            done[core, extra] = output
        return done[core, extra]

    return build_once


def _compile(core: Core, extra: Sequence[str], output: Path) -> None:
    support = "support_arm.S" if core.machine.isa == "arm" else "support_riscv.S"
    values = {
        "FLASH_ORIGIN": core.flash.base, "RAM_ORIGIN": core.ram.base, "RAM_BYTES": core.ram.size,
    }  # fmt: skip
    text = (HERE / "link.ld").read_text()
    for name, value in values.items():
        text = text.replace(f"${name}", hex(value))
    script = output.with_suffix(".ld")
    script.write_text(text)
    command = [sys.executable, "-m", "ziglang", "cc", *core.flags, *extra, "-O2", "-g0"]
    command += ["-ffreestanding", "-fno-sanitize=all", "-Wall", "-Wextra", "-Werror"]
    command += [f"-Wl,-T,{script}", str(HERE / "firmware.c"), str(HERE / support)]
    done = subprocess.run([*command, "-o", str(output)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
