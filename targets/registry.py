"""Which cores, chips and boards there are: the package's own TOML files and those of others.

A package adds some with an entry point whose value is a directory of TOML files (`str` or `Path`)
or a function without arguments that returns one. The groups are ``tinyiree.targets`` (cores),
``tinyiree.chips`` and ``tinyiree.boards``::

    [project.entry-points."tinyiree.targets"]
    acme = "acme_tinyiree:cores_directory"
"""

import difflib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tinyiree.errors import TinyireeError
from tinyiree.targets.board import Board, Chip
from tinyiree.targets.board_reader import read_board, read_chip
from tinyiree.targets.model import Core
from tinyiree.targets.reader import read_core

ENTRY_POINT_GROUP = "tinyiree.targets"
_OWN = Path(__file__).parent


@dataclass(frozen=True)
class _Kind:
    """A kind of TOML files: what it is called, where ours are, where other packages name theirs."""

    word: str
    folder: str
    group: str

    def files(self) -> dict[str, Path]:
        """All files by name. Raises TinyireeError for a broken entry point."""
        files = {path.stem: path for path in sorted((_OWN / self.folder).glob("*.toml"))}
        for point in metadata.entry_points(group=self.group):
            for path in sorted(_entry_point_directory(point).glob("*.toml")):
                if path.stem in files:
                    raise TinyireeError(
                        f"{self.word} '{path.stem}': expected one definition, found "
                        f"{files[path.stem]} and {path} (entry point '{point.name}'); rename the "
                        "one of the added package"
                    )
                files[path.stem] = path
        return files

    def file(self, name: str) -> Path:
        """The file of a name. Raises TinyireeError for an unknown one, with the known ones."""
        files = self.files()
        if name in files:
            return files[name]
        close = difflib.get_close_matches(name, files, n=1, cutoff=0.5)
        hint = f"did you mean '{close[0]}'? " if close else ""
        raise TinyireeError(
            f"{self.word} '{name}': expected one of {', '.join(sorted(files))}; found no such "
            f"one; {hint}Choose one, or add a TOML file by the entry-point group '{self.group}'"
        )


_CORES = _Kind("target", "cores", ENTRY_POINT_GROUP)
_CHIPS = _Kind("chip", "chips", "tinyiree.chips")
_BOARDS = _Kind("board", "boards", "tinyiree.boards")


def names() -> tuple[str, ...]:
    """Names of all known cores, sorted. Raises TinyireeError for a broken entry point."""
    return tuple(sorted(_CORES.files()))


def load(name: str) -> Core:
    """The core called `name`, read anew from its file.

    Raises TinyireeError for an unknown name (listing the known ones) and for a bad file.
    """
    return read_core(_CORES.file(name))


def chip_names() -> tuple[str, ...]:
    """Names of all known chips, sorted. Raises TinyireeError for a broken entry point."""
    return tuple(sorted(_CHIPS.files()))


def load_chip(name: str) -> Chip:
    """The chip called `name`. Raises TinyireeError for an unknown name and for a bad file."""
    return read_chip(_CHIPS.file(name))


def board_names() -> tuple[str, ...]:
    """Names of all known boards, sorted. Raises TinyireeError for a broken entry point."""
    return tuple(sorted(_BOARDS.files()))


def load_board(name: str) -> Board:
    """The board called `name`, with its chip.

    Raises TinyireeError for an unknown name and for a bad file.
    """
    return read_board(_BOARDS.file(name), load_chip)


def _entry_point_directory(point: metadata.EntryPoint) -> Path:
    try:
        value = point.load()
        directory = Path(value() if callable(value) else value)
    except Exception as error:  # whatever a third party's import or function raises
        raise TinyireeError(
            f"entry point '{point.name}' ({point.value}) of group '{point.group}': expected "
            f"a directory of TOML files or a function that returns one, found {error!r}; repair or "
            "uninstall the package that declares it"
        ) from error
    if not directory.is_dir():
        raise TinyireeError(
            f"entry point '{point.name}' ({point.value}) of group '{point.group}': expected "
            f"an existing directory, found {directory}; repair the package that declares it"
        )
    return directory
