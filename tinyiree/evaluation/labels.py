"""Labels and class names, as people have them: numbers, one-hot rows, names, truth values."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyiree.errors import TinyireeError
from tinyiree.tensors import read_npz

Array = npt.NDArray[np.generic]
Classes = npt.NDArray[np.int64]

_USUAL = ("y", "labels", "label", "targets")
_NAMES = ("classes", "class_names")


def read_labels(given: str, inputs: Mapping[str, Array], source: str) -> Array:
    """What ``--labels`` names: a .npy or .npz file, or an array of the input's file.

    Args:
        given: path or name of an array.
        inputs: the arrays of the input's file.
        source: what to call that file in messages.

    Raises:
        TinyireeError: there is neither, or the file cannot be read.
    """
    path = Path(given)
    if given in inputs and not path.is_file():
        return inputs[given]
    if path.suffix == ".npy":
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except FileNotFoundError as error:
            raise TinyireeError(f"{path}: no such file; expected labels in a .npy file") from error
        except (OSError, ValueError, EOFError) as error:
            raise TinyireeError(
                f"{path} is not a readable .npy file ({error}); write one with numpy.save"
            ) from error
    if path.suffix != ".npz" and not path.is_file():
        raise TinyireeError(
            f"--labels {given}: expected a .npy or .npz file, or the name of an array in {source} "
            f"(it holds {', '.join(inputs)})"
        )
    arrays = read_npz(path)
    usual = [name for name in _USUAL if name in arrays]
    rest = [name for name in arrays if name not in _NAMES]
    if not usual and len(rest) != 1:
        raise TinyireeError(
            f"{path} holds the arrays {', '.join(arrays)}; expected a single one, or one that is "
            f"called {' or '.join(_USUAL[:2])}"
        )
    return arrays[usual[0] if usual else rest[0]]


def read_classes(path: Path | None, inputs: Mapping[str, Array]) -> tuple[str, ...]:
    """Class names: the lines of a text file, else the array ``classes`` of the input's file.

    Raises:
        TinyireeError: the file cannot be read, is empty, or names a class twice.
    """
    if path is None:
        found = next((inputs[name] for name in _NAMES if name in inputs), None)
        return () if found is None else tuple(str(name) for name in found.ravel())
    try:
        names = tuple(line.strip() for line in path.read_text().splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise TinyireeError(
            f"--classes {path}: cannot be read ({error}); expected one name a line"
        ) from error
    if not names or len(set(names)) < len(names):
        raise TinyireeError(
            f"--classes {path}: expected one name a line, each once; found {len(names)} names, "
            f"{len(set(names))} of them different"
        )
    return names


def class_numbers(labels: Array, count: int, names: Sequence[str], classes: int | None) -> Classes:
    """Labels as class numbers.

    Args:
        labels: integers, truth values or class names ``[N]``, or one-hot rows ``[N, classes]``.
        count: number of samples; labels beyond it are left out.
        names: of the classes; may be empty.
        classes: how many the model tells apart; None: not known.

    Returns:
        int64 ``[count]``.

    Raises:
        TinyireeError: too few labels, of another form, or of classes that do not exist.
    """
    found = _flat(labels, count)
    if found.dtype.kind in "US":
        numbers = {name: number for number, name in enumerate(names)}
        unknown = sorted({str(name) for name in found} - numbers.keys())
        if unknown:
            raise TinyireeError(
                f"labels: the class '{unknown[0]}' is not among the class names "
                f"({', '.join(names) or 'there are none: give --classes FILE'})"
            )
        found = np.array([numbers[str(name)] for name in found])
    if found.dtype.kind == "f" and np.array_equal(found, np.rint(found)):
        found = found.astype(np.int64)
    if found.dtype.kind not in "iub":
        raise TinyireeError(
            f"labels: expected class numbers, class names or truth values, found {found.dtype}; "
            "for a regression pass --score value"
        )
    result = found.astype(np.int64)
    if result.min() < 0 or (classes is not None and result.max() >= classes):
        raise TinyireeError(
            f"labels: expected class numbers from 0 to {(classes or 1) - 1}, as the model gives "
            f"{classes} outputs; found {result.min()} to {result.max()}"
        )
    return result


def _flat(labels: Array, count: int) -> Array:
    if labels.ndim > 1:
        rows = labels.reshape(len(labels), -1)
        one_hot = rows.shape[1] > 1 and rows.dtype.kind in "iubf"
        if one_hot and not ((rows != 0).sum(axis=1) == 1).all():
            raise TinyireeError(
                f"labels: expected [N] class numbers or one-hot rows, found {list(labels.shape)} "
                "with rows that name none or several classes"
            )
        labels = rows.argmax(axis=1) if one_hot else rows[:, 0]
    if labels.ndim != 1 or len(labels) < count:
        raise TinyireeError(
            f"labels: expected one for each of the {count} samples, found an array of shape "
            f"{list(labels.shape)}"
        )
    return labels[:count]
