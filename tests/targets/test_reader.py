"""Bad TOML files are refused with file, key, expected and found."""

from pathlib import Path

import pytest

import tinyiree.targets
from tinyiree.errors import TinyireeError
from tinyiree.targets import load, read_core

CORES = Path(tinyiree.targets.__file__).parent / "cores"


def edited(directory: Path, old: str, new: str, name: str = "cortex-m4") -> Path:
    """A copy of a core's file in which `old`, which must occur once, is replaced."""
    text = (CORES / f"{name}.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = directory / f"{name}.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_a_copy_reads_the_same(tmp_path: Path) -> None:
    path = edited(tmp_path, "mve = false", "mve = false")
    assert read_core(path) == load("cortex-m4")


@pytest.mark.parametrize(
    ("old", "new", "key", "rest"),
    [
        ('isa = "arm"', "", "isa", "expected a str, found nothing; add the key"),
        ('isa = "arm"', 'isa = "mips"', "isa", "expected one of arm, riscv, found 'mips'"),
        ("dsp = true", 'dsp = "yes"', "dsp", "expected a bool, found 'yes'"),
        ("[cycles]", "[cycles]\nwait = 1", "cycles.wait", "expected only the keys "),
        ("dsp = true", "dps = true", "dps", "found an unknown key; remove or rename it"),
        ('cpu = "cortex-m4"', "cpu = 4", "iree.cpu", "expected a str, found 4"),
        ('"+dsp", ', "1, ", "iree.features", "expected a list of strings, found 1"),
        ("fp_divide = 14", "fp_divide = true", "cycles.fp_divide", "expected a int, found True"),
        ("flash.size_bytes = 0x40_0000", "flash.size = 0x40_0000",
         "simulation.flash.size_bytes", "expected a int, found nothing"),
        ("flash.size_bytes = 0x40_0000", "flash.size_bytes = true",
         "simulation.flash.size_bytes", "expected a int, found True"),
        ('unicorn_cpu = "CORTEX_M4"', "unicorn_cpu = 4",
         "simulation.unicorn_cpu", "expected a str, found 4"),
    ],
)  # fmt: skip
def test_bad_key(tmp_path: Path, old: str, new: str, key: str, rest: str) -> None:
    path = edited(tmp_path, old, new)
    with pytest.raises(TinyireeError) as error:
        read_core(path)
    assert str(error.value).startswith(f"{path}: key '{key}': ")
    assert rest in str(error.value)


def test_optional_keys(tmp_path: Path) -> None:
    path = edited(tmp_path, 'unicorn_cpu = "CORTEX_M4"', "")
    assert read_core(path).simulation.unicorn_cpu is None


def test_impossible_core_names_the_file(tmp_path: Path) -> None:
    path = edited(tmp_path, 'fpu = "none"', 'fpu = "single"', "cortex-m0plus")
    with pytest.raises(TinyireeError) as error:
        read_core(path)
    assert str(error.value).startswith(f"{path}: core 'cortex-m0plus': impossible combination")


def test_name_is_the_file_s(tmp_path: Path) -> None:
    path = edited(tmp_path, 'name = "cortex-m4"', 'name = "cortex-m5"')
    with pytest.raises(TinyireeError, match="key 'name': expected 'cortex-m4', the file's name"):
        read_core(path)


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", None])
def test_unreadable_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "core.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TinyireeError, match="expected a readable TOML file") as error:
        read_core(path)
    assert str(error.value).startswith(f"{path}: ")
