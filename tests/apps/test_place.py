"""Cores and boards as places to run."""

import pytest

from tinyiree import apps
from tinyiree.errors import TinyireeError
from tinyiree.targets import load, load_board


def test_a_core_has_the_memory_of_its_simulator() -> None:
    place = apps.place_of("cortex-m4")
    assert place.core == load("cortex-m4")
    assert place.board is None


def test_a_board_has_its_own_memory() -> None:
    place = apps.place_of("ch32v003f4p6-evt")
    board = load_board("ch32v003f4p6-evt")
    assert place.board == board
    regions = place.core.simulation.regions
    assert [(one.name, one.base, one.size_bytes) for one in regions] == [
        ("flash", board.flash[0].base, 16 * 1024),
        ("ram", board.ram[0].base, 2 * 1024),
    ]


def test_unknown_places_are_refused() -> None:
    with pytest.raises(TinyireeError, match="'z80': expected the name of a core or of a board"):
        apps.place_of("z80")


def test_a_board_that_only_qemu_has_is_refused() -> None:
    with pytest.raises(TinyireeError, match="expected a core that Unicorn simulates"):
        apps.place_of("qemu-mps3-an547")
