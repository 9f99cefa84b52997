"""Reading a linked firmware."""

import dataclasses
from pathlib import Path

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.sim import Image

from .conftest import CORES, Build


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imac"])
def test_symbols_functions_and_segments(core: str, build: Build) -> None:
    image = Image.load(build(core, "-DFAULT_LOOP"))  # the loop has a variable in .bss
    assert image.isa == CORES[core].machine.isa
    invoke = image.symbol("tinyiree_invoke")
    assert invoke.is_function
    assert invoke.size > 10
    assert invoke.address % 2 == 0
    for offset in (0, invoke.size - 1):
        found = image.function_at(invoke.address + offset)
        assert found is not None
        assert found.name == "tinyiree_invoke"
    assert image.place(invoke.address + 4) == f"tinyiree_invoke+0x4 (0x{invoke.address + 4:08x})"
    scale = image.symbol("scale")
    assert (scale.is_function, scale.size) == (False, 4)
    assert image.function_at(scale.address) is None
    assert image.section_size(".data") == 4
    assert image.section_size(".nothing") == 0
    flash = image.segments[0]
    assert flash.address == CORES[core].flash.base
    assert len(flash.data) <= flash.memory_size
    text = next(section for section in image.sections if section.name == ".text")
    assert (text.is_executable, text.is_writable, text.is_stored) == (True, False, True)
    bss = next(section for section in image.sections if section.name == ".bss")
    assert (bss.is_writable, bss.is_stored) == (True, False)


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imac"])
def test_the_start_is_found_and_must_be_code(core: str, build: Build) -> None:
    image = Image.load(build(core))
    assert image.start_address() == image.symbol("_start").address
    first = dataclasses.replace(image.segments[0], data=bytes(8))
    broken = dataclasses.replace(image, segments=(first,), entry=0)
    with pytest.raises(TinyireeError, match=r"vector table|entry point"):
        broken.start_address()


def test_entry_has_no_thumb_bit(build: Build) -> None:
    image = Image.load(build("cortex-m4"))
    assert image.entry == image.symbol("_start").address
    assert image.function_at(image.entry | 1) == image.symbol("_start")


def test_a_missing_symbol_is_named(build: Build) -> None:
    with pytest.raises(TinyireeError, match=r"expected a symbol 'nonesuch', found \d+ symbols"):
        Image.load(build("cortex-m4")).symbol("nonesuch")


def test_files_that_are_no_firmware(tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match=r"missing\.elf: cannot be read"):
        Image.load(tmp_path / "missing.elf")
    text = tmp_path / "text.elf"
    text.write_text("not an ELF file, but long enough to hold a header of one" * 4)
    with pytest.raises(TinyireeError, match=r"text\.elf: expected a firmware ELF file"):
        Image.load(text)
    text.write_bytes(b"\x7fELF\x01\x01")
    with pytest.raises(TinyireeError, match=r"text\.elf: expected a firmware ELF file"):
        Image.load(text)
    with pytest.raises(TinyireeError, match=r"expected a little-endian 32-bit Arm or RISC-V"):
        Image.load(Path("/bin/sh").resolve())
