"""Inputs of the four networks: real ones from $TINYIREE_DATA, seeded ones where there are none.

Neither of the two real sets has training samples beside it. Calibration, which sees no label, gets
changed copies of some of its samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyiree.data import find_data, load_arrays
from tinyiree.errors import TinyireeError

Floats = NDArray[np.float32]
Labelled = tuple[Floats, NDArray[np.int64]]

KWS_FILE = "kws01_dev500.npz"
IMAGE_FILE = "cifar10_test_dev250.npz"
# Input quantization of MLPerf Tiny's int8 keyword-spotting model, in which the file's features are.
KWS_SCALE = np.float32(0.5847029089927673)
KWS_ZERO_POINT = 83
CALIBRATION_COUNT = 100
SEED = 12


def kws_test() -> Labelled:
    """500 MFCC features, float32 [500, 1, 49, 10], and labels int64 [500], 12 classes.

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    x, y = _read(KWS_FILE, np.dtype(np.int8), (49, 10, 1))
    features = (x.astype(np.float32) - KWS_ZERO_POINT) * KWS_SCALE
    return np.ascontiguousarray(features.transpose(0, 3, 1, 2)), y


def kws_calibration() -> Floats:
    """Every fifth utterance one frame (20 ms) later, float32 [100, 1, 49, 10].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    features = kws_test()[0]
    chosen = features[:: len(features) // CALIBRATION_COUNT]
    return np.concatenate((chosen[:, :, :1], chosen[:, :, :-1]), axis=2)


def image_test() -> Labelled:
    """250 CIFAR-10 images, float32 [250, 3, 32, 32], pixels from 0 to 255, labels int64 [250].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    x, y = _read(IMAGE_FILE, np.dtype(np.uint8), (32, 32, 3))
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32), y


def image_calibration() -> Floats:
    """Mirror images of the first 100, float32 [100, 3, 32, 32].

    Raises:
        TinyireeError: the file is not there or has not the expected arrays.
    """
    return np.ascontiguousarray(image_test()[0][:CALIBRATION_COUNT, ..., ::-1])


def machine_sounds(count: int = 200, seed: int = SEED) -> Floats:
    """Made-up machine sounds, float32 [count, 640]: five frames of 128 log-mel energies in dB.

    The network's own evaluation set is not free to pass on. Each is a falling spectrum with the
    harmonics of a motor, steady over the frames, and noise; every fourth is noise alone, over the
    range from -80 to 15 dB that the reference model's input quantization covers.
    """
    generator = np.random.default_rng(seed)
    bands = np.arange(128)
    sounds = np.empty((count, 5, 128))
    for sound in sounds:
        level, tilt, motor = generator.uniform((-25, 0.1, 5), (0, 0.4, 14))
        harmonics = 12 * np.exp(-(((bands % motor) / 1.5) ** 2)) * np.exp(-bands / 60)
        sound[:] = level - tilt * bands + harmonics + generator.normal(0, 2, (5, 128))
    sounds[3::4] = generator.uniform(-80, 15, sounds[3::4].shape)
    return sounds.reshape(count, 640).astype(np.float32)


def machine_calibration() -> Floats:
    """Other sounds of the same kind, float32 [200, 640]."""
    return machine_sounds(seed=SEED + 1)


def scenes(count: int = 40, seed: int = SEED) -> Floats:
    """Made-up images, float32 [count, 3, 96, 96], pixels from 0 to 1: blobs of colour and noise."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:96, 0:96]
    images = np.repeat(generator.uniform(0, 1, (count, 3, 1, 1)), 96, 2).repeat(96, 3)
    for image in images:
        for _ in range(6):
            y, x, radius = generator.uniform((0, 0, 5), (96, 96, 30))
            inside = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
            image[:, inside] = generator.uniform(0, 1, (3, 1))
    noisy = images + generator.normal(0, 0.03, images.shape)
    return np.clip(noisy, 0, 1).astype(np.float32)


def scenes_calibration() -> Floats:
    """Other images of the same kind, float32 [40, 3, 96, 96]."""
    return scenes(seed=SEED + 1)


def _read(
    file: str, dtype: np.dtype[np.generic], shape: tuple[int, ...]
) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    path = find_data(file)
    arrays = load_arrays(path)
    if missing := sorted({"x", "y"} - arrays.keys()):
        raise TinyireeError(
            f"{path}: expected the arrays x, y, found no {missing[0]}; replace the file"
        )
    x, y = arrays["x"], arrays["y"]
    if x.dtype != dtype or x.shape[1:] != shape or y.shape != x.shape[:1]:
        raise TinyireeError(
            f"{path}: x: expected {dtype} [N, {', '.join(map(str, shape))}] and as many labels, "
            f"found {x.dtype} {list(x.shape)} and labels {list(y.shape)}; replace the file"
        )
    return x, y.astype(np.int64)
