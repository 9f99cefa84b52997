"""The C parts are compiled once, and by as many processes as ask."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tinyiree.cache import cache_folder
from tinyiree.errors import TinyireeError
from tinyiree.sim import native


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # zig's own cache stays where it is: filling a new one takes ten seconds.
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(cache_folder().parent / "zig"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "tinyiree"


def test_the_second_request_compiles_nothing(own_cache: Path) -> None:
    first = native.library("tracer.c")
    made = first.stat().st_mtime_ns
    assert first.parent == own_cache
    assert native.library("tracer.c") == first
    assert first.stat().st_mtime_ns == made
    assert native.library("qemu_plugin.c") != first


def test_requests_at_once_agree_and_leave_nothing_behind(own_cache: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(native.library, ["tracer.c"] * 3))
    assert len(set(found)) == 1
    assert list(own_cache.iterdir()) == [found[0]]


def test_a_changed_source_is_another_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for header in native._HEADERS:
        (tmp_path / header).write_text("")
    source = tmp_path / "small.c"
    monkeypatch.setattr(native, "_SOURCES", tmp_path)
    source.write_text("int f(void) { return 1; }\n")
    first = native.library("small.c")
    source.write_text("int f(void) { return 2; }\n")
    assert native.library("small.c") != first
    source.write_text("int f(void) { return oops; }\n")
    with pytest.raises(TinyireeError, match=r"(?s)small\.c: expected zig.*oops"):
        native.library("small.c")


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(TinyireeError, match=r"cannot be written .*set XDG_CACHE_HOME"):
        native.library("tracer.c")


def test_a_relative_cache_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "tinyiree"
