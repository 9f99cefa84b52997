"""Chips and boards: what memory there is, how fast, and which core."""

from dataclasses import dataclass
from itertools import pairwise

from tinyiree.errors import TinyireeError
from tinyiree.targets.model import MemoryRegion


@dataclass(frozen=True)
class Memory(MemoryRegion):
    """A memory of a chip or board.

    Attributes:
        wait_states: cycles that an access waits at the stated clock when no cache or prefetch
            helps; 0 for tightly coupled memory.
    """

    wait_states: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.wait_states <= 100:
            raise TinyireeError(
                f"memory '{self.name}': expected 0 to 100 wait states, found {self.wait_states}; "
                "correct the number"
            )


@dataclass(frozen=True)
class Chip:
    """A microcontroller.

    Attributes:
        name: as in `build --board`'s report, the file's name.
        vendor: who makes it.
        description: one line.
        source: the documents that the facts are from.
        core: name of the core that its code is built for.
        clock_hz: the highest clock of that core.
        flash: memories that hold code and constants, the usual one first; empty when only boards
            add one.
        ram: banks for data, the preferred one first; those that lie side by side are one bank.
    """

    name: str
    vendor: str
    description: str
    source: str
    core: str
    clock_hz: int
    flash: tuple[Memory, ...]
    ram: tuple[Memory, ...]

    def __post_init__(self) -> None:
        if not 100_000 <= self.clock_hz <= 2_000_000_000:
            raise TinyireeError(
                f"chip '{self.name}': expected clock_hz between 100_000 and 2_000_000_000, found "
                f"{self.clock_hz}; correct the number"
            )
        if not self.ram:
            raise TinyireeError(f"chip '{self.name}': expected [[ram]], found none; add a bank")
        check_apart(f"chip '{self.name}'", (*self.flash, *self.ram))


@dataclass(frozen=True)
class Board:
    """Something that one can buy, with a chip on it.

    Attributes:
        name: as in `build --board`.
        vendor: who makes it.
        description: one line.
        source: the documents that the facts are from.
        chip: the chip on it.
        clock_hz: the clock that its usual firmware sets.
        flash: memories that hold code and constants, the usual one first.
        ram: banks for data, the preferred one first.
    """

    name: str
    vendor: str
    description: str
    source: str
    chip: Chip
    clock_hz: int
    flash: tuple[Memory, ...]
    ram: tuple[Memory, ...]

    def __post_init__(self) -> None:
        if not self.flash:
            raise TinyireeError(
                f"board '{self.name}': expected a flash, found none on it or on chip "
                f"'{self.chip.name}'; add [[flash]]"
            )
        if self.clock_hz > self.chip.clock_hz:
            raise TinyireeError(
                f"board '{self.name}': expected clock_hz of at most {self.chip.clock_hz}, that of "
                f"chip '{self.chip.name}', found {self.clock_hz}; correct one of them"
            )
        check_apart(f"board '{self.name}'", (*self.flash, *self.ram))

    @property
    def core(self) -> str:
        """Name of the core that code is built for."""
        return self.chip.core

    @property
    def flash_bytes(self) -> int:
        """Of the usual flash."""
        return self.flash[0].size_bytes

    @property
    def ram_bytes(self) -> int:
        """Of all banks."""
        return sum(bank.size_bytes for bank in self.ram)


def check_apart(owner: str, memories: tuple[Memory, ...]) -> None:
    """Raises TinyireeError when two memories share an address or a name."""
    ordered = sorted(memories, key=lambda memory: memory.base)
    for low, high in pairwise(ordered):
        if low.end > high.base:
            raise TinyireeError(
                f"{owner}: memories '{low.name}' ({low.base:#x}..{low.end:#x}) and "
                f"'{high.name}' (from {high.base:#x}) overlap; move or shrink one"
            )
    names = [memory.name for memory in memories]
    for name in names:
        if names.count(name) > 1:
            raise TinyireeError(f"{owner}: two memories are called '{name}'; rename one")
