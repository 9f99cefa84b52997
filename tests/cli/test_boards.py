"""``tinyiree boards``, and sizes on the command line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tinyiree.cli.sizes import bytes_of, readable
from tinyiree.errors import TinyireeError

Command = Callable[..., Any]


def test_boards_are_filtered(tinyiree: Command) -> None:
    done = tinyiree("boards", "--json", "--core", "cortex-m4", "--min-ram", "200K")
    found = [board["name"] for board in json.loads(done.out)]
    assert "nrf52840-dk" in found
    assert "microbit-v2" not in found  # 128 KB
    assert "blue-pill" not in found
    done = tinyiree("boards", "--vendor", "espressif")
    assert "esp32-c3-devkitm-1" in done.out
    assert "teensy" not in done.out


@pytest.mark.parametrize(
    ("text", "count"), [("9500", 9500), ("16K", 16384), ("2M", 2 << 20), ("1 KiB", 1024)]
)
def test_sizes(text: str, count: int) -> None:
    assert bytes_of("--min-ram", text) == count


@pytest.mark.parametrize("text", ["", "K", "-1", "1.5K", "3G"])
def test_bad_sizes(text: str) -> None:
    with pytest.raises(TinyireeError, match=r"--min-ram .*: expected a size such as 9500, 16K"):
        bytes_of("--min-ram", text)


def test_readable() -> None:
    assert [readable(n) for n in (0, 1023, 1024, 1536, 1 << 20)] == [
        "0 B", "1023 B", "1 KB", "1.5 KB", "1 MB",
    ]  # fmt: skip
