"""The Free Spoken Digit Dataset: recordings as the app gets them, and as the network takes them.

https://github.com/Jakobovski/free-spoken-digit-dataset (CC-BY-SA-4.0): six speakers, 50 takes of
each digit; takes 0 to 4 are the test split, takes 5 to 49 the training split.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tinyiree.data import find_data, load_arrays
from tinyiree.errors import TinyireeError

Floats = NDArray[np.float32]
Labelled = tuple[Floats, NDArray[np.int64]]

FILE = "free_spoken_digits_8khz.npz"
TEST_TAKES = 5
SAMPLES = 8000  # of the network's window: 1 s at 8 kHz
CALIBRATION_COUNT = 300
STREAM_COUNT = 12
SEED = 3


@cache
def recordings(is_test: bool) -> tuple[tuple[NDArray[np.int16], ...], NDArray[np.int64]]:
    """The recordings of one split, int16 [samples] each, and their labels int64 [N].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    path = find_data(FILE)
    arrays = load_arrays(path)
    if missing := sorted({"audio", "offsets", "label", "take"} - arrays.keys()):
        raise TinyireeError(
            f"{path}: expected the arrays audio, offsets, label, take, found no {missing[0]}; "
            "replace the file"
        )
    audio, offsets = arrays["audio"].astype(np.int16), arrays["offsets"]
    chosen = np.flatnonzero((arrays["take"] < TEST_TAKES) == is_test)
    found = tuple(audio[offsets[i] : offsets[i + 1]] for i in chosen)
    return found, arrays["label"][chosen].astype(np.int64)


def level(recording: NDArray[np.int16]) -> NDArray[np.int8]:
    """A recording with the gain, a power of two, that makes its peak 64 to 127: int8 [samples].

    The same integers as `level` in main.c.
    """
    x = recording.astype(np.int32)
    peak, shift = int(np.abs(x).max(initial=0)), 0
    while (peak + (1 << shift >> 1)) >> shift > 127:
        shift += 1
    if shift == 0:
        gain = 0
        while 0 < peak << (gain + 1) <= 127:
            gain += 1
        return (x << gain).astype(np.int8)
    return ((x + (1 << shift >> 1)) >> shift).astype(np.int8)


def window(recording: NDArray[np.int16], move: int = 0) -> NDArray[np.int8]:
    """The middle of a recording amid silence, int8 [8000]; `move` shifts it by samples."""
    cut = max(0, len(recording) - SAMPLES) // 2
    x = level(recording[cut : cut + SAMPLES])
    start = int(np.clip((SAMPLES - len(x)) // 2 + move, 0, SAMPLES - len(x)))
    result = np.zeros(SAMPLES, np.int8)
    result[start : start + len(x)] = x
    return result


def windows(is_test: bool) -> Labelled:
    """Windows of all recordings of a split, float32 [N, 1, 8000] of whole numbers, and labels."""
    found, labels = recordings(is_test)
    return np.stack([window(one) for one in found])[:, None].astype(np.float32), labels


def test() -> Labelled:
    """The official test split: 300 recordings."""
    return windows(is_test=True)


def calibration() -> Floats:
    """Training recordings; the first one's padding holds the ends of the range of int8.

    With -128 and 127 in it, the input's scale is 1 and its zero point 0: the network takes the
    samples as they are.
    """
    x, _ = windows(is_test=False)
    order = np.random.default_rng(SEED).permutation(len(x))[:CALIBRATION_COUNT]
    chosen = x[order]
    chosen[0, 0, :2] = (-128, 127)
    return chosen


def stream() -> bytes:
    """What the app reads: for some test recordings int32 label, int32 samples, int16 samples."""
    found, labels = recordings(is_test=True)
    step = len(found) // STREAM_COUNT
    parts = []
    for one, label in zip(found[::step], labels[::step], strict=True):
        head = np.array([label, len(one)], "<i4")
        parts += [head.tobytes(), one.astype("<i2").tobytes()]
    return b"".join(parts)
