"""What the benchmark builds and feeds in, and what it says when files are missing."""

from pathlib import Path

import numpy as np
import pytest

from tinyiree.bench.networks import FRONTENDS, NETWORKS, Frontend, find_networks
from tinyiree.errors import TinyireeError

BY_NAME = {network.name: network for network in NETWORKS}


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data and models folders without a file."""
    monkeypatch.setenv("TINYIREE_DATA", str(tmp_path / "data"))
    for name in ("data", "models"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_every_missing_file_is_named(nothing: Path) -> None:
    with pytest.raises(TinyireeError) as caught:
        find_networks([], "tflite")
    for text in (
        "kws needs models/kws_ref_model.tflite, data/kws01_dev500.npz",
        "resnet8 needs models/pretrainedResnet_quant.tflite, data/cifar10_test_dev250.npz",
        "ad needs models/ad01_int8.tflite (TINYIREE_DATA=",
        "leave those networks out with --model",
    ):
        assert text in str(caught.value)
    with pytest.raises(TinyireeError, match=r"ad needs models/ad01_fp32\.tflite"):
        find_networks(["vww", "ad"], "pytorch")


def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYIREE_DATA", raising=False)
    with pytest.raises(TinyireeError, match="TINYIREE_DATA is not set"):
        find_networks(["ad"], "tflite")


def test_networks_are_chosen_by_name(nothing: Path) -> None:
    (nothing / "models" / "ad01_int8.tflite").touch()
    assert find_networks(["ad", "ad"], "tflite") == (BY_NAME["ad"],)
    assert find_networks(["vww"], "pytorch") == (BY_NAME["vww"],)
    with pytest.raises(TinyireeError, match="--model lenet: expected some of kws, resnet8, ad, v"):
        find_networks(["ad", "lenet"], "tflite")
    with pytest.raises(TinyireeError, match=r"vww has no \.tflite model: expected --frontend pyt"):
        find_networks(["vww"], "tflite")


@pytest.mark.parametrize("frontend", FRONTENDS)
@pytest.mark.parametrize("name", BY_NAME)
def test_inputs_have_the_frontends_layout(name: str, frontend: Frontend) -> None:
    network = BY_NAME[name]
    if (file := network.data_file) and f"data/{file}" in network.missing_files(frontend):
        pytest.skip(f"needs {file} (set TINYIREE_DATA)")
    x = network.load_inputs(frontend, 3)
    last = {
        "kws": ((1, 49, 10), (49, 10, 1)),
        "resnet8": ((3, 32, 32), (32, 32, 3)),
        "ad": ((640,), (640,)),
        "vww": ((3, 96, 96), (96, 96, 3)),
    }
    assert x.dtype == np.float32
    assert x.shape == (3, *last[name][frontend == "tflite"])
    assert len(network.load_inputs(frontend)) >= 40


def test_keyword_features_return_to_their_integers() -> None:
    """The int8 model gets back the very integers of the data file."""
    from tinyiree.data import find_data, load_arrays
    from tinyiree.emit.program import IoTensor
    from tinyiree.tensors import encode

    network = BY_NAME["kws"]
    if missing := network.missing_files("tflite"):
        pytest.skip(f"needs {', '.join(missing)} (set TINYIREE_DATA)")
    tensor = IoTensor("x", (1, 49, 10, 1), "int8", 0.5847029089927673, 83, 490)
    raw = encode(network.load_inputs("tflite"), tensor, "the data")
    stored = load_arrays(find_data("kws01_dev500.npz"))["x"]
    np.testing.assert_array_equal(raw.reshape(stored.shape), stored)
