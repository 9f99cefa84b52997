"""What the apps for vibration, heartbeats, motion and power do around their networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tinyiree import apps
from tinyiree.python_file import load_object
from tinyiree.samples import samples_folder

NAMES = ("bearing_faults", "ecg_anomaly", "motion", "appliances")
# Below what train.py prints, far above chance.
FLOORS = {"bearing_faults": 0.99, "motion": 0.98, "appliances": 0.88}


def _of(name: str, spec: str) -> Any:
    return load_object(spec, samples_folder() / name)


def _with_data(name: str) -> None:
    if missing := apps.find(name).missing_files():
        pytest.skip(f"needs {', '.join(missing)} (set TINYIREE_DATA)")


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_small_and_fit(name: str) -> None:
    module = _of(name, f"model.py:{name}")()
    assert not module.training
    assert torch.isfinite(module(*module.example_inputs)).all()
    assert (samples_folder() / name / "weights.npz").stat().st_size < 100_000


@pytest.mark.parametrize("name", NAMES)
def test_data_have_the_networks_shape(name: str) -> None:
    _with_data(name)
    (example,) = _of(name, f"model.py:{name}")().example_inputs
    x, y = _of(name, "data.py:test")()
    calibration = _of(name, "data.py:calibration")()
    assert x.dtype == calibration.dtype == np.float32
    assert x.shape[1:] == calibration.shape[1:] == tuple(example.shape[1:])
    assert y.shape == x.shape[:1]
    assert y.dtype == np.int64


@pytest.mark.parametrize("name", FLOORS)
def test_float_accuracy_is_what_the_readme_says(name: str) -> None:
    _with_data(name)
    torch.set_num_threads(1)
    x, y = _of(name, "data.py:test")()
    with torch.no_grad():
        scores = _of(name, f"model.py:{name}")()(torch.from_numpy(x)).numpy()
    assert np.mean(scores.argmax(1) == y) >= FLOORS[name]


def test_ecg_threshold_separates_the_test_beats() -> None:
    _with_data("ecg_anomaly")
    x, y = _of("ecg_anomaly", "data.py:test")()
    with torch.no_grad():
        redrawn = _of("ecg_anomaly", "model.py:ecg_anomaly")()(torch.from_numpy(x)).numpy()
    above = np.abs(redrawn - x).mean((1, 2)) > _of("ecg_anomaly", "data.py:threshold")()
    assert above[y == 1].mean() > 0.95
    assert above[y == 0].mean() < 0.03


def test_ecg_training_beats_are_held_out_for_the_threshold() -> None:
    _with_data("ecg_anomaly")
    trained, held_out = _of("ecg_anomaly", "data.py:train")()
    assert len(trained) + len(held_out) == 2335
    beats = {beat.tobytes() for beat in trained}
    assert not any(beat.tobytes() in beats for beat in held_out)


def test_false_alarms_of_single_beats_are_a_closed_form() -> None:
    alarms = _of("ecg_anomaly", "ecg_alarm.py:false_alarms_per_day")
    assert alarms(0.01, 1, 1) == pytest.approx(0.01 * 0.99 * 108_000)


def test_false_alarms_agree_with_a_simulation() -> None:
    rate, k, n, beats = 0.1, 3, 5, 400_000
    above = np.random.default_rng(1).random(beats) < rate
    count = np.convolve(above, np.ones(n, np.int64))[:beats]
    alarm, begun = False, 0
    for now in count:
        begun += not alarm and now >= k
        alarm = now > 0 if alarm else now >= k
    alarms = _of("ecg_anomaly", "ecg_alarm.py:false_alarms_per_day")(rate, k, n)
    assert alarms == pytest.approx(begun / beats * 108_000, rel=0.06)


def test_bearing_windows_forget_mounting_and_amplifier() -> None:
    normalize = _of("bearing_faults", "data.py:normalize")
    window = np.random.default_rng(1).normal(size=(3, 1, 1024))
    np.testing.assert_allclose(normalize(5 + 0.01 * window), normalize(window), atol=1e-5)
    assert normalize(np.zeros((1, 1024))).max() == 0


def test_bearing_test_load_is_not_trained_on() -> None:
    assert _of("bearing_faults", "data.py:TEST_LOAD") not in _of(
        "bearing_faults", "data.py:TRAIN_LOADS"
    )


def test_appliance_powers_are_compressed_by_a_logarithm() -> None:
    compress = _of("appliances", "data.py:compress")
    readings = np.zeros((6, 4), np.int16)
    readings[:, 0] = (0, 1, -1, 3, 5, -32768)
    seen = compress(readings)
    assert seen.shape == (3, 6)
    # log2(1 + v) at powers of two; between 4 and 8, 6 lies in the middle.
    np.testing.assert_allclose(seen[0], (0, 1, -1, 2, 2.5, -15 - 1 / 32768), rtol=1e-6)
    assert not seen[1:].any()


def test_appliance_quantities_are_those_of_alternating_current() -> None:
    _with_data("appliances")
    units = (10, 10, 10, 100)
    readings = _of("appliances", "data.py:readings")("TRAIN")[0].astype(float) / units
    # Where an appliance rests for once, its current is known from zero on.
    resting = readings[readings[:, :, 1].min(1) < 1]
    reactive, active, volts, amperes = resting[resting[..., 1] > 500].T
    assert len(active) > 500
    apparent = np.hypot(active, reactive)
    assert np.median(np.abs(apparent / (volts * amperes) - 1)) < 0.03
    assert np.median(np.abs(volts - 230)) < 3


def test_every_app_has_a_page_with_its_data() -> None:
    for name in NAMES:
        page = Path(samples_folder() / name / "README.md").read_text(encoding="utf-8")
        assert "TINYIREE_DATA" in page
        assert f"samples/{name}/train.py" in page
