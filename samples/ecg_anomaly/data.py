"""Heartbeats of ECG5000, from $TINYIREE_DATA/ecg5000_anomaly.npz, and what main.c needs of them.

5,000 beats of one patient with severe congestive heart failure (PhysioNet BIDMC, record chf07),
each stretched to 140 samples, in no order. The training part holds normal beats only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ecg_alarm import ABNORMAL, BEATS
from numpy.typing import NDArray

from tinyiree.data import find_data, load_arrays
from tinyiree.errors import TinyireeError

FILE = "ecg5000_anomaly.npz"
THRESHOLD = Path(__file__).parent / "threshold.txt"  # train.py writes it
SAMPLES = 140
HELD_OUT = 467  # training beats, a fifth, that choose the threshold and train nothing
CALIBRATION_COUNT = 256
STEPS = 8192  # of the console's input to 1.0, the span of a normal beat
STREAM_NORMAL = 60  # beats before and after the abnormal ones
STREAM_ABNORMAL = 12

Floats = NDArray[np.float32]


def train() -> tuple[Floats, Floats]:
    """Normal beats float32 [1868, 1, 140] to train on, and [467, 1, 140] for the threshold.

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    order = np.random.default_rng(1).permutation(2335)
    beats = _load()["x_train"][order, np.newaxis]
    return beats[:-HELD_OUT], beats[-HELD_OUT:]


def test() -> tuple[Floats, NDArray[np.int64]]:
    """Test beats float32 [2665, 1, 140] and labels int64 [2665]: 1 is abnormal.

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    arrays = _load()
    return arrays["x_test"][:, np.newaxis], arrays["y_test"].astype(np.int64)


def calibration() -> Floats:
    """256 of the beats to train on, float32 [256, 1, 140].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    return train()[0][:CALIBRATION_COUNT]


def stream() -> NDArray[np.int16]:
    """What main.c reads, int16 [132 * 140], 8192 for 1.0: beats of the test set in its order.

    60 normal ones, 12 abnormal ones, 60 normal ones.

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    x, y = test()
    normal, abnormal = x[y == 0, 0], x[y == 1, 0]
    beats = np.concatenate(
        (
            normal[:STREAM_NORMAL],
            abnormal[:STREAM_ABNORMAL],
            normal[STREAM_NORMAL : 2 * STREAM_NORMAL],
        )
    )
    return np.clip(np.rint(beats * STEPS), -32768, 32767).astype(np.int16).reshape(-1)


def header() -> str:
    """app_data.h: the input's scale, the threshold and the alarm rule.

    Raises:
        TinyireeError: threshold.txt is absent or holds no number.
    """
    return (
        f"#define STEPS {STEPS} // of the input to 1.0\n"
        f"#define THRESHOLD {threshold()!r}f // mean absolute error\n"
        f"#define ABNORMAL {ABNORMAL} // beats, of the last BEATS, give the alarm\n"
        f"#define BEATS {BEATS}\n"
    )


def threshold() -> float:
    """Beats with a higher score (mean absolute reconstruction error) are abnormal.

    Raises:
        TinyireeError: threshold.txt is absent or holds no number.
    """
    try:
        return float(THRESHOLD.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TinyireeError(
            f"{THRESHOLD}: expected one number, found: {error}; run train.py again"
        ) from error


def _load() -> dict[str, NDArray[np.float32]]:
    path = find_data(FILE)
    arrays = load_arrays(path)
    shapes = {"x_train": (2335, SAMPLES), "x_test": (2665, SAMPLES), "y_test": (2665,)}
    found = {name: array.shape for name, array in arrays.items()}
    if any(found.get(name) != shape for name, shape in shapes.items()):
        raise TinyireeError(f"{path}: expected arrays {shapes}, found {found}; replace the file")
    return arrays
