"""Spoken digits: accuracy, and the same numbers on host and chip from the waveform on."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyiree import apps
from tinyiree.python_file import load_object

APP = apps.find("spoken_digits")
needs_data = pytest.mark.skipif(
    bool(APP.missing_files()), reason=f"needs {', '.join(APP.missing_files())} (set TINYIREE_DATA)"
)


def get(spec: str) -> Any:
    return load_object(spec, APP.folder)


@pytest.mark.parametrize(
    ("audio", "expected"),
    [
        ([0, 0], [0, 0]),
        ([1, -1], [64, -64]),
        ([127, -127], [127, -127]),
        ([128, 127], [64, 64]),  # 63.5 rounded up
        ([254, -3], [127, -1]),  # -1.5 rounded up
        ([255, 1], [64, 0]),  # 127.5 would be 128
        ([-32768, 32767], [-64, 64]),
    ],
)
def test_level_is_a_power_of_two(audio: list[int], expected: list[int]) -> None:
    found = get("data.py:level")(np.array(audio, np.int16))
    assert found.dtype == np.int8
    assert found.tolist() == expected


@pytest.mark.parametrize("length", [10, 7999, 8000, 8001, 18262])
def test_window_is_the_middle(length: int) -> None:
    recording = (np.arange(length) % 100 + 1).astype(np.int16)
    found = get("data.py:window")(recording)
    assert found.shape == (8000,)
    assert np.count_nonzero(found) == min(length, 8000)
    assert abs(int(np.flatnonzero(found).mean()) - 3999) <= 1


@needs_data
def test_split_is_the_official_one() -> None:
    recordings = get("data.py:recordings")
    assert len(recordings(True)[0]) == 300
    assert len(recordings(False)[0]) == 2700
    assert np.bincount(recordings(True)[1]).tolist() == [30] * 10


@needs_data
def test_features_are_log_mel() -> None:
    """A tone excites the band around it: the front end against a direct DFT in double precision."""
    model = get("model.py:LogMel")()
    torch = pytest.importorskip("torch")
    time = np.arange(8000) / 8000
    tone = (100 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    bands = model(torch.from_numpy(tone[None, None])).numpy()[0]
    assert bands.shape == (24, 79)
    mel = 2595 * np.log10(1 + np.array([90.0, 1000.0, 3870.0]) / 700)
    nearest = (mel[1] - mel[0]) / (mel[2] - mel[0]) * 25 - 1
    assert abs(bands.mean(1).argmax() - nearest) <= 1


@needs_data
def test_accuracy_and_console(tmp_path: Path) -> None:
    image = apps.build_app(APP, apps.place_of("cortex-m4"), tmp_path)
    (built,) = image.models
    assert (built.manifest.inputs[0].scale, built.manifest.inputs[0].zero_point) == (1.0, 0)
    x, y = get("data.py:test")()
    scores = built.run_host(built.encode(x))[0].reshape(len(x), -1).astype(int)
    assert np.mean(scores.argmax(1) == y) >= 0.95
    assert built.verify(x[::60]).bit_exact
    # The app reads 16-bit audio: its own gain and window must have been the same.
    chosen = np.sort(scores[:: len(x) // 12], axis=1)
    console = apps.run_app(image).console
    margins = [int(margin) for margin in re.findall(r"margin (\d+)", console)]
    assert margins == (chosen[:, -1] - chosen[:, -2]).tolist()
