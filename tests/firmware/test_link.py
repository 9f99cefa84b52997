"""The generated linker script: where things lie, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tinyiree.errors import TinyireeError
from tinyiree.firmware import build_selftest, linker_script
from tinyiree.targets import Core, load, names

Directory = Callable[[Core], Path]


def layout(elf: Path) -> dict[str, tuple[int, int]]:
    """Address range of each section that has one."""
    with elf.open("rb") as stream:
        return {
            section.name: (section["sh_addr"], section["sh_addr"] + section["sh_size"])
            for section in ELFFile(stream).iter_sections()
            if section["sh_flags"] & 2
        }


@pytest.mark.parametrize("name", names())
def test_layout(name: str, duo: Directory, tmp_path: Path) -> None:
    core = load(name)
    elf = build_selftest(core, duo(core), "duo", tmp_path / "duo.elf", stack_bytes=2048)
    found = layout(elf)
    flash, ram = core.simulation.flash, core.simulation.ram
    vectors = core.simulation.vectors or flash
    # The table that the core fetches, or the first instruction, is the first thing there is.
    assert found[".harness.vectors"][0] == vectors.base
    assert found[".harness.stack"] == (ram.base, ram.base + 2048)
    for section in (".harness.text", ".text", ".weights", ".tables"):
        assert flash.base <= found[section][0] < found[section][1] <= flash.end
    for section in (".arena", ".model"):
        assert ram.base + 2048 <= found[section][0] < found[section][1] <= ram.end
    assert found[".arena"][0] % 64 == 0
    assert found[".arena"][1] - found[".arena"][0] == 512


def test_unused_functions_are_dropped(duo: Directory, tmp_path: Path) -> None:
    core = load("cortex-m4")
    elf = build_selftest(core, duo(core), "duo", tmp_path / "duo.elf")
    with elf.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        symbols = {symbol.name for symbol in table.iter_symbols()}
    assert "tinyiree_invoke" in symbols
    assert "__gnu_h2f_ieee" not in symbols
    assert "tinyiree_status_string" not in symbols


def test_stack_is_rounded_up() -> None:
    script = linker_script(load("cortex-m4"), 1001)
    assert ". += 1008;" in script
    assert "stack : ORIGIN = 0x20000000, LENGTH = 0x400\n" in script
    assert "ram : ORIGIN = 0x20000400, LENGTH = 0x3ffc00\n" in script


@pytest.mark.parametrize("toolchain", ["zig"])
def test_arena_larger_than_ram(private_duo: Path, toolchain: str) -> None:
    header = private_duo / "duo.h"
    text = header.read_text(encoding="utf-8").replace("ARENA_BYTES 512", "ARENA_BYTES 0x500000")
    header.write_text(text, encoding="utf-8")
    with pytest.raises(TinyireeError, match=r"'ram'.*overflowed by \d+ bytes"):
        build_selftest(load("cortex-m4"), private_duo, "duo", private_duo / "duo.elf")
