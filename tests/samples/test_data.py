"""Finding data files, and reading and writing weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tinyiree import data
from tinyiree.errors import TinyireeError


def test_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYIREE_DATA", raising=False)
    assert data.data_folder() is None
    with pytest.raises(
        TinyireeError, match=r"data file a\.npz is needed.*TINYIREE_DATA is not set"
    ):
        data.find_data("a.npz")


def test_absent_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYIREE_DATA", str(tmp_path))
    with pytest.raises(TinyireeError, match=r"data file a\.npz is needed, and .* is not there"):
        data.find_data("a.npz")


def test_models_lie_beside_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.th").touch()
    monkeypatch.setenv("TINYIREE_DATA", str(tmp_path / "data"))
    assert data.find_model("m.th") == tmp_path / "models" / "m.th"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYIREE_DATA", "data")
    assert data.find_model("m.th") == tmp_path / "models" / "m.th"


def _network() -> nn.Sequential:
    torch.manual_seed(5)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def test_weights_return_bit_for_bit(tmp_path: Path) -> None:
    source = _network()
    source(torch.randn(4, 1, 5, 5))  # moves the running statistics off their defaults
    data.save_weights(source, tmp_path / "w.npz")
    target = _network()
    with torch.no_grad():
        for parameter in target.parameters():
            parameter.zero_()
    data.load_weights(target, tmp_path / "w.npz")
    for key, value in source.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            assert torch.equal(target.state_dict()[key], value), key


def test_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        data.save_weights(_network(), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    data.save_weights(nn.Sequential(nn.Conv2d(1, 2, 3)), tmp_path / "fewer.npz")
    with pytest.raises(TinyireeError, match=r"do not fit Sequential: .*1\.bias"):
        data.load_weights(_network(), tmp_path / "fewer.npz")
    other = nn.Sequential(nn.Conv2d(1, 2, 5), nn.BatchNorm2d(2))
    data.save_weights(other, tmp_path / "other.npz")
    with pytest.raises(TinyireeError, match=r"0\.weight .*expected shape \[2, 1, 3, 3\]"):
        data.load_weights(_network(), tmp_path / "other.npz")


@pytest.mark.parametrize("content", [None, b"", b"text", b"PK\x03\x04 damaged"])
def test_unreadable_arrays_are_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TinyireeError, match=r"w\.npz: expected a \.npz file of arrays"):
        data.load_arrays(path)


def test_a_single_array_and_a_damaged_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(TinyireeError, match=r"expected a \.npz file"):
        data.load_arrays(path)
    data.save_weights(_network(), path)
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(bytes(content))
    with pytest.raises(TinyireeError, match=r"expected a \.npz file"):
        data.load_arrays(path)
