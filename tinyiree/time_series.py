"""Labelled time series in `.ts` files, the format of the UCR and UEA archives.

The wheel of aeon (PyPI) carries some of these data sets. aeon needs numba and pandas, which no
sample does: its files are found without importing it, so `pip install --no-deps aeon` is enough.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyiree.data import VARIABLE, data_folder
from tinyiree.errors import TinyireeError

SUFFIX = ".ts"


def locate_series(name: str) -> Path | None:
    """Where the file `name`, such as "ACSF1_TRAIN.ts", lies: in $TINYIREE_DATA, in aeon, or None.

    aeon keeps it as datasets/data/ACSF1/ACSF1_TRAIN.ts. No other kind of file is looked for.
    """
    if not name.endswith(SUFFIX):
        return None
    folders = []
    if (own := data_folder()) is not None:
        folders.append(own)
    spec = importlib.util.find_spec("aeon")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folders.append(Path(place) / "datasets" / "data" / name.rpartition("_")[0])
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def load_series(name: str) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The series of the file `name`, float32 [N, channels, length], and the class of each.

    Raises:
        TinyireeError: the file is not there, or does not hold labelled series of one length.
    """
    path = locate_series(name)
    if path is None:
        raise TinyireeError(
            f"data file {name} is needed, and is neither in the folder that {VARIABLE} names nor "
            "in an installed aeon; run: pip install --no-deps aeon"
        )
    series, labels = [], []
    try:
        for line in _body(path):
            *channels, label = line.split(":")
            series.append([[float(value) for value in text.split(",")] for text in channels])
            labels.append(label)
        found = np.array(series, np.float32)
    except (OSError, ValueError) as error:
        raise _wrong(path, str(error)) from error
    if found.ndim != 3 or not found.size or not all(labels):
        raise _wrong(path, f"{len(series)} lines of data, or some without a class")
    if not np.isfinite(found).all():
        raise _wrong(path, "missing values")
    return found, tuple(labels)


def _body(path: Path) -> list[str]:
    """The lines after @data."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    for i, line in enumerate(lines):
        if line.lower() == "@data":
            return [line for line in lines[i + 1 :] if line]
    raise ValueError("no line @data")


def _wrong(path: Path, found: str) -> TinyireeError:
    return TinyireeError(
        f"{path}: expected a .ts file of labelled series, all of one length, found: {found}; "
        "restore the file"
    )
