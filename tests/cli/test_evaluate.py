"""`tinyiree evaluate`, and what `tinyiree report` shows of it, on a small model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tinyiree.api import build
from tinyiree.built import Built, open_build
from tinyiree.errors import TinyireeError
from tinyiree.evaluation import read
from tinyiree.settings import Int8

Command = Callable[..., Any]


class Net(torch.nn.Module):
    """Three classes from images of 6x6."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(1, 4, 3)
        self.fc = torch.nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.fc(torch.relu(self.conv(x)).flatten(1))
        return result


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build, made once."""
    data = np.random.default_rng(0).random((16, 1, 6, 6), np.float32)
    return build(
        Net().eval(),
        torch.zeros(1, 1, 6, 6),
        target="cortex-m4",
        out=tmp_path_factory.mktemp("evaluate") / "net",
        quantize=Int8(calibration=data),
        formats=("static",),
    ).folder


@pytest.fixture
def folder(once: Path, tmp_path: Path) -> Path:
    """A copy of the build, to write into."""
    shutil.copytree(once, tmp_path / "out")
    return tmp_path / "out"


def labelled(folder: Path, samples: Path, wrong: int) -> Path:
    """The samples with the model's own answers as labels, but for some."""
    with np.load(samples) as archive:
        x = archive["x"]
    built = open_build(folder)
    y = built.run_host(built.encode(x))[0].reshape(len(x), -1).argmax(1)
    y[:wrong] = (y[:wrong] + 1) % 3
    path = samples.with_name("labelled.npz")
    np.savez(path, x=x, y=y, classes=np.array(["up", "down", "stop"]))
    return path


def test_host_device_json_and_reports(tinyiree: Command, folder: Path, samples: Path) -> None:
    data = labelled(folder, samples, wrong=4)
    command = ["evaluate", folder, "--input", data, "--labels", "y"]

    ended = tinyiree(*command)
    assert ended.code == 0, ended.err
    assert "75.00 %" in ended.out
    assert "stop" in ended.out
    found = read(folder / "evaluation.json")
    assert (found.host is None, found.device is None) == (False, True)
    assert json.loads((folder / "report.json").read_text())["run"] is None

    ended = tinyiree(*command, "--on", "both", "--limit", 5, "--json")
    assert ended.code == 0, ended.err
    content = json.loads(ended.out)
    assert content == json.loads((folder / "evaluation.json").read_text())
    assert content["agreement"] == {"bit_exact": 5, "same_answer": 5}
    assert content["host"] == content["device"]
    assert content["device"]["values"]["accuracy"] == 0.2
    assert content["instructions"] > 1000
    assert "simulated cortex-m4" in ended.err, "progress"
    assert json.loads((folder / "report.json").read_text())["verify"]["bit_exact"] is True

    assert tinyiree(*command, "--at-least", 0.75).code == 0
    ended = tinyiree(*command, "--at-least", 0.76)
    assert ended.code == 1
    assert "accuracy is 75.00 %, expected at least 76.00 %" in ended.err

    ended = tinyiree("report", folder)
    for text in ("dB", "smult_8_8", "75.00 %", "weighted"):
        assert text in ended.out, text
    page = folder.parent / "report.html"
    assert tinyiree("report", folder, "--html", page).code == 0
    assert "75.00" in page.read_text()
    ended = tinyiree("report", folder, "--html", folder / "no" / "report.html")
    assert ended.code == 2
    ended = tinyiree("report", folder, "--evaluation", folder / "report.json")
    assert ended.code == 2
    assert "is no result of `tinyiree evaluate`" in ended.err


def test_bytes_that_differ_end_with_1(
    tinyiree: Command, folder: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = labelled(folder, samples, wrong=0)
    true = Built.run_host
    monkeypatch.setattr(
        Built,
        "run_host",
        lambda self, raw, progress: [array ^ 1 for array in true(self, raw, progress)],
    )
    command = ["evaluate", folder, "--input", data, "--labels", "y", "--on", "both", "--limit", 2]
    ended = tinyiree(*command)
    assert ended.code == 1
    assert "0 of 2 samples bit-exact" in ended.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--labels", "z"], "--labels z: expected a .npy or .npz file"),
        (["--labels", "y", "--on", "chip"], "--on chip: expected one of host, device, both"),
        (["--labels", "y", "--score", "best"], "--score best: expected one of"),
        (["--labels", "y", "--classes", "none.txt"], "--classes none.txt: cannot be read"),
    ],
)
def test_wrong_usage_ends_with_2(
    tinyiree: Command, folder: Path, samples: Path, options: list[str], message: str
) -> None:
    data = labelled(folder, samples, wrong=0)
    ended = tinyiree("evaluate", folder, "--input", data, *options)
    assert ended.code == 2
    assert message in ended.err


def test_in_python(folder: Path, samples: Path) -> None:
    with np.load(labelled(folder, samples, wrong=2)) as archive:
        x, y = archive["x"], archive["y"]
    built = open_build(folder)
    found = built.evaluate(x, y, classes=("up", "down", "stop"))
    assert found.host is not None
    assert found.host.values["accuracy"] == 14 / 16
    assert sum(map(sum, found.host.confusion)) == 16
    with pytest.raises(TinyireeError, match="one for each of the 16 samples"):
        built.evaluate(x, y[:3])
