"""Which bytes of a buffer are needed at which tick."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinyiree.passes.planning.occupancy import Occupancy, StepUses, Use, occupancies


def series(buffer: int, writes: bool, *triples: tuple[int, int, int]) -> Use:
    ticks, low, high = (np.array(column, np.int64) for column in zip(*triples, strict=True))
    return Use(buffer, writes, ticks, low, high)


def intervals(needed: Occupancy) -> list[tuple[int, int, int]]:
    """(tick, low, high) where something is needed."""
    rows = zip(needed.low.tolist(), needed.high.tolist(), strict=True)
    return [(needed.first + i, low, high) for i, (low, high) in enumerate(rows) if low < high]


def test_rows_come_and_go() -> None:
    step = StepUses(
        3,
        (
            series(0, False, (0, 0, 4), (1, 2, 6), (2, 4, 6)),
            series(1, True, (0, 0, 2), (1, 2, 4), (2, 4, 6)),
        ),
    )
    source, target = occupancies([6, 6], [step], inputs=[0], outputs=[1])
    assert intervals(source) == [(0, 0, 6), (1, 0, 6), (2, 2, 6), (3, 4, 6)]
    assert intervals(target) == [(1, 0, 2), (2, 0, 4), (3, 0, 6), (4, 0, 6)]


def test_several_steps_write_one_buffer() -> None:
    """Halves by two steps; what lies between the writes is needed as well."""
    steps = [
        StepUses(1, (Use.at(0, True, 0, 0, 8),)),
        StepUses(2, ()),
        StepUses(1, (Use.at(0, True, 0, 8, 16),)),
        StepUses(1, (Use.at(0, False, 0, 0, 16),)),
    ]
    (needed,) = occupancies([16], steps, [], [])
    assert intervals(needed) == [(1, 0, 8), (2, 0, 8), (3, 0, 8), (4, 0, 16), (5, 0, 16)]


def test_accesses_outside_of_a_buffer_are_cut_off() -> None:
    """A ring of rows whose first ones lie before it."""
    steps = [StepUses(1, (Use.at(0, writes, 0, -8, 4),)) for writes in (True, False)]
    (needed,) = occupancies([16], steps, [], [])
    assert intervals(needed) == [(1, 0, 4), (2, 0, 4)]


def test_what_nobody_reads_is_needed_while_it_is_written() -> None:
    (needed,) = occupancies([16], [StepUses(2, (Use.at(0, True, 1, 0, 16),))], [], [])
    assert intervals(needed) == [(2, 0, 16)]


def test_an_unused_buffer_needs_nothing() -> None:
    (needed,) = occupancies([16], [StepUses(1, ())], [], [])
    assert intervals(needed) == []


def test_always_is_from_before_to_after() -> None:
    (needed,) = occupancies([16], [StepUses(1, ())], [], [], always=[0])
    assert intervals(needed) == [(0, 0, 16), (1, 0, 16), (2, 0, 16)]


@st.composite
def programs(draw: st.DrawFn) -> list[StepUses]:
    steps = []
    for _ in range(draw(st.integers(1, 5))):
        ticks = draw(st.integers(1, 4))
        uses = []
        for _ in range(draw(st.integers(0, 3))):
            low = draw(st.integers(0, 11))
            high, tick = draw(st.integers(low, 12)), draw(st.integers(0, ticks - 1))
            uses.append(Use.at(0, draw(st.booleans()), tick, low, high))
        steps.append(StepUses(ticks, tuple(uses)))
    return steps


@given(programs(), st.booleans(), st.booleans())
def test_every_byte_is_needed_from_its_write_to_its_last_read(
    steps: list[StepUses], is_input: bool, is_output: bool
) -> None:
    """Against a simulation of single bytes."""
    (needed,) = occupancies([12], steps, [0] if is_input else [], [0] if is_output else [])
    found = {tick: (low, high) for tick, low, high in intervals(needed)}
    end = sum(step.ticks for step in steps) + 1
    events = [(0, True, 0, 12)] * is_input + [(end, False, 0, 12)] * is_output
    start = 1
    for step in steps:
        events += [
            (start + int(use.ticks[0]), use.writes, int(use.low[0]), int(use.high[0]))
            for use in step.uses
        ]
        start += step.ticks
    for written, writes, low, high in events:
        for byte in range(low, high):
            assert found[written][0] <= byte < found[written][1]
            if not writes:
                continue
            reads = [t for t, w, a, b in events if not w and t >= written and a <= byte < b]
            for tick in range(written, max(reads, default=written) + 1):
                assert found[tick][0] <= byte < found[tick][1]
