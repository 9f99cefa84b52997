"""FILE.py:NAME is loaded once, and every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.python_file import load_object


def test_relative_absolute_and_same_stem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.py").write_text(f"x = [{folder!r}]\n")
    first = load_object("model.py:x", tmp_path / "a")
    assert first == ["a"]
    assert load_object("model.py:x", tmp_path / "b") == ["b"]
    assert load_object(f"{tmp_path}/a/model.py:x", tmp_path / "b") is first
    monkeypatch.chdir(tmp_path)
    assert load_object("a/model.py:x") is first


@pytest.mark.parametrize("spec", ["model.py", "model.txt:x", "model.py:", "model.py:a b", "x"])
def test_wrong_form_is_refused(spec: str) -> None:
    with pytest.raises(TinyireeError, match=r"expected FILE\.py:NAME"):
        load_object(spec)


def test_absent_file_and_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match=r"model\.py: no such file"):
        load_object("model.py:x", tmp_path)
    (tmp_path / "model.py").write_text("def right(): ...\n")
    with pytest.raises(TinyireeError, match="has no 'wrong'; it has: right"):
        load_object("model.py:wrong", tmp_path)


@pytest.mark.parametrize("body", ["1 / 0", "import no_such_package_anywhere", "def ("])
def test_failing_file_is_named_and_can_be_mended(body: str, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(body + "\n")
    with pytest.raises(TinyireeError, match=r"model\.py: running the file fails: \w+Error"):
        load_object("model.py:x", tmp_path)
    path.write_text("x = 'mended now, with another length'\n")
    assert load_object("model.py:x", tmp_path).startswith("mended")
