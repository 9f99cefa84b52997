"""A wrist in motion: the data set BasicMotions of the UEA archive, from the package aeon.

Four people wear a watch with an accelerometer and a gyroscope and stand, walk, run or play
badminton: 40 recordings to train on and 40 for the test, each of 10 s at 10 samples a second. The
publisher says neither units nor who wore it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyiree.time_series import load_series

CLASSES = ("Standing", "Walking", "Running", "Badminton")
CHANNELS = 6  # acceleration x, y, z; rotation x, y, z
WINDOW = 50  # samples, 5 s
HOP = 10  # samples from one window to the next
# What is 1.0 to the network, for each channel, in the units of the data.
SPANS = np.array([10, 10, 10, 5, 5, 5], np.float32)[:, np.newaxis]
CLIP = 3.0
STEPS = 512  # of the console's input to a unit of the data
STREAM_RECORDINGS = 2  # of each activity

Floats = NDArray[np.float32]
Labelled = tuple[Floats, NDArray[np.int64]]


def recordings(half: str) -> Labelled:
    """Recordings of "TRAIN" or "TEST", float32 [40, 6, 100] in the data's units, and labels [40].

    Raises:
        TinyireeError: the file is not there or is no such file.
    """
    x, labels = load_series(f"BasicMotions_{half}.ts")
    return x, np.array([CLASSES.index(label) for label in labels], np.int64)


def scale(x: NDArray[np.floating]) -> Floats:
    """What the network sees of recordings [..., 6, T]; main.c does the same."""
    return np.clip(x / SPANS, -CLIP, CLIP).astype(np.float32)


def windows(half: str) -> Labelled:
    """Six windows of each recording, a second apart, float32 [240, 6, 50], scaled, and labels.

    Raises:
        TinyireeError: the file is not there or is no such file.
    """
    x, y = recordings(half)
    starts = range(0, x.shape[2] - WINDOW + 1, HOP)
    cut = [scale(x[:, :, start : start + WINDOW]) for start in starts]
    return np.concatenate(cut), np.tile(y, len(starts))


def test() -> Labelled:
    """The windows of the test recordings, float32 [240, 6, 50], and labels int64 [240].

    Raises:
        TinyireeError: the file is not there or is no such file.
    """
    return windows("TEST")


def calibration() -> Floats:
    """The windows of the training recordings, float32 [240, 6, 50].

    Raises:
        TinyireeError: the file is not there or is no such file.
    """
    return windows("TRAIN")[0]


def stream() -> NDArray[np.int16]:
    """What the sensor of main.c delivers: int16 [800, 6], 512 for a unit of the data.

    20 s of each activity: the first two test recordings of it.

    Raises:
        TinyireeError: the file is not there or is no such file.
    """
    x, y = recordings("TEST")
    chosen = np.concatenate([x[y == k][:STREAM_RECORDINGS] for k in range(len(CLASSES))])
    rows = chosen.transpose(0, 2, 1).reshape(-1, CHANNELS)
    return np.rint(rows * STEPS).astype(np.int16)
