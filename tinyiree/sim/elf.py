"""A linked firmware image: segments, sections, symbols."""

import struct
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from tinyiree.errors import TinyireeError
from tinyiree.sim.model import Isa

_ISA_OF_MACHINE: Mapping[str, Isa] = {"EM_ARM": "arm", "EM_RISCV": "riscv"}
# ELF-32 (System V gABI 4.1, chapter 4)
_SHF_ALLOC = 0x2
_SHF_WRITE = 0x1
_SHF_EXECINSTR = 0x4
_SHN_UNDEF = 0
_STT_NOTYPE, _STT_OBJECT, _STT_FUNC = 0, 1, 2


@dataclass(frozen=True)
class Symbol:
    """A named address. `size` in bytes, 0 when the object does not say."""

    name: str
    address: int
    size: int
    is_function: bool


@dataclass(frozen=True)
class Section:
    """A section: address and size in bytes, and its flags. `is_stored` is False for .bss."""

    name: str
    address: int
    size: int
    is_allocated: bool
    is_writable: bool
    is_executable: bool
    is_stored: bool


@dataclass(frozen=True)
class Segment:
    """Bytes to load. `address` is where they are stored (the physical address: .data lies in
    flash), `run_address` where the program uses them, `memory_size` counts the zeroes after.
    """

    address: int
    run_address: int
    data: bytes
    memory_size: int


@dataclass(frozen=True)
class Image:
    """An ELF file for a 32-bit Arm or RISC-V core. Addresses have no Thumb bit."""

    path: Path
    isa: Isa
    entry: int
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]

    @staticmethod
    def load(path: Path) -> "Image":
        """Reads `path`. Raises TinyireeError when it is no linked 32-bit Arm or RISC-V ELF."""
        try:
            with path.open("rb") as stream:
                return _read(path, ELFFile(stream))
        except OSError as error:
            raise TinyireeError(
                f"{path}: cannot be read ({error.strerror}); expected a firmware ELF file; "
                "build it first or correct the path"
            ) from error
        except (ELFError, struct.error) as error:
            raise TinyireeError(
                f"{path}: expected a firmware ELF file, found something else ({error}); "
                "give the linked .elf, not a .bin, .hex or archive"
            ) from error

    def symbol(self, name: str) -> Symbol:
        """The symbol called `name`. Raises TinyireeError when there is none."""
        found = self._by_name.get(name)
        if found is None:
            raise TinyireeError(
                f"{self.path}: expected a symbol '{name}', found {len(self.symbols)} symbols and "
                "not that one; link the object that defines it, and do not strip the file"
            )
        return found

    def function_at(self, address: int) -> Symbol | None:
        """The function that contains `address`. One without a size extends to the next one."""
        address &= ~1 if self.isa == "arm" else ~0
        index = bisect_right(self._function_addresses, address) - 1
        if index < 0:
            return None
        found = self._functions[index]
        inside = address < found.address + found.size if found.size else True
        return found if inside and self.is_code(address) else None

    def is_code(self, address: int) -> bool:
        """Whether `address` lies in an executable section."""
        return any(
            section.address <= address < section.address + section.size
            for section in self.sections
            if section.is_executable
        )

    def place(self, address: int) -> str:
        """`address` for a person to read: "name+0x12 (0x8000)"."""
        function = self.function_at(address)
        if function is None:
            return f"no known function (0x{address:08x})"
        offset = address - function.address
        suffix = f"+0x{offset:x}" if offset else ""
        return f"{function.name}{suffix} (0x{address:08x})"

    def start_address(self) -> int:
        """Where the core begins: the reset handler of the vector table that a Cortex-M image
        starts with (Armv7-M ARM, B1.5.2), the ELF entry on RISC-V. Raises TinyireeError when that
        is no code.
        """
        if self.isa == "riscv":
            if self.is_code(self.entry):
                return self.entry
            raise TinyireeError(
                f"{self.path}: expected the ELF entry point in code, found 0x{self.entry:08x}; "
                "name the startup function _start, or link with --entry"
            )
        first = self.segments[0]
        reset = int.from_bytes(first.data[4:8], "little")
        if reset & 1 and self.is_code(reset):
            return reset & ~1
        raise TinyireeError(
            f"{self.path}: expected a vector table at the start of the image "
            f"(0x{first.address:08x}: initial stack pointer, reset handler with the Thumb bit), "
            f"found 0x{reset:08x} as the reset handler; place the vector table first "
            "in the linker script"
        )

    def read(self, address: int, size: int) -> bytes:
        """Bytes that are loaded at an address; raises TinyireeError where nothing is."""
        for segment in self.segments:
            start = address - segment.run_address
            if start >= 0 and start + size <= len(segment.data):
                return segment.data[start : start + size]
        raise TinyireeError(
            f"{self.path.name}: expected {size} bytes of code at {address:#x}, found none loaded "
            "there; the run jumped out of the image"
        )

    def section_size(self, name: str) -> int:
        """Bytes of the section called `name`, 0 when there is none."""
        return sum(section.size for section in self.sections if section.name == name)

    @cached_property
    def _by_name(self) -> dict[str, Symbol]:
        return {symbol.name: symbol for symbol in self.symbols}

    @cached_property
    def _functions(self) -> tuple[Symbol, ...]:
        # Among aliases the one with a size is the better name, hence last.
        functions = (symbol for symbol in self.symbols if symbol.is_function)
        return tuple(sorted(functions, key=lambda symbol: (symbol.address, symbol.size)))

    @cached_property
    def _function_addresses(self) -> tuple[int, ...]:
        return tuple(symbol.address for symbol in self._functions)


def _read(path: Path, elf: ELFFile) -> Image:
    isa = _ISA_OF_MACHINE.get(str(elf["e_machine"]))
    if isa is None or elf.elfclass != 32 or not elf.little_endian:
        raise TinyireeError(
            f"{path}: expected a little-endian 32-bit Arm or RISC-V ELF file, found "
            f"{elf['e_machine']} with {elf.elfclass} bits; build it for one of the targets"
        )
    segments = tuple(
        Segment(s["p_paddr"], s["p_vaddr"], bytes(s.data()), s["p_memsz"])
        for s in elf.iter_segments("PT_LOAD")
        if s["p_memsz"]
    )
    if not segments:
        raise TinyireeError(
            f"{path}: expected a linked firmware with load segments, found none; "
            "this is an object file: link it first"
        )
    entry = int(elf["e_entry"])
    return Image(
        path=path,
        isa=isa,
        entry=entry & ~1 if isa == "arm" else entry,
        segments=tuple(sorted(segments, key=lambda segment: segment.address)),
        sections=_read_sections(elf),
        symbols=_read_symbols(elf, isa),
    )


def _read_sections(elf: ELFFile) -> tuple[Section, ...]:
    return tuple(
        Section(
            name=section.name,
            address=section["sh_addr"],
            size=section["sh_size"],
            is_allocated=bool(section["sh_flags"] & _SHF_ALLOC),
            is_writable=bool(section["sh_flags"] & _SHF_WRITE),
            is_executable=bool(section["sh_flags"] & _SHF_EXECINSTR),
            is_stored=section["sh_type"] != "SHT_NOBITS",
        )
        for section in elf.iter_sections()
        if section.name
    )


def _read_symbols(elf: ELFFile, isa: Isa) -> tuple[Symbol, ...]:
    # Not by the library's iterator: at 50 us a symbol, a soft-float image would take 0.4 s.
    table = elf.get_section_by_name(".symtab")
    if table is None:
        return ()
    names = bytes(elf.get_section(table["sh_link"]).data())
    symbols = []
    for name_at, value, size, info, _, section in struct.iter_unpack("<IIIBBH", table.data()):
        kind = info & 0xF
        if kind not in (_STT_NOTYPE, _STT_OBJECT, _STT_FUNC) or section == _SHN_UNDEF:
            continue
        name = names[name_at : names.index(b"\0", name_at)].decode("utf-8", "replace")
        # Mapping symbols ($t, $d, $x) mark code and data, and name nothing.
        if not name or name.startswith("$"):
            continue
        is_function = kind == _STT_FUNC
        if is_function and isa == "arm":
            value &= ~1
        symbols.append(Symbol(name, value, size, is_function))
    return tuple(symbols)
