"""The folder of a build: opened again only when it is whole and of this version."""

import json
from pathlib import Path

import pytest

from tinyiree import artifact
from tinyiree.artifact import Manifest
from tinyiree.emit.program import IoTensor
from tinyiree.errors import TinyireeError

MANIFEST = Manifest(
    version="1.0",
    name="net",
    target="cortex-m4",
    inputs=(IoTensor("x", (1, 4), "int8", 0.1, 3, 4),),
    outputs=(IoTensor("y", (1, 2), "float32", None, None, 8),),
    step_functions=("net_dispatch_0", "net_dispatch_0"),
    layers=("conv", "fc"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.c").write_text("// code")
    (tmp_path / "net.h").write_text("// header")
    artifact.write(tmp_path, MANIFEST)
    return tmp_path


def test_round_trip(folder: Path) -> None:
    assert artifact.read(folder, "1.0") == MANIFEST


def test_a_changed_report_does_not_matter(folder: Path) -> None:
    (folder / artifact.REPORT).write_text("{}")
    assert artifact.read(folder, "1.0") == MANIFEST


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match="no such folder"):
        artifact.read(tmp_path / "absent", "1.0")


def test_not_a_build(tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match="not the result of a finished"):
        artifact.read(tmp_path, "1.0")


def test_another_version(folder: Path) -> None:
    with pytest.raises(TinyireeError, match=r"built by tinyiree 1\.0 .* this is 2\.0"):
        artifact.read(folder, "2.0")


def test_a_missing_file(folder: Path) -> None:
    (folder / "net.c").unlink()
    with pytest.raises(TinyireeError, match=r"incomplete: net\.c is missing"):
        artifact.read(folder, "1.0")


def test_a_changed_file(folder: Path) -> None:
    (folder / "net.c").write_text("// other code")
    with pytest.raises(TinyireeError, match=r"net\.c is not what the build wrote"):
        artifact.read(folder, "1.0")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "version": "1.0"}']
)
def test_a_damaged_manifest(folder: Path, text: str) -> None:
    (folder / artifact.MANIFEST).write_text(text)
    with pytest.raises(TinyireeError, match="is damaged"):
        artifact.read(folder, "1.0")


def test_a_manifest_of_a_later_format(folder: Path) -> None:
    path = folder / artifact.MANIFEST
    content = json.loads(path.read_text())
    content["format"] = 99
    path.write_text(json.dumps(content))
    with pytest.raises(TinyireeError, match="format 99"):
        artifact.read(folder, "1.0")
