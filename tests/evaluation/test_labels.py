"""Labels in every form, and what is said of those that do not fit."""

from pathlib import Path

import numpy as np
import pytest

from tinyiree.errors import TinyireeError
from tinyiree.evaluation.labels import class_numbers, read_classes, read_labels

NAMES = ("up", "down", "stop")


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 2, 1], np.uint8),
        np.array([0.0, 2.0, 1.0]),
        np.array([[0], [2], [1]]),
        np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]]),
        np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]]),
        np.array(["up", "stop", "down"]),
        np.array([0, 2, 1, 1, 1]),
    ],
)
def test_every_form(labels: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
    found = class_numbers(labels, 3, NAMES, 3)
    assert found.dtype == np.int64
    assert found.tolist() == [0, 2, 1]


def test_truth_values() -> None:
    assert class_numbers(np.array([True, False]), 2, (), 2).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1]), "expected one for each of the 3 samples"),
        (np.array([0, 1, 3]), r"from 0 to 2, as the model gives 3 outputs; found 0 to 3"),
        (np.array([0, -1, 2]), "found -1 to 2"),
        (np.array(["up", "left", "stop"]), "'left' is not among the class names"),
        (np.array([0.5, 1, 2]), "for a regression pass --score value"),
        (np.array([[1, 1, 0]] * 3), "rows that name none or several"),
        (np.zeros(3, np.complex64), "found complex64"),
    ],
)
def test_what_does_not_fit(
    labels: np.ndarray[tuple[int, ...], np.dtype[np.generic]], message: str
) -> None:
    with pytest.raises(TinyireeError, match=message):
        class_numbers(labels, 3, NAMES, 3)


def test_labels_from_files(tmp_path: Path) -> None:
    y = np.array([2, 1])
    np.save(tmp_path / "y.npy", y)
    np.savez(tmp_path / "one.npz", anything=y)
    np.savez(tmp_path / "many.npz", x=y + 1, labels=y, classes=np.array(NAMES))
    np.savez(tmp_path / "unclear.npz", a=y, b=y)
    for given in ("y.npy", "one.npz", "many.npz"):
        assert read_labels(str(tmp_path / given), {}, "x.npz").tolist() == [2, 1]
    assert read_labels("truth", {"truth": y}, "x.npz").tolist() == [2, 1]
    with pytest.raises(TinyireeError, match="holds the arrays a, b; expected a single one"):
        read_labels(str(tmp_path / "unclear.npz"), {}, "x.npz")
    with pytest.raises(TinyireeError, match=r"--labels truth: .* in x\.npz \(it holds x, y\)"):
        read_labels("truth", {"x": y, "y": y}, "x.npz")
    with pytest.raises(TinyireeError, match="no such file"):
        read_labels(str(tmp_path / "no.npy"), {}, "x.npz")
    (tmp_path / "bad.npy").write_text("no")
    with pytest.raises(TinyireeError, match=r"not a readable \.npy"):
        read_labels(str(tmp_path / "bad.npy"), {}, "x.npz")


def test_class_names(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("up\ndown\n\nstop\n")
    assert read_classes(path, {}) == NAMES
    assert read_classes(None, {"classes": np.array(NAMES)}) == NAMES
    assert read_classes(None, {"x": np.zeros(3)}) == ()
    path.write_text("up\nup\n")
    with pytest.raises(TinyireeError, match="found 2 names, 1 of them different"):
        read_classes(path, {})
    with pytest.raises(TinyireeError, match="cannot be read"):
        read_classes(tmp_path / "no.txt", {})
