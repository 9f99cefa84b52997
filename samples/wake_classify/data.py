"""Utterances and silence from MLPerf Tiny's keyword-spotting features, halved into train and test.

The wake stage is trained on the samples of even index and tested on those of odd index; the
classifier, MLPerf Tiny's own, has seen none of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyiree.python_file import load_object

SILENCE, UNKNOWN = 10, 11  # labels in kws01_dev500.npz
STREAM_WORDS = 8
STREAM_SILENCES = 12  # beside them
SEED = 4

Floats = NDArray[np.float32]
Labelled = tuple[Floats, NDArray[np.int64]]


def features(is_test: bool) -> Labelled:
    """One half: float32 [250, 1, 49, 10], and labels int64 [250] of the classifier.

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    x, y = load_object("../mlperf_tiny/data.py:kws_test", Path(__file__).parent)()
    return x[is_test::2], y[is_test::2]


def train() -> Labelled:
    """The training half, and labels int64 [250]: 1 for a word, 0 for silence."""
    x, y = features(is_test=False)
    return x, (y != SILENCE).astype(np.int64)


def test() -> Labelled:
    """The test half, and labels int64 [250]: 1 for a word, 0 for silence."""
    x, y = features(is_test=True)
    return x, (y != SILENCE).astype(np.int64)


def calibration() -> Floats:
    """100 training samples; the ends of the range of int8 are in the first one.

    With them both networks have the same input quantization, and get the same bytes.
    """
    x = train()[0][:100].copy()
    x[0, 0, 0, :2] = _to_float(np.array((-128, 127)))
    return x


def stream() -> bytes:
    """Seconds of sound as the app reads them: int8 [20, 490], test samples.

    Silence for the most part; words are keywords, none twice.
    """
    x, y = features(is_test=True)
    generator = np.random.default_rng(SEED)
    silences = generator.permutation(np.flatnonzero(y == SILENCE))[:STREAM_SILENCES]
    words = [generator.choice(np.flatnonzero(y == label)) for label in range(STREAM_WORDS)]
    order = generator.permutation(np.concatenate((silences, words)))
    scale, zero_point = _quantization()
    raw = np.rint(x[order] / scale).astype(np.int64) + zero_point
    return raw.astype(np.int8).tobytes()


def _quantization() -> tuple[np.float32, int]:
    here = Path(__file__).parent
    names = ("KWS_SCALE", "KWS_ZERO_POINT")
    scale, zero_point = (load_object(f"../mlperf_tiny/data.py:{name}", here) for name in names)
    return scale, zero_point


def _to_float(raw: NDArray[np.int64]) -> Floats:
    scale, zero_point = _quantization()
    found: Floats = ((raw - zero_point) * scale).astype(np.float32)
    return found
