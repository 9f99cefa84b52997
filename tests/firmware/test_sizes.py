"""What the model and the runtime add is counted, all of it and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.firmware import FlashSizes, build_selftest, sizes, slim_library
from tinyiree.targets import Core, load

Directory = Callable[[Core], Path]


def built(directory: Path, core: str = "cortex-m4") -> FlashSizes:
    return sizes(build_selftest(load(core), directory, "duo", directory / "duo.elf"))


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_sizes(private_duo: Path) -> None:
    found = built(private_duo)
    # 8x5 float32 at a multiple of 64, then 5x4 int8.
    assert found.weight_bytes == 192 + 20
    assert found.data_bytes == 0
    assert found.total_bytes == found.code_bytes + found.weight_bytes
    assert found.static_ram_bytes == 512 + 12
    assert 1000 < found.code_bytes < 3000
    assert 800 < found.harness_bytes < 2500


def test_harness_is_not_counted(private_duo: Path) -> None:
    """Data in the harness alone: it grows, and nothing else does."""
    before = built(private_duo)
    append(
        private_duo / "duo.h",
        "#ifdef TINYIREE_SELFTEST_PROGRAM\n"
        "__attribute__((used, retain)) static const char ballast[1000] = {1};\n#endif\n",
    )
    after = built(private_duo)
    assert after.harness_bytes >= before.harness_bytes + 1000
    assert (after.total_bytes, after.static_ram_bytes) == (
        before.total_bytes,
        before.static_ram_bytes,
    )


def test_variables_count_in_flash_and_ram(private_duo: Path) -> None:
    before = built(private_duo)
    append(
        private_duo / "duo.c",
        "__attribute__((used, retain)) static int value[4] = {1, 2, 3, 4};\n"
        "__attribute__((used, retain)) static int zeros[8];\n",
    )
    after = built(private_duo)
    assert after.data_bytes == 16
    assert after.total_bytes == before.total_bytes + 16
    assert after.static_ram_bytes == before.static_ram_bytes + 48


def test_named_weights_count_as_weights(private_duo: Path) -> None:
    before = built(private_duo)
    append(
        private_duo / "duo.c",
        '__attribute__((used, retain, section(".rodata.tinyiree_weights.packed")))\n'
        "static const signed char packed[256] = {1};\n",
    )
    after = built(private_duo)
    assert after.weight_bytes >= before.weight_bytes + 256
    assert after.code_bytes == before.code_bytes


def test_soft_float_calls_are_counted(duo: Directory) -> None:
    """The same dispatches need a float library on Cortex-M0+."""
    assert built(duo(load("cortex-m0plus")), "cortex-m0plus").code_bytes > 2500


def test_slim_library_drops_a_hundred_bytes_a_dispatch(private_duo: Path) -> None:
    before = built(private_duo)
    slim_library(private_duo / "library.o")
    assert built(private_duo).code_bytes <= before.code_bytes - 3 * 100


def test_unknown_section_is_refused(private_duo: Path) -> None:
    append(
        private_duo / "duo.c",
        '__attribute__((used, retain, section("fast_code"))) static const int stray = 1;\n',
    )
    with pytest.raises(TinyireeError, match="section fast_code: expected only sections"):
        built(private_duo)


def test_not_an_image(tmp_path: Path, private_duo: Path) -> None:
    text = tmp_path / "text"
    text.write_text("text", encoding="utf-8")
    with pytest.raises(TinyireeError, match="expected an ELF image"):
        sizes(text)
    with pytest.raises(TinyireeError, match="expected an ELF image"):
        sizes(tmp_path / "nothing")
    with pytest.raises(TinyireeError, match=r"expected a self-test image with sections \.text"):
        sizes(private_duo / "library.o")
