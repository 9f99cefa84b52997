"""MNIST, 70,000 handwritten digits of 28x28 pixels, from $TINYIREE_DATA/mnist.npz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyiree.data import find_data, load_arrays
from tinyiree.errors import TinyireeError

FILE = "mnist.npz"
CALIBRATION_COUNT = 256

Labelled = tuple[NDArray[np.float32], NDArray[np.int64]]


def train() -> Labelled:
    """Images float32 [60000, 1, 28, 28] from 0 to 1, and labels int64 [60000].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    return _load("train", 60_000)


def test() -> Labelled:
    """The official test images float32 [10000, 1, 28, 28] from 0 to 1, and labels int64 [10000].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    return _load("test", 10_000)


def calibration() -> NDArray[np.float32]:
    """The first 256 training images, float32 [256, 1, 28, 28].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    return train()[0][:CALIBRATION_COUNT]


def _load(half: str, count: int) -> Labelled:
    path = find_data(FILE)
    arrays = load_arrays(path)
    names = (f"x_{half}", f"y_{half}")
    if missing := [name for name in names if name not in arrays]:
        raise TinyireeError(
            f"{path}: expected the arrays {', '.join(names)}, found no {missing[0]}; "
            "replace the file by one with x_train, y_train, x_test, y_test"
        )
    x, y = (arrays[name] for name in names)
    if x.shape != (count, 28, 28) or x.dtype != np.uint8 or y.shape != (count,):
        raise TinyireeError(
            f"{path}: x_{half}: expected uint8 [{count}, 28, 28] and as many labels, found "
            f"{x.dtype} {list(x.shape)} and labels {list(y.shape)}; replace the file"
        )
    return (x[:, np.newaxis] / np.float32(255)).astype(np.float32), y.astype(np.int64)
