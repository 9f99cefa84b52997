"""Buffers in several memories."""

from tinyiree.passes.planning.banks import Bank, assign
from tinyiree.passes.planning.occupancy import Occupancy

FAST, SLOW = Bank("fast", 100), Bank("slow", 400)


def whole(size: int, first: int = 0, last: int = 9) -> Occupancy:
    return Occupancy.whole(size, first, last)


def test_the_hottest_for_their_size_are_in_the_fast_bank() -> None:
    buffers = [whole(96), whole(40), whole(56)]
    found = assign(buffers, [960, 800, 1000], (FAST, SLOW), 8)
    assert found is not None
    assert found.banks == (1, 0, 0)
    assert found.arenas == (96, 96)


def test_buffers_at_other_times_share_a_bank() -> None:
    buffers = [whole(96, 0, 3), whole(96, 4, 9), whole(96, 2, 5)]
    found = assign(buffers, [3, 2, 1], (FAST, SLOW), 8)
    assert found is not None
    assert found.banks == (0, 0, 1)
    assert found.offsets == (0, 0, 0)


def test_a_buffer_that_fits_no_bank() -> None:
    assert assign([whole(401)], [1], (FAST, SLOW), 8) is None


def test_a_buffer_that_is_tied_to_the_first_bank() -> None:
    found = assign([whole(96), whole(80)], [1000, 1], (FAST, SLOW), 8, fixed=[1])
    assert found is not None
    assert found.banks == (1, 0)
    assert assign([whole(96), whole(80)], [1, 1], (FAST, SLOW), 8, fixed=[0, 1]) is None
