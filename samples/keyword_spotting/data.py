"""Streams of features in which keywords are spoken, made from MLPerf Tiny's evaluation set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyiree.data import find_data, load_arrays
from tinyiree.errors import TinyireeError

FILE = "kws01_dev500.npz"
LABELS = (
    *("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes"),
    "silence",
    "unknown",
)
KEYWORDS = 10  # the labels before "silence"
FRAMES = 49  # of an utterance, and of the network's window
COEFFICIENTS = 10
FRAME_SECONDS = 0.02
STREAM_WORDS = 13
STREAM_SEED = 2


@dataclass(frozen=True)
class Scene:
    """A stream of features.

    Attributes:
        frames: int8 [T, 10], in the input quantization of the network, 50 frames a second.
        words: (first frame, label) of each utterance that is not silence, each of 49 frames.
    """

    frames: NDArray[np.int8]
    words: tuple[tuple[int, int], ...]


def scene(words: int, seed: int) -> Scene:
    """Utterances of all kinds but silence in random order, with a second of silence around each.

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    path = find_data(FILE)
    arrays = load_arrays(path)
    x, y = arrays.get("x"), arrays.get("y")
    if x is None or y is None or x.shape[1:] != (FRAMES, COEFFICIENTS, 1) or x.dtype != np.int8:
        raise TinyireeError(
            f"{path}: expected the arrays x int8 [N, {FRAMES}, {COEFFICIENTS}, 1] and y [N], found "
            f"{', '.join(f'{k} {v.dtype} {list(v.shape)}' for k, v in arrays.items())}; "
            "replace the file"
        )
    generator = np.random.default_rng(seed)
    silence = x[y == LABELS.index("silence"), :, :, 0]
    spoken = generator.permutation(np.flatnonzero(y != LABELS.index("silence")))[:words]
    parts, found = [], []
    for i in spoken:
        parts.append(silence[generator.integers(len(silence))])
        found.append((FRAMES * len(parts), int(y[i])))
        parts.append(x[i, :, :, 0])
    parts.append(silence[0])
    return Scene(np.concatenate(parts), tuple(found))


def stream() -> NDArray[np.int8]:
    """What the app reads: int8 [T, 10], one frame after the other."""
    return scene(STREAM_WORDS, STREAM_SEED).frames
