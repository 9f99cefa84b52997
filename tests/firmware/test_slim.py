"""Diagnostic tables leave IREE's object file; what they say is checked and returned."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tinyiree.errors import TinyireeError
from tinyiree.firmware import Export, slim_library
from tinyiree.targets import Core, load, names

Directory = Callable[[Core], Path]
EXPORTS = (
    Export("main_dispatch_0_matmul_4x5x8_f32", 2, 0),
    Export("main_dispatch_1_matmul_4x4x5_i8xi8xi32", 2, 0),
    Export("main_dispatch_2_matmul_4x5x4_i32xi8xi32", 3, 0),
)


@pytest.fixture
def library(private_duo: Path) -> Path:
    return private_duo / "library.o"


def offset_of(path: Path, suffix: str) -> int:
    """Place in the file of the object whose symbol ends with the suffix."""
    elf = ELFFile(io.BytesIO(path.read_bytes()))
    for symbol in elf.get_section_by_name(".symtab").iter_symbols():
        if symbol.name.endswith(suffix):
            return int(elf.get_section(symbol["st_shndx"])["sh_offset"] + symbol["st_value"])
    raise AssertionError(suffix)


def patch(path: Path, offset: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)


@pytest.mark.parametrize("name", names())
def test_exports(name: str, duo: Directory, tmp_path: Path) -> None:
    library = tmp_path / "library.o"
    library.write_bytes((duo(load(name)) / "library.o").read_bytes())
    assert slim_library(library) == EXPORTS


def test_twice_is_once(library: Path) -> None:
    slim_library(library)
    once = library.read_bytes()
    assert slim_library(library) == EXPORTS
    assert library.read_bytes() == once


def test_local_memory_is_refused(library: Path) -> None:
    # Attributes of export 1 (64 bytes each): local_memory_pages is a uint16 at byte 8.
    patch(library, offset_of(library, "_query_v0_attrs") + 64 + 8, b"\x02\0")
    before = library.read_bytes()
    with pytest.raises(TinyireeError, match=r"'main_dispatch_1_\w+': .* found 2 page"):
        slim_library(library)
    assert library.read_bytes() == before


def test_other_abi_version_is_refused(library: Path) -> None:
    patch(library, offset_of(library, "_query_v0_header"), b"\x07")
    with pytest.raises(TinyireeError, match="found ABI version 7"):
        slim_library(library)


def test_other_object_is_refused(library: Path) -> None:
    content = library.read_bytes().replace(b"_library_query_v0", b"_library_quest_v0")
    library.write_bytes(content)
    with pytest.raises(TinyireeError, match="found none of its tables: attributes, functions"):
        slim_library(library)


@pytest.mark.parametrize("content", [b"", b"text", b"\x7fELF" + bytes(60)])
def test_no_object_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "library.o"
    path.write_bytes(content)
    with pytest.raises(TinyireeError, match="expected a 32-bit object file of an IREE static"):
        slim_library(path)
