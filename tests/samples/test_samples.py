"""Every sample keeps what its manifest promises."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import tinyiree
from tinyiree import samples
from tinyiree.errors import TinyireeError
from tinyiree.python_file import load_object
from tinyiree.samples import Sample

NAMES = samples.names()
# Bytes of committed weights; resnet20 has none, its checkpoint is a data file.
WEIGHT_LIMITS = {"digits": 50_000, "mnist": 100_000}
PARAMETERS = {"digits": (5_000, 15_000), "mnist": (5_000, 25_000), "resnet20": (269_722, 269_722)}
MACS = {"digits": 500_000, "mnist": 600_000, "resnet20": 41_000_000}
ROOT = Path(tinyiree.__file__).resolve().parents[1]


def _sample(name: str) -> Sample:
    return samples.find(name)


def _with_files(name: str) -> Sample:
    sample = samples.find(name)
    if missing := sample.missing_files():
        pytest.skip(f"needs {', '.join(missing)} (set TINYIREE_DATA)")
    return sample


def _model(name: str) -> nn.Module:
    sample = samples.find(name)
    if sample.model_files:
        _with_files(name)
    return sample.load_model()


def _correct(sample: Sample, limit: int) -> float:
    torch.set_num_threads(1)
    x, y = sample.test_data()
    with torch.no_grad():
        scores = sample.load_model()(torch.from_numpy(x[:limit])).numpy()
    return float(np.mean(scores.argmax(1) == y[:limit]))


def test_the_three_samples_are_found() -> None:
    assert set(NAMES) >= {"digits", "mnist", "resnet20"}


@pytest.mark.parametrize("name", NAMES)
def test_manifest_is_complete(name: str) -> None:
    sample = _sample(name)
    assert sample.folder.name == sample.name == name
    for file in ("README.md", "model.py", "data.py"):
        assert (sample.folder / file).is_file(), file
    # The expectation accepts a good line for this sample and refuses one missed comparison.
    assert re.search(sample.expect, f"boot\n{name} on rv32imc: 12 of 12 samples bit-exact\n")
    assert not re.search(sample.expect, f"{name} on rv32imc: 11 of 12 samples bit-exact\n")


@pytest.mark.parametrize("name", NAMES)
def test_targets_exist(name: str) -> None:
    known = {path.stem for path in (ROOT / "targets" / "cores").glob("*.toml")}
    if not known:
        pytest.skip("needs targets/cores/*.toml")
    assert set(_sample(name).targets) <= known


@pytest.mark.parametrize("name", NAMES)
def test_model_is_ready_for_export(name: str) -> None:
    module = _model(name)
    assert not module.training
    (example,) = module.example_inputs
    program = torch.export.export(module, (example,))
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(example.shape, generator=generator)
    with torch.no_grad():
        expected = module(x)
        assert expected.shape == (1, 10)
        torch.testing.assert_close(program.module()(x), expected)


@pytest.mark.parametrize("name", NAMES)
def test_size_stays_in_class(name: str) -> None:
    module = _model(name)
    low, high = PARAMETERS[name]
    assert low <= sum(p.numel() for p in module.parameters()) <= high
    assert 0 < _macs(module) <= MACS[name]


@pytest.mark.parametrize("name", sorted(WEIGHT_LIMITS))
def test_committed_weights_are_small(name: str) -> None:
    assert (_sample(name).folder / "weights.npz").stat().st_size < WEIGHT_LIMITS[name]


@pytest.mark.parametrize("name", NAMES)
def test_calibration_is_not_the_test_set(name: str) -> None:
    sample = _with_files(name)
    calibration = sample.calibration_data()
    x, y = sample.test_data()
    (example,) = sample.load_model().example_inputs
    assert calibration.dtype == np.float32
    assert calibration.shape[1:] == x.shape[1:] == tuple(example.shape[1:])
    assert len(calibration) >= 64
    assert set(y.tolist()) == set(range(10))
    seen = {image.tobytes() for image in calibration}
    assert not any(image.tobytes() in seen for image in x)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_have_the_documented_range(name: str) -> None:
    x, _ = _with_files(name).test_data()
    if name == "resnet20":  # normalized: (0 - 0.485) / 0.229 and (1 - 0.406) / 0.225 at most
        assert x.min() >= -2.12
        assert x.max() <= 2.65
        assert x.min() < -1
    else:
        assert (x.min(), x.max()) == (0.0, 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_float_accuracy_meets_the_floor(name: str) -> None:
    sample = _with_files(name)
    assert _correct(sample, limit=2000) >= sample.accuracy_floor


def test_mnist_float_accuracy_on_all_images() -> None:
    assert _correct(_with_files("mnist"), limit=10_000) >= 0.994


def test_resnet20_float_accuracy_on_all_images() -> None:
    sample = _with_files("resnet20")
    x, y = load_object("data.py:test", sample.folder)()
    torch.set_num_threads(1)
    with torch.no_grad():
        right = sample.load_model()(torch.from_numpy(x)).argmax(1).numpy() == y
    # 235 here; one image may tip over on a machine whose float sums have another order.
    assert abs(int(right.sum()) - 235) <= 1


def test_digits_split_is_fixed_and_disjoint() -> None:
    data = _sample("digits").folder
    train_x, train_y = load_object("data.py:train", data)()
    test_x, test_y = load_object("data.py:test", data)()
    assert train_x.shape == (1437, 1, 8, 8)
    assert test_x.shape == (360, 1, 8, 8)
    assert len(train_y) == 1437
    # The first labels of the split: a new shuffle would move training images into the test set.
    assert test_y[:10].tolist() == [4, 2, 0, 3, 7, 0, 2, 0, 7, 5]


@pytest.mark.parametrize(("name", "file"), [("mnist", "mnist.npz"), ("resnet20", "cifar10")])
def test_absent_data_is_named(
    name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYIREE_DATA", str(tmp_path / "data"))
    with pytest.raises(TinyireeError, match=f"{file}.*is not there.*TINYIREE_DATA"):
        _sample(name).test_data()


def test_absent_checkpoint_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYIREE_DATA", str(tmp_path / "data"))
    with pytest.raises(TinyireeError, match=r"resnet20-12fca82f\.th.*is not there"):
        _sample("resnet20").load_model()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 damaged"])
def test_wrong_checkpoint_is_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "resnet20-12fca82f.th").write_bytes(content)
    monkeypatch.setenv("TINYIREE_DATA", str(tmp_path / "data"))
    with pytest.raises(TinyireeError, match="expected the checkpoint of a CIFAR-10 ResNet-20"):
        _sample("resnet20").load_model()


def test_mnist_of_another_shape_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYIREE_DATA", str(tmp_path))
    images = np.zeros((10, 28, 28), np.uint8)
    np.savez(tmp_path / "mnist.npz", x_test=images, y_test=np.zeros(10, np.uint8))
    with pytest.raises(TinyireeError, match=r"x_test: expected uint8 \[10000, 28, 28\]"):
        _sample("mnist").test_data()
    with pytest.raises(TinyireeError, match="found no x_train"):
        _sample("mnist").calibration_data()


def _macs(module: nn.Module) -> int:
    """Multiplications of the convolutions and linear layers for one inference."""
    total = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        total += output.numel() * (layer.weight.numel() // layer.weight.shape[0])

    layers = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        module(*module.example_inputs)
    for handle in handles:
        handle.remove()
    return total
