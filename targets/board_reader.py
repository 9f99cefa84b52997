"""TOML files -> `Chip` and `Board`."""

from collections.abc import Callable
from pathlib import Path

from tinyiree.errors import TinyireeError
from tinyiree.targets.board import Board, Chip, Memory
from tinyiree.targets.table import Table, read_table


def read_chip(path: Path) -> Chip:
    """Read one chip from a TOML file; the file's stem must be its name.

    Raises TinyireeError (file, key, expected, found, remedy).
    """
    top = read_table(path, "chip")
    try:
        chip = Chip(
            name=path.stem,
            vendor=top.take("vendor", str),
            description=top.take("description", str),
            source=top.take("source", str),
            core=top.take("core", str),
            clock_hz=top.take("clock_hz", int),
            flash=_memories(top, "flash"),
            ram=_memories(top, "ram"),
        )
    except TinyireeError as error:
        raise _in_file(path, error) from error
    top.done()
    return chip


def read_board(path: Path, load_chip: Callable[[str], Chip]) -> Board:
    """Read one board from a TOML file, with its chip.

    The board's own memories come after those of the chip.

    Raises TinyireeError (file, key, expected, found, remedy).
    """
    top = read_table(path, "board")
    try:
        chip = load_chip(top.take("chip", str))
        flash, ram = _memories(top, "flash"), _memories(top, "ram")
        board = Board(
            name=path.stem,
            vendor=top.take("vendor", str),
            description=top.take("description", str),
            source=top.take("source", str),
            chip=chip,
            clock_hz=top.take("clock_hz", int, chip.clock_hz),
            flash=(*chip.flash, *flash),
            ram=(*chip.ram, *ram),
        )
    except TinyireeError as error:
        raise _in_file(path, error) from error
    top.done()
    return board


def _memories(top: Table, key: str) -> tuple[Memory, ...]:
    found = []
    for table in top.tables(key):
        memory = Memory(
            table.take("name", str),
            table.take("base", int),
            table.take("size_bytes", int),
            table.take("wait_states", int, 0),
        )
        table.done()
        found.append(memory)
    return tuple(found)


def _in_file(path: Path, error: TinyireeError) -> TinyireeError:
    text = str(error)
    return error if text.startswith(str(path)) else TinyireeError(f"{path}: {text}")
