"""Boxes of the memory map, against places worked out by hand."""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

import example
import pytest

from tinyiree.report.html.arena import ROW, TOP, draw


def test_boxes_lie_where_the_tensors_lie() -> None:
    arena = draw(example.MEMORY)
    each = (arena.right - arena.left) / example.MEMORY.arena_bytes
    box = next(box for box in arena.boxes if box.title.startswith("stem"))
    assert box.x == pytest.approx(arena.left)
    assert box.width == pytest.approx(2048 * each, abs=1)
    # Rows are the inputs, stem, dense, the outputs: the second and the third.
    assert box.y == pytest.approx(TOP + ROW, abs=1)
    assert box.height == pytest.approx(2 * ROW, abs=2)
    assert box.title == "stem (transient): 2,048 bytes at 0, from stem to dense"
    assert (box.label, box.bytes) == ("stem", "2,048")


def test_the_peak_is_where_the_arena_is_full() -> None:
    memory = example.MEMORY
    assert [row.peak for row in draw(memory).rows] == [True] * 4, "the state is always there"
    stateless = replace(memory, buffers=memory.buffers[:-1])
    assert [row.peak for row in draw(stateless).rows] == [False, False, True, False]


def test_no_box_leaves_the_drawing() -> None:
    arena = draw(example.MEMORY)
    assert len(arena.boxes) == len(example.MEMORY.buffers)
    for box in arena.boxes:
        assert arena.left <= box.x
        assert box.x + box.width <= arena.right + 1.5
        assert arena.top <= box.y
        assert box.y + box.height <= arena.height


def test_ticks_are_round_and_keep_away_from_the_end() -> None:
    arena = draw(example.MEMORY)
    assert [tick.label for tick in arena.ticks] == ["0", "500", "1,000", "1,500", "2,000"]
    assert arena.right - arena.ticks[-1].x >= 64


def test_long_names_are_cut() -> None:
    long = replace(example.MEMORY.buffers[3], name="a" * 90)
    arena = draw(replace(example.MEMORY, buffers=(long,)))
    (box,) = arena.boxes
    assert len(box.label) < 10
    assert "a" * 90 in box.title
