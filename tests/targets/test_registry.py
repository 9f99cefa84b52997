"""The nine cores, and those that other packages add by an entry point."""

import shutil
from importlib import metadata
from pathlib import Path

import pytest

import tinyiree.targets
from tinyiree.errors import TinyireeError
from tinyiree.targets import load, names, registry

CORES = Path(tinyiree.targets.__file__).parent / "cores"
OWN = {
    "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55",
    "rv32imc", "rv32imac", "rv32ec", "rv32imafc",
}  # fmt: skip
ADDED = Path()  # what the entry point below resolves to; set by the fixture


def added_directory() -> Path:
    return ADDED


def broken_directory() -> Path:
    raise RuntimeError("no licence")


def entry_point(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    """Pretend that an installed package declares `function` of this module."""

    class Point(metadata.EntryPoint):
        def load(self) -> object:
            return globals()[self.attr]

    points = (Point("acme", f"acme:{function}", registry.ENTRY_POINT_GROUP),)
    monkeypatch.setattr(registry.metadata, "entry_points", lambda group: points)


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(globals(), "ADDED", tmp_path)
    return tmp_path


def test_own_cores() -> None:
    assert set(names()) >= OWN
    for name in OWN:
        core = load(name)
        assert core.name == name
        assert core.isa == ("riscv" if name.startswith("rv32") else "arm")
        assert core.cycles.assumption.startswith("estimate")


def test_hard_float_cores() -> None:
    hard = {name for name in OWN if load(name).float_abi == "hard"}
    assert hard == {"cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "rv32imafc"}
    assert [name for name in OWN if load(name).mve] == ["cortex-m55"]


def test_unknown_name_lists_the_known_and_the_closest() -> None:
    with pytest.raises(TinyireeError, match="target 'cortex-m4f'") as error:
        load("cortex-m4f")
    assert "did you mean 'cortex-m4'?" in str(error.value)
    assert "cortex-m0plus, cortex-m3, " in str(error.value)
    with pytest.raises(TinyireeError) as error:
        load("zzzz")
    assert "did you mean" not in str(error.value)


@pytest.mark.parametrize("value", ["added_directory", "ADDED"])
def test_added_core(added: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    text = (CORES / "cortex-m4.toml").read_text(encoding="utf-8")
    text = text.replace('name = "cortex-m4"', 'name = "acme-m4"')
    (added / "acme-m4.toml").write_text(text, encoding="utf-8")
    entry_point(monkeypatch, value)
    assert set(names()) == OWN | {"acme-m4"}
    assert load("acme-m4").iree == load("cortex-m4").iree


def test_added_core_of_a_known_name(added: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(CORES / "cortex-m4.toml", added)
    entry_point(monkeypatch, "added_directory")
    with pytest.raises(TinyireeError, match="target 'cortex-m4': expected one definition"):
        names()


def test_entry_point_without_directory(added: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added.rmdir()
    entry_point(monkeypatch, "added_directory")
    with pytest.raises(
        TinyireeError, match=r"entry point 'acme' .* expected an existing directory"
    ):
        names()


def test_entry_point_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point(monkeypatch, "broken_directory")
    with pytest.raises(TinyireeError, match=r"entry point 'acme' .*no licence"):
        names()
