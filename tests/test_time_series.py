"""Reading `.ts` files, found in $TINYIREE_DATA or in an installed aeon that is never imported."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tinyiree.data import VARIABLE
from tinyiree.errors import TinyireeError
from tinyiree.time_series import load_series, locate_series

TWO = "# a comment\n@problemName Two\n@Data\n1,2,3:4,5,6:up\n\n-1,0.5,0:0,0,7:down\n"
NAME = "Two_TRAIN.ts"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


def test_series_and_classes_are_read(folder: Path) -> None:
    (folder / NAME).write_text(TWO)
    series, labels = load_series(NAME)
    assert series.dtype == np.float32
    np.testing.assert_array_equal(series, [[[1, 2, 3], [4, 5, 6]], [[-1, 0.5, 0], [0, 0, 7]]])
    assert labels == ("up", "down")


def test_files_of_aeon_are_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "aeon" / "datasets" / "data" / "Two"
    data.mkdir(parents=True)
    (data / NAME).write_text(TWO)
    (tmp_path / "aeon" / "__init__.py").write_text("raise ImportError('needs numba')\n")
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert locate_series(NAME) == data / NAME
    assert load_series(NAME)[1] == ("up", "down")
    assert "aeon" not in sys.modules


def test_only_series_are_looked_for(folder: Path) -> None:
    (folder / "model.tflite").write_bytes(b"x")
    assert locate_series("model.tflite") is None


def test_absent_file_is_named_with_the_remedy(folder: Path) -> None:
    with pytest.raises(TinyireeError, match=r"Absent_TEST\.ts is needed.*install --no-deps aeon"):
        load_series("Absent_TEST.ts")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,2:up\n", "no line @data"),
        ("@data\n", "0 lines of data"),
        ("@data\n1,x:up\n", "could not convert"),
        ("@data\n1,2:up\n1:down\n", "inhomogeneous"),
        ("@data\n1,2:\n", "without a class"),
        ("@data\n1,nan:up\n", "missing values"),
        ("@data\nup\n", "1 lines of data"),
    ],
)
def test_other_contents_are_refused(folder: Path, text: str, found: str) -> None:
    (folder / NAME).write_text(text)
    with pytest.raises(TinyireeError, match=rf"{NAME}: expected a \.ts file.*{found}"):
        load_series(NAME)
