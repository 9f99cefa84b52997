"""The 1,797 digits of 8x8 pixels that ship inside scikit-learn, split once and for all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyiree.errors import TinyireeError

TEST_COUNT = 360
CALIBRATION_COUNT = 128
_SPLIT_SEED = 2024

Labelled = tuple[NDArray[np.float32], NDArray[np.int64]]


def train() -> Labelled:
    """Images float32 [1437, 1, 8, 8] from 0 to 1, and labels int64 [1437]."""
    x, y = _shuffled()
    return x[TEST_COUNT:], y[TEST_COUNT:]


def test() -> Labelled:
    """The held-out images float32 [360, 1, 8, 8] from 0 to 1, and labels int64 [360]."""
    x, y = _shuffled()
    return x[:TEST_COUNT], y[:TEST_COUNT]


def calibration() -> NDArray[np.float32]:
    """128 training images, float32 [128, 1, 8, 8]."""
    return train()[0][:CALIBRATION_COUNT]


def _shuffled() -> Labelled:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise TinyireeError(
            "sample digits: its images come with the package scikit-learn, which is not installed; "
            "run: pip install scikit-learn"
        ) from error
    bunch = load_digits()
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(bunch.target))
    # Pixels are counts from 0 to 16 (the data set's description, load_digits().DESCR).
    x = (bunch.images[order, np.newaxis] / 16).astype(np.float32)
    return x, bunch.target[order].astype(np.int64)
