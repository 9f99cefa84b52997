"""Which cores there are: the package's own TOML files and those of installed packages.

A package adds cores with an entry point of the group ``tinyiree.targets`` whose value is a
directory of TOML files (`str` or `Path`) or a function without arguments that returns one::

    [project.entry-points."tinyiree.targets"]
    acme = "acme_tinyiree:cores_directory"
"""

import difflib
from importlib import metadata
from pathlib import Path

from tinyiree.errors import TinyireeError
from tinyiree.targets.model import Core
from tinyiree.targets.reader import read_core

ENTRY_POINT_GROUP = "tinyiree.targets"
_OWN_DIRECTORY = Path(__file__).parent / "cores"


def names() -> tuple[str, ...]:
    """Names of all known cores, sorted. Raises TinyireeError for a broken entry point."""
    return tuple(sorted(_files()))


def load(name: str) -> Core:
    """The core called `name`, read anew from its file.

    Raises TinyireeError for an unknown name (listing the known ones) and for a bad file.
    """
    files = _files()
    if name not in files:
        close = difflib.get_close_matches(name, files, n=1, cutoff=0.5)
        hint = f"did you mean '{close[0]}'? " if close else ""
        raise TinyireeError(
            f"target '{name}': expected one of {', '.join(sorted(files))}; found no such core; "
            f"{hint}Choose one, or add a TOML file by the entry-point group '{ENTRY_POINT_GROUP}'"
        )
    return read_core(files[name])


def _files() -> dict[str, Path]:
    files = {path.stem: path for path in sorted(_OWN_DIRECTORY.glob("*.toml"))}
    for point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        for path in sorted(_entry_point_directory(point).glob("*.toml")):
            if path.stem in files:
                raise TinyireeError(
                    f"target '{path.stem}': expected one definition, found {files[path.stem]} and "
                    f"{path} (entry point '{point.name}'); rename the core of the added package"
                )
            files[path.stem] = path
    return files


def _entry_point_directory(point: metadata.EntryPoint) -> Path:
    try:
        value = point.load()
        directory = Path(value() if callable(value) else value)
    except Exception as error:  # whatever a third party's import or function raises
        raise TinyireeError(
            f"entry point '{point.name}' ({point.value}) of group '{ENTRY_POINT_GROUP}': expected "
            f"a directory of TOML files or a function that returns one, found {error!r}; repair or "
            "uninstall the package that declares it"
        ) from error
    if not directory.is_dir():
        raise TinyireeError(
            f"entry point '{point.name}' ({point.value}) of group '{ENTRY_POINT_GROUP}': expected "
            f"an existing directory, found {directory}; repair the package that declares it"
        )
    return directory
