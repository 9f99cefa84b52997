"""Tools that are missing or fail say so completely."""

import importlib.util
import logging
import shutil
from pathlib import Path

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.firmware import make_toolchain, toolchain
from tinyiree.targets import load


def test_unknown_toolchain() -> None:
    with pytest.raises(TinyireeError, match="toolchain 'armcc': expected zig or gcc"):
        make_toolchain(load("cortex-m4"), "armcc")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "command", "package"),
    [
        ("cortex-m4", "arm-none-eabi-gcc", "gcc-arm-none-eabi"),
        ("rv32imc", "riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf"),
    ],
)
def test_missing_gcc(
    name: str, command: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(TinyireeError, match=f"expected the command {command}") as error:
        make_toolchain(load(name), "gcc")
    assert f"apt install {package}" in str(error.value)


def test_missing_zig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(TinyireeError, match="pip install ziglang"):
        make_toolchain(load("cortex-m4"))


def test_an_error_is_shown_whole(tmp_path: Path) -> None:
    source = tmp_path / "bad.c"
    source.write_text("int f(void) { return first_error + second_error; }\n", encoding="utf-8")
    with pytest.raises(TinyireeError) as error:
        make_toolchain(load("cortex-m4")).compile([source], [tmp_path / "bad.o"], ())
    message = str(error.value)
    assert message.startswith("command failed with exit code 1: ")
    assert "bad.c:1:" in message
    assert "first_error" in message
    assert "second_error" in message


def test_a_warning_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = tmp_path / "unused.c"
    source.write_text("int f(int forgotten) { return 1; }\n", encoding="utf-8")
    with caplog.at_level(logging.WARNING, logger=toolchain.__name__):
        make_toolchain(load("cortex-m4")).compile([source], [tmp_path / "unused.o"], ())
    assert "forgotten" in caplog.text


def test_archive_is_written_anew_and_the_same(tmp_path: Path) -> None:
    tools = make_toolchain(load("cortex-m4"))
    objects = []
    for name in ("one", "two"):
        source = tmp_path / f"{name}.c"
        source.write_text(f"int {name}(void) {{ return 1; }}\n", encoding="utf-8")
        objects.append(tmp_path / f"{name}.o")
        tools.compile([source], objects[-1:], ())
    library = tmp_path / "lib.a"
    tools.archive(objects, library)
    both = library.read_bytes()
    tools.archive(objects[:1], library)
    assert len(library.read_bytes()) < len(both)
    tools.archive(objects, library)
    assert library.read_bytes() == both


def test_flags_come_last(tmp_path: Path) -> None:
    source = tmp_path / "level.c"
    source.write_text("#ifdef __OPTIMIZE_SIZE__\n#error size\n#endif\nint x;\n", encoding="utf-8")
    tools = make_toolchain(load("cortex-m4"))
    tools.compile([source], [tmp_path / "level.o"], ("-O3",))
    with pytest.raises(TinyireeError, match="size"):
        tools.compile([source], [tmp_path / "level.o"], ())
