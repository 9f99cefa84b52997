"""Fixtures that every test may use: data files, and tools that do not come from PyPI.

A test that needs something which is not on this machine skips and names it. With
`TINYIREE_REQUIRE_TOOLS=1` (as in CI) a missing tool is a failure instead, so that a broken
installation cannot pass for a green run.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Workers share the cores: one thread each, or torch's pools fight. Set before torch is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run; no deadline, because a first compilation is slow.
settings.register_profile("tinyiree", derandomize=True, deadline=None)
settings.load_profile("tinyiree")

DataFile = Callable[[str], Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-golden`` rewrites golden files; a person reviews the difference."""
    parser.addoption("--update-golden", action="store_true", default=False)


def _require(command: str, package: str) -> str:
    """Return the path of a command, or skip the test with the command's name and package."""
    path = shutil.which(command)
    if path is None:
        reason = f"{command} is not installed (Debian package {package})"
        if os.environ.get("TINYIREE_REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def needs_qemu_arm() -> str:
    """Path of qemu-system-arm."""
    return _require("qemu-system-arm", "qemu-system-arm")


@pytest.fixture(scope="session")
def needs_qemu_riscv() -> str:
    """Path of qemu-system-riscv32."""
    return _require("qemu-system-riscv32", "qemu-system-misc")


@pytest.fixture(scope="session")
def needs_arm_gcc() -> str:
    """Path of arm-none-eabi-gcc."""
    return _require("arm-none-eabi-gcc", "gcc-arm-none-eabi")


@pytest.fixture(scope="session")
def needs_riscv_gcc() -> str:
    """Path of riscv64-unknown-elf-gcc."""
    return _require("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf")


@pytest.fixture(scope="session")
def needs_chromium() -> str:
    """Path of chromium."""
    return _require("chromium", "chromium")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder that TINYIREE_DATA names; skip when it is unset or not a folder."""
    value = os.environ.get("TINYIREE_DATA")
    if not value:
        pytest.skip("TINYIREE_DATA is not set: it names the folder with the data sets")
    folder = Path(value)
    if not folder.is_dir():
        pytest.skip(f"TINYIREE_DATA={value} is not a folder")
    return folder


@pytest.fixture(scope="session")
def data_file(data_dir: Path) -> DataFile:
    """Give a function: file name -> path in the data folder; it skips with the file's name."""
    return lambda name: _existing(data_dir / name)


@pytest.fixture(scope="session")
def model_file(data_dir: Path) -> DataFile:
    """Give a function: file name -> path in the `models` folder beside the data folder."""
    return lambda name: _existing(data_dir.parent / "models" / name)


def _existing(path: Path) -> Path:
    if not path.is_file():
        pytest.skip(f"{path.name} is not in {path.parent}")
    return path
