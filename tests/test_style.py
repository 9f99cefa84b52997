"""Habits that no linter checks: files stay small, and what is checked in is text."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("tinyiree", "passes", "targets", "samples", "tests", "tools")
SOURCES = (".py", ".c", ".h", ".S")
MAX_LINES = 400
# Golden files are output: as long as the thing they show.
OUTPUT_FOLDERS = {"golden", "__pycache__"}


def sources(root: Path) -> list[Path]:
    """Every source file that a person wrote."""
    return sorted(
        path
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.suffix in SOURCES and not OUTPUT_FOLDERS & set(path.relative_to(root).parts)
    )


def too_long(root: Path) -> list[str]:
    """Files above the limit, as `path: lines`."""
    found = []
    for path in sources(root):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MAX_LINES:
            found.append(f"{path.relative_to(root)}: {lines} lines, at most {MAX_LINES}")
    return found


def test_no_file_is_too_long() -> None:
    assert sources(ROOT)
    assert too_long(ROOT) == []


@pytest.mark.parametrize("suffix", SOURCES)
def test_a_long_file_is_found(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "tinyiree" / "deep"
    folder.mkdir(parents=True)
    (folder / f"fits{suffix}").write_text("\n" * MAX_LINES, encoding="utf-8")
    (folder / f"long{suffix}").write_text("\n" * (MAX_LINES + 1), encoding="utf-8")
    (found,) = too_long(tmp_path)
    assert found.startswith(f"tinyiree/deep/long{suffix}: 401 lines")
