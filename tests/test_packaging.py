"""The wheel holds all that is on disk: a new folder or data file cannot be forgotten.

The build runs on a copy of the sources, by the same backend hook that pip calls, without network.
"""

import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Folder in the repository -> folder in the wheel.
FOLDERS = {
    "tinyiree": "tinyiree",
    "passes": "tinyiree/passes",
    "targets": "tinyiree/targets",
    "samples": "tinyiree/_samples",
}
CONFIGURATION = ("pyproject.toml", "setup.py", "README.md")


def build_wheel(source: Path, out: Path) -> list[str]:
    """Build a wheel from a source tree and return the names in it, the metadata left out."""
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return sorted(name for name in archive.namelist() if ".dist-info/" not in name)


def files(root: Path) -> list[str]:
    """Every file of the four folders, by the name that it must have in the wheel."""
    return sorted(
        f"{installed}/{path.relative_to(root / folder).as_posix()}"
        for folder, installed in FOLDERS.items()
        for path in (root / folder).rglob("*")
        if path.is_file()
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what goes into the wheel; the build leaves its traces there."""
    target = tmp_path / "source"
    target.mkdir()
    for name in CONFIGURATION:
        shutil.copy(ROOT / name, target / name)
    for folder in FOLDERS:
        ignore = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(ROOT / folder, target / folder, ignore=ignore)
    return target


def test_the_wheel_holds_what_is_on_disk(copy: Path, tmp_path: Path) -> None:
    expected = files(copy)
    built = build_wheel(copy, tmp_path / "wheel")
    assert "tinyiree/passes/__init__.py" in built
    missing = sorted(set(expected) - set(built))
    assert not missing, "on disk but not in the wheel: see package-data in pyproject.toml"
    assert set(built) <= set(expected), "in the wheel but not on disk"


def test_new_packages_and_data_are_found_and_rubbish_is_not(copy: Path, tmp_path: Path) -> None:
    wanted = {
        "tinyiree/brand_new/__init__.py": "tinyiree/brand_new/__init__.py",
        "passes/deep/inner/__init__.py": None,  # its parent is no package: not importable
        "passes/group/__init__.py": "tinyiree/passes/group/__init__.py",
        "targets/kernels/newisa/kernel.S": "tinyiree/targets/kernels/newisa/kernel.S",
        "samples/new/model.py": "tinyiree/_samples/new/model.py",
        "tinyiree/scratch.o": None,
    }
    for name in wanted:
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
    built = build_wheel(copy, tmp_path / "wheel")
    assert {name for name in wanted.values() if name} <= set(built)
    assert not [name for name in built if name.endswith((".o", ".pyc")) or "inner" in name]


def test_the_constraints_pin_what_is_installed() -> None:
    """Every requirement of the package and of its extras stands in constraints.txt, exactly."""
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip()
        if text:
            name, separator, version = text.partition("==")
            assert separator, f"constraints.txt: {text!r} is no exact pin"
            pins[normal(name)] = version
    wanted = {normal(name) for name in requirements("tinyiree", frozenset({"samples", "dev"}))}
    assert sorted(wanted - pins.keys()) == []
    installed = {name: metadata.version(name).split("+")[0] for name in wanted}
    assert installed == {name: pins[name] for name in wanted}


def normal(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def requirements(root: str, extras: frozenset[str]) -> set[str]:
    """Names of all distributions that one needs, to any depth."""
    from packaging.requirements import Requirement

    seen: set[tuple[str, frozenset[str]]] = set()
    pending = [(root, extras)]
    while pending:
        name, wanted = pending.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in [*wanted, ""]):
                pending.append((requirement.name, frozenset(requirement.extras)))
    return {name for name, _ in seen} - {root}
