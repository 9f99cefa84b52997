"""The reader of sample.toml accepts exactly the documented form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import nn

from tinyiree import samples
from tinyiree.errors import TinyireeError

GOOD = {
    "name": '"tiny"',
    "description": '"a sample"',
    "model": '"model.py:make"',
    "calibration": '"data.py:calibration"',
    "test": '"data.py:test"',
    "targets": '["cortex-m4"]',
    "data_files": '["x.npz"]',
    "model_files": '["y.th"]',
    "accuracy_floor": "0.5",
    "expect": "'^ok$'",
}


def _write(tmp_path: Path, **changes: str | None) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    lines = [f"{key} = {value}" for key, value in {**GOOD, **changes}.items() if value is not None]
    (folder / "sample.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_reads_folder_and_file_alike(tmp_path: Path) -> None:
    folder = _write(tmp_path)
    sample = samples.load(folder)
    assert sample == samples.load(folder / "sample.toml")
    assert sample.folder == folder.resolve()
    assert sample.targets == ("cortex-m4",)
    assert sample.accuracy_floor == 0.5


@pytest.mark.parametrize("key", sorted(GOOD))
def test_missing_key_is_named(key: str, tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match=f"missing key {key}"):
        samples.load(_write(tmp_path, **{key: None}))


def test_unknown_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match="unknown key acuracy: expected only accuracy_floor"):
        samples.load(_write(tmp_path, acuracy="1"))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("name", '"other"', "the folder's name, 'tiny'"),
        ("description", '""', "a text that is not empty"),
        ("model", '"model.py"', "FILE.py:NAME"),
        ("calibration", '"data.npz:x"', "FILE.py:NAME"),
        ("test", "3", "a text"),
        ("targets", "[]", "at least one core"),
        ("targets", '"cortex-m4"', "a list of texts"),
        ("data_files", "[1]", "a list of texts"),
        ("accuracy_floor", "98.0", "a fraction from 0.0 to 1.0"),
        ("accuracy_floor", "true", "a fraction from 0.0 to 1.0"),
        ("expect", "'(open'", "a regular expression"),
    ],
)
def test_wrong_value_is_refused(key: str, value: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match=f"sample.toml: key {key}: expected .*{expected}"):
        samples.load(_write(tmp_path, **{key: value}))


def test_absent_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match="cannot be read as a sample manifest"):
        samples.load(tmp_path / "sample.toml")
    with pytest.raises(TinyireeError, match="cannot be read as a sample manifest"):
        samples.load(_write(tmp_path, name="unquoted"))


def test_unknown_sample_lists_the_known() -> None:
    with pytest.raises(TinyireeError, match="'nope': expected one of digits, mnist"):
        samples.find("nope")


def test_missing_files_looks_in_both_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = samples.load(_write(tmp_path))
    monkeypatch.delenv("TINYIREE_DATA", raising=False)
    assert sample.missing_files() == ("x.npz", "y.th")
    monkeypatch.setenv("TINYIREE_DATA", str(tmp_path / "data"))
    for path in (tmp_path / "data" / "x.npz", tmp_path / "models" / "y.th"):
        path.parent.mkdir()
        path.touch()
    assert sample.missing_files() == ()


def test_loaders_check_what_the_callables_return(tmp_path: Path) -> None:
    folder = _write(tmp_path)
    (folder / "data.py").write_text(
        "import numpy as np\n"
        "calibration = lambda: np.zeros((2, 3))\n"
        "test = lambda: (np.zeros((2, 3), np.float32), np.zeros(3, np.int64))\n"
    )
    (folder / "model.py").write_text("make = lambda: 3\n")
    sample = samples.load(folder)
    with pytest.raises(TinyireeError, match=r"expected a float32 array .*found float64 \[2, 3\]"):
        sample.calibration_data()
    with pytest.raises(TinyireeError, match=r"expected integer labels \[2\], found int64 \[3\]"):
        sample.test_data()
    with pytest.raises(TinyireeError, match=r"expected a torch.nn.Module .*found int"):
        sample.load_model()


def test_loaders_give_what_the_contract_says(tmp_path: Path) -> None:
    folder = _write(tmp_path)
    (folder / "data.py").write_text(
        "import numpy as np\n"
        "calibration = lambda: np.ones((2, 3), np.float32)\n"
        "test = lambda: (np.ones((2, 3), np.float32), np.ones(2, np.uint8))\n"
    )
    (folder / "model.py").write_text(
        "import torch\n"
        "def make():\n"
        "    module = torch.nn.Linear(3, 2)\n"
        "    module.example_inputs = (torch.zeros(1, 3),)\n"
        "    return module\n"
    )
    sample = samples.load(folder)
    assert sample.calibration_data().shape == (2, 3)
    assert sample.test_data()[1].dtype == np.int64
    module = sample.load_model()
    assert isinstance(module, nn.Linear)
    assert not module.training
