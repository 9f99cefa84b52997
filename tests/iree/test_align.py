"""Dispatches on parts of tensors: copied where the part begins at an odd place."""

from tinyiree.iree.align import aligned
from tinyiree.iree.schedule import Buffer, Copy, Dispatch, Schedule, Span


def schedule(read: int, write: int) -> Schedule:
    step = Dispatch("f", 0, (Span(0, read, 4), Span(1, write, 4)), (False, True))
    return Schedule((Buffer("input", 32), Buffer("output", 32)), (0,), (1,), (step,))


def test_aligned_parts_stay() -> None:
    assert aligned(schedule(8, 16), 8) == schedule(8, 16)


def test_an_odd_part_is_read_from_a_copy() -> None:
    found = aligned(schedule(12, 16), 8)
    assert found.buffers[2] == Buffer("transient", 4)
    assert found.steps == (
        Copy(Span(0, 12, 4), Span(2, 0, 4)),
        Dispatch("f", 0, (Span(2, 0, 4), Span(1, 16, 4)), (False, True)),
    )


def test_an_odd_part_is_written_through_a_copy() -> None:
    found = aligned(schedule(8, 20), 8)
    assert found.steps == (
        Dispatch("f", 0, (Span(0, 8, 4), Span(2, 0, 4)), (False, True)),
        Copy(Span(2, 0, 4), Span(1, 20, 4)),
    )
