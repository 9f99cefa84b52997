"""Drops what a static library from IREE carries for diagnostics only.

IREE's library table points to 64 bytes of attributes and a name for each dispatch: about 100 bytes
of flash a dispatch that `tinyiree.c` never reads. Here the relocations of those pointers are made
void in the object file, so that they become NULL and the linker's garbage collection drops the
tables. What they say is checked and returned first.

Layout: IREE, runtime/src/iree/hal/local/executable_library.h, ABI version 0.6, 32-bit; object
format: System V ABI, ELF, "Relocation" (Rel on Arm, Rela on RISC-V, symbol 0 type 0 is void).
"""

import io
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection

from tinyiree.errors import TinyireeError

_ABI_VERSION = 6
_HEADER_NAME = 4
_LIBRARY_ATTRIBUTES = 20  # first pointer after export_functions
_ATTRIBUTES_BYTES = 64


@dataclass(frozen=True)
class Export:
    """One dispatch of a library, in order of its ordinal."""

    name: str
    binding_count: int
    constant_count: int


@dataclass(frozen=True)
class _Table:
    """A named object of the library: its section, and its range in the file."""

    section: int
    value: int
    offset: int
    size: int


def slim_library(path: Path) -> tuple[Export, ...]:
    """Rewrite IREE's object file `path` in place; returns its exports by ordinal.

    May be applied again. Raises TinyireeError if the file is no 32-bit object of a static library
    of ABI version 0.6, or if a dispatch wants workgroup-local memory, which the runtime lacks.
    """
    data = bytearray(path.read_bytes())
    try:
        elf = ELFFile(io.BytesIO(bytes(data)))
        symbols = elf.get_section_by_name(".symtab")
        if symbols is None or elf.elfclass != 32 or not elf.little_endian:
            raise TinyireeError(_unexpected(path, "another kind of ELF file"))
        tables = _tables(path, elf, symbols)
        (version,) = struct.unpack_from("<I", data, tables["header"].offset)
        if version != _ABI_VERSION:
            raise TinyireeError(_unexpected(path, f"ABI version {version}"))
        exports = _exports(path, elf, symbols, tables, data)
        _void_relocations(elf, tables["library"], _LIBRARY_ATTRIBUTES, 64, data)
        _void_relocations(elf, tables["header"], _HEADER_NAME, _HEADER_NAME + 4, data)
    except (ELFError, struct.error) as error:
        raise TinyireeError(_unexpected(path, str(error))) from error
    path.write_bytes(data)
    return exports


def _unexpected(path: Path, found: str) -> str:
    return (
        f"{path}: expected a 32-bit object file of an IREE static library of ABI version "
        f"0.{_ABI_VERSION}, found {found}; compile with --iree-llvmcpu-link-static and IREE 3.13"
    )


def drop_exports(path: Path, names: Collection[str]) -> None:
    """Make exports of a library NULL, in place, so that the linker drops their code and constants.

    What else is in the object file stays. Raises TinyireeError as `slim_library` does.
    """
    data = bytearray(path.read_bytes())
    elf = ELFFile(io.BytesIO(bytes(data)))
    symbols = elf.get_section_by_name(".symtab")
    tables = _tables(path, elf, symbols)
    for ordinal, export in enumerate(_exports(path, elf, symbols, tables, data)):
        if export.name in names:
            _void_relocations(elf, tables["functions"], 4 * ordinal, 4 * ordinal + 4, data)
    path.write_bytes(bytes(data))


def _tables(path: Path, elf: ELFFile, symbols: Any) -> dict[str, _Table]:
    suffixes = {
        "_library_query_v0": "library",
        "_library_query_v0_header": "header",
        "_library_query_v0_funcs": "functions",
        "_library_query_v0_attrs": "attributes",
    }
    tables: dict[str, _Table] = {}
    for symbol in symbols.iter_symbols():
        for suffix, key in suffixes.items():
            if symbol.name.endswith(suffix) and isinstance(symbol["st_shndx"], int):
                index, value = symbol["st_shndx"], symbol["st_value"]
                offset = elf.get_section(index)["sh_offset"] + value
                tables[key] = _Table(index, value, offset, symbol["st_size"])
    if missing := set(suffixes.values()) - set(tables):
        raise TinyireeError(_unexpected(path, f"none of its tables: {', '.join(sorted(missing))}"))
    return tables


def _exports(
    path: Path, elf: ELFFile, symbols: Any, tables: dict[str, _Table], data: bytearray
) -> tuple[Export, ...]:
    functions = tables["functions"]
    names = {
        relocation["r_offset"] - functions.value: symbols.get_symbol(relocation["r_info_sym"]).name
        for section in _relocation_sections(elf, functions.section)
        for relocation in section.iter_relocations()
    }
    exports = []
    for ordinal in range(functions.size // 4):
        name = names.get(4 * ordinal, "")
        if not name:
            raise TinyireeError(_unexpected(path, f"no function for export {ordinal}"))
        pages, constants, bindings = struct.unpack_from(
            "<HBB", data, tables["attributes"].offset + _ATTRIBUTES_BYTES * ordinal + 8
        )
        if pages:
            raise TinyireeError(
                f"{path}: dispatch '{name}': expected no workgroup-local memory, found {pages} "
                "page(s) of 4096 bytes; choose a lowering that keeps scratch on the stack or in "
                "the arena"
            )
        exports.append(Export(name, bindings, constants))
    return tuple(exports)


def _relocation_sections(elf: ELFFile, target: int) -> list[RelocationSection]:
    return [
        section
        for section in elf.iter_sections()
        if isinstance(section, RelocationSection) and section["sh_info"] == target
    ]


def _void_relocations(elf: ELFFile, table: _Table, start: int, end: int, data: bytearray) -> None:
    """Turn the pointers at bytes start..end of a table into NULL."""
    for section in _relocation_sections(elf, table.section):
        for index, relocation in enumerate(section.iter_relocations()):
            place = relocation["r_offset"] - table.value
            if start <= place < end:
                entry = section["sh_offset"] + index * section["sh_entsize"]
                void = bytes(section["sh_entsize"] - 4)  # r_info and, in Rela, r_addend
                data[entry + 4 : entry + 4 + len(void)] = void
                data[table.offset + place : table.offset + place + 4] = bytes(4)
