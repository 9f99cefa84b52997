"""The words of a chain say the same calls and moves, in fewer words."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tinyiree.emit.chains import ChainCode, chain_at, encode
from tinyiree.emit.program import Program
from tinyiree.errors import TinyireeError
from tinyiree.iree.schedule import Buffer, Copy, Fill, KernelCall, Schedule, Span, Step
from tinyiree.passes.plan_memory import MemoryPlan

OFFSETS = (0, 1000, 2000)


def call(group: int, first: int, last: int, *offsets: int) -> KernelCall:
    spans = tuple(Span(i, offset, 500) for i, offset in enumerate(offsets))
    writes = (*[False] * (len(offsets) - 1), True)
    return KernelCall("armv7em.conv2d", f"f{group}", group, 99, spans, writes, part=(first, last))


def move(source: int, target: int, length: int) -> Copy:
    return Copy(Span(1, source, length), Span(1, target, length))


def program(steps: Sequence[Step]) -> Program:
    buffers = tuple(Buffer("transient", 500) for _ in OFFSETS)
    plan = MemoryPlan(OFFSETS, 2500, 2500, ())
    return Program("net", "", (), (), (), Schedule(buffers, (), (), tuple(steps)), (), plan)


def decoded(code: ChainCode) -> list[tuple[object, ...]]:
    """What `tinyiree_run_chain` does with the words."""
    words = [word for line in code.lines for word in line]
    found: list[tuple[object, ...]] = []
    at = turn = 0
    while True:
        kind, count, number = words[at] & 0xFF, words[at] >> 8 & 0xFF, words[at] >> 16
        at += 1
        if kind <= 1:
            first, last = words[at] & 0xFFFF, words[at] >> 16
            offsets = words[at + 1 : at + 1 + count]
            at += 1 + count
            if kind == 1:
                first, last = first + turn * words[at], last + turn * words[at]
                moved = words[at + 1 : at + 1 + count]
                offsets = [a + turn * b for a, b in zip(offsets, moved, strict=True)]
                at += 1 + count
            signed = [((o & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000 for o in offsets]
            found.append((code.layers[number].function, first, last, *signed))
        elif kind == 2:
            found.append(("move", *words[at : at + 3]))
            at += 3
        elif kind == 3:
            turn += 1
            if turn < number:
                at -= words[at]
            else:
                turn = 0
                at += 1
        else:
            assert at == len(words)
            return found


def expected(steps: Sequence[Step]) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for step in steps:
        if isinstance(step, Copy):
            found.append(("move", *(OFFSETS[1] + s.offset for s in (step.source, step.target)),
                          step.source.length))  # fmt: skip
        elif isinstance(step, KernelCall) and step.part is not None:
            places = (OFFSETS[s.buffer] + s.offset for s in step.bindings)
            found.append((step.function, *step.part, *places))
    return found


def stripes(count: int) -> list[Step]:
    steps: list[Step] = [call(0, 0, 2, 0, 0), call(1, 0, 1, 5, 0, 0)]
    for i in range(1, count):
        steps += [move(16, 0, 32), call(0, i + 1, i + 2, 0, -16 * i)]
        steps.append(call(1, i, i + 1, 5, -16 * i, 24 * i))
    return [*steps, call(1, count, count + 1, 5, -16 * count, 24 * count)]


def test_a_loop_is_found() -> None:
    steps = stripes(20)
    code = encode(program(steps), steps)
    assert decoded(code) == expected(steps)
    # The first and last stripe, one loop of three instructions, and the end.
    assert len(code.lines) == 2 + 4 + 1 + 1


def test_few_stripes_need_no_loop() -> None:
    for count in (1, 2, 3):
        steps = stripes(count)
        code = encode(program(steps), steps)
        assert decoded(code) == expected(steps)


def test_rows_that_grow_are_no_loop() -> None:
    steps = [call(0, 0, i, 0, 0) for i in range(1, 9)]
    code = encode(program(steps), steps)
    assert decoded(code) == expected(steps)
    assert len(code.lines) == 9


def test_where_a_chain_ends() -> None:
    whole = replace(call(0, 0, 1, 0, 0), part=None)
    fill = Fill(Span(0, 0, 8), 0, 1)
    part = call(0, 0, 1, 0, 0)
    steps = [fill, part, move(0, 8, 8), part, move(0, 8, 8), whole, part]
    assert list(chain_at(steps, 0)) == []
    assert list(chain_at(steps, 1)) == steps[1:4]
    assert list(chain_at(steps, 2)) == []
    assert list(chain_at(steps, 5)) == []
    assert list(chain_at(steps, 6)) == steps[6:]


def test_too_many_rows() -> None:
    steps = [replace(call(0, 0, 1, 0, 0), rows=70_000)]
    with pytest.raises(TinyireeError, match="70000 rows"):
        encode(program(steps), steps)
