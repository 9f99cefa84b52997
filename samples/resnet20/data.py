"""250 CIFAR-10 test images from $TINYIREE_DATA/cifar10_test_dev250.npz, normalized.

There are no training images, so mirror images of 64 of them calibrate the quantization (which sees
no label), and all 250 are the test set.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyiree.data import find_data, load_arrays
from tinyiree.errors import TinyireeError

FILE = "cifar10_test_dev250.npz"
COUNT = 250
CALIBRATION_COUNT = 64
# ImageNet's per-channel (RGB) mean and deviation, with which the checkpoint was trained.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

Labelled = tuple[NDArray[np.float32], NDArray[np.int64]]


def test() -> Labelled:
    """All images float32 [250, 3, 32, 32], normalized, and labels int64 [250].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    path = find_data(FILE)
    arrays = load_arrays(path)
    if missing := sorted({"x", "y"} - arrays.keys()):
        raise TinyireeError(
            f"{path}: expected the arrays x, y, found no {missing[0]}; replace the file"
        )
    x, y = arrays["x"], arrays["y"]
    if x.shape != (COUNT, 32, 32, 3) or x.dtype != np.uint8 or y.shape != (COUNT,):
        raise TinyireeError(
            f"{path}: x: expected uint8 [{COUNT}, 32, 32, 3] and as many labels, found "
            f"{x.dtype} {list(x.shape)} and labels {list(y.shape)}; replace the file"
        )
    normalized = (x / np.float32(255) - MEAN) / DEVIATION
    return np.ascontiguousarray(normalized.transpose(0, 3, 1, 2), np.float32), y.astype(np.int64)


def calibration() -> NDArray[np.float32]:
    """Mirror images of the first 64, float32 [64, 3, 32, 32].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    return np.ascontiguousarray(test()[0][:CALIBRATION_COUNT, ..., ::-1])
