"""250 CIFAR-10 test images from $TINYIREE_DATA/cifar10_test_dev250.npz, normalized.

There are no training images, so the 250 are divided: 64, with their mirror images, calibrate the
quantization (which sees no label); the other 186 are the test set. `everything` gives all 250.
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


def everything() -> Labelled:
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
    """The first 64 images and their mirror images, float32 [128, 3, 32, 32].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    x = everything()[0][:CALIBRATION_COUNT]
    return np.concatenate([x, x[..., ::-1]])


def test() -> Labelled:
    """The images that do not calibrate, float32 [186, 3, 32, 32], and labels int64 [186].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    x, y = everything()
    return x[CALIBRATION_COUNT:], y[CALIBRATION_COUNT:]
