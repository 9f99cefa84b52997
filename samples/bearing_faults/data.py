"""Vibration of a motor with a damaged bearing, from $TINYIREE_DATA/cwru_12k_de.npz.

Case Western Reserve University's bearing data: an accelerometer at the drive end of a 2 hp motor,
12,000 samples a second, nine seeded faults, each recorded once at each of four loads (0 to 3 hp,
1797 to 1730 revolutions a minute).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyiree.data import find_data, load_arrays
from tinyiree.errors import TinyireeError

FILE = "cwru_12k_de.npz"
# Inner race, ball, outer race (at 6 o'clock); diameter of the fault in thousandths of an inch.
CLASSES = ("IR007", "IR014", "IR021", "B007", "B014", "B021", "OR007", "OR014", "OR021")
LOADS = (0, 1, 2, 3)
TEST_LOAD = 3
TRAIN_LOADS = tuple(load for load in LOADS if load != TEST_LOAD)
WINDOW = 1024  # samples, 85 ms: two and a half revolutions
CLIP = 4.0  # deviations; the shocks of a bad bearing are higher, and their height says little
CALIBRATION_WINDOWS = 6  # of each of the 27 recordings to train on
# The console's input: what a 16-bit converter with a range of +-10 V delivers.
VOLTS_PER_STEP = 10 / 32768
STREAM_WINDOWS = 8  # of each recording
STREAM_OFFSET = 40 * WINDOW

Floats = NDArray[np.float32]
Labelled = tuple[Floats, NDArray[np.int64]]
Recording = tuple[Floats, int]


def recordings(loads: tuple[int, ...]) -> list[Recording]:
    """(acceleration signal in V, float32 [about 122,000], class 0..8) for each class and load.

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    path = find_data(FILE)
    arrays = load_arrays(path)
    found = []
    for load in loads:
        for label, name in enumerate(CLASSES):
            key = f"{name}_load{load}"
            if not {key, f"{key}_scale"} <= arrays.keys() or arrays[key].dtype != np.int16:
                raise TinyireeError(
                    f"{path}: expected the arrays {key} (int16) and {key}_scale (V a step), found "
                    "no such pair; replace the file"
                )
            found.append(((arrays[key] * arrays[f"{key}_scale"]).astype(np.float32), label))
    return found


def normalize(windows: NDArray[np.floating]) -> Floats:
    """Windows [..., samples] less their mean, over their deviation, clipped; main.c does the same.

    So the network does not depend on how the sensor is mounted or its amplifier set.
    """
    centred = windows - windows.mean(-1, keepdims=True)
    deviation = np.sqrt((centred * centred).mean(-1, keepdims=True))
    return np.clip(centred / np.maximum(deviation, 1e-9), -CLIP, CLIP).astype(np.float32)


def windows_of(loads: tuple[int, ...]) -> Labelled:
    """Windows without overlap, float32 [N, 1, 1024], normalized, and their labels, int64 [N].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    parts, labels = [], []
    for signal, label in recordings(loads):
        count = len(signal) // WINDOW
        parts.append(signal[: count * WINDOW].reshape(count, 1, WINDOW))
        labels += [label] * count
    return normalize(np.concatenate(parts)), np.array(labels, np.int64)


def test() -> Labelled:
    """The windows of load 3, which the network was not trained on.

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    return windows_of((TEST_LOAD,))


def calibration() -> Floats:
    """Six windows of each recording at loads 0 to 2, float32 [162, 1, 1024], normalized.

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    parts = [
        signal[: CALIBRATION_WINDOWS * WINDOW].reshape(CALIBRATION_WINDOWS, 1, WINDOW)
        for signal, _ in recordings(TRAIN_LOADS)
    ]
    return normalize(np.concatenate(parts))


def stream() -> NDArray[np.int16]:
    """What the converter of `main.c` reads: int16, 8 windows of each class at load 3, as recorded.

    Eight windows of a machine at rest follow, a few steps of noise.

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    samples = STREAM_WINDOWS * WINDOW
    noise = np.random.default_rng(1).normal(0, 3, samples)
    parts = [
        signal[STREAM_OFFSET : STREAM_OFFSET + samples] / VOLTS_PER_STEP
        for signal, _ in recordings((TEST_LOAD,))
    ]
    return np.rint(np.concatenate([*parts, noise])).astype(np.int16)
