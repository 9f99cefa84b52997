"""Which bytes of its buffers each step of a schedule needs, in the planner's terms."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinyiree.iree.schedule import Copy, Dispatch, Fill, KernelCall, Schedule, Span, Step
from tinyiree.kernels.walk import OVER_READ, Shape, Walk
from tinyiree.passes.plan_memory import Lifetime
from tinyiree.passes.planning.occupancy import StepUses, Use
from tinyiree.passes.planning.order import Graph


def accesses(step: Step) -> tuple[tuple[Span, bool], ...]:
    """The memory that a step touches, each with whether it writes it."""
    match step:
        case Dispatch() | KernelCall():
            return tuple(zip(step.bindings, step.writes, strict=True))
        case Fill():
            return ((step.target, True),)
        case Copy():
            return ((step.source, False), (step.target, True))


def rows_used(step: KernelCall, walks: Mapping[int, Walk]) -> tuple[tuple[Span, bool], ...]:
    """As `accesses`, of the call of a kernel with a `Walk` only the bytes that its rows need.

    Without those that are read along with them in a last word.
    """
    every = step_uses(step, walks).uses
    found = []
    for span, writes in accesses(step):
        uses = [use for use in every if (use.buffer, use.writes) == (span.buffer, writes)]
        uses = [use for use in uses if (use.low < use.high).any()]
        if uses:
            low = min(int(use.low[use.low < use.high].min()) for use in uses)
            high = max(int(use.high[use.low < use.high].max()) for use in uses)
            windows = not writes and walks[step.group].shape is Shape.WINDOWS
            high -= OVER_READ if windows else 0
            found.append((Span(span.buffer, low, high - low), writes))
    return tuple(found)


def lifetimes(schedule: Schedule) -> tuple[Lifetime, ...]:
    """First and last step of each buffer; inputs live from before, outputs to past the steps."""
    count = len(schedule.buffers)
    first = [len(schedule.steps)] * count
    last = [-1] * count
    for number, step in enumerate(schedule.steps):
        for span, _ in accesses(step):
            first[span.buffer] = min(first[span.buffer], number)
            last[span.buffer] = max(last[span.buffer], number)
    for buffer in schedule.inputs:
        first[buffer] = -1
    for buffer in schedule.outputs:
        last[buffer] = len(schedule.steps)
        first[buffer] = min(first[buffer], last[buffer])
    return tuple(
        Lifetime(buffer.size, begin, max(begin, end))
        for buffer, begin, end in zip(schedule.buffers, first, last, strict=True)
    )


def graph(schedule: Schedule, walks: Mapping[int, Walk], alignment: int) -> Graph:
    """The schedule as the planner sees it."""
    return Graph(
        sizes=[buffer.size for buffer in schedule.buffers],
        steps=[step_uses(step, walks) for step in schedule.steps],
        inputs=frozenset(schedule.inputs),
        outputs=frozenset(schedule.outputs),
        always=frozenset(i for i, b in enumerate(schedule.buffers) if str(b.kind) == "state"),
        alignment=alignment,
    )


def step_uses(step: Step, walks: Mapping[int, Walk]) -> StepUses:
    """The ticks and accesses of a step.

    A kernel with a `Walk` reads and writes unit by unit, from the top down or (the alternative)
    from the bottom up, and a copy (a memmove) reads all before it
    writes. Every other step needs all of its memory at once; of a dispatch the compiler was told
    that its tensors do not overlap.

    Args:
        step: of a schedule.
        walks: by dispatch group.
    """
    match step:
        case KernelCall() if step.group in walks:
            walk = walks[step.group]
            if step.part is not None:
                return _walked(step, walk, 0)
            other = _walked(step, walk, walk.chunk) if walk.chunk else None
            return replace(_walked(step, walk, 0), alternative=other)
        case Copy():
            return StepUses(2, (_whole(step.source, False, 0), _whole(step.target, True, 1)))
        case _:
            found = [_whole(span, writes, 0) for span, writes in accesses(step)]
            # A dispatch may also read what it writes.
            found += [_whole(span, False, 0) for span, writes in accesses(step) if writes]
            return StepUses(1, tuple(found))


def from_bottom(step: Step, walks: Mapping[int, Walk]) -> KernelCall:
    """A call as the alternative of its `step_uses`: cut into calls from the bottom up."""
    if not isinstance(step, KernelCall):
        raise ValueError(f"only kernel calls have a second way, not {step}")
    return replace(step, chunk=walks[step.group].chunk)


def _walked(step: KernelCall, walk: Walk, chunk: int) -> StepUses:
    """Two ticks a unit: its reads, then its writes."""
    first, last = step.part or (0, step.rows)
    progress = walk.progress(first, last, chunk)
    count = len(progress.read_low)
    reads = 2 * np.arange(count, dtype=np.int64)
    found: list[Use] = []
    results = 0
    for span, writes in zip(step.bindings, step.writes, strict=True):
        at, buffer = span.offset, span.buffer
        if not writes:
            low, late, high = (
                part + at for part in (progress.read_low, progress.late_low, progress.read_high)
            )
            found += [
                Use(buffer, False, reads, low, high),
                Use(buffer, False, reads + 1, late, high),
            ]
        elif results == 0:
            low, high = progress.write_low + at, progress.write_high + at
            found.append(Use(buffer, True, reads + 1, low, high))
            # A clamp may go over the rows once more at the end.
            found.append(Use.at(buffer, False, 2 * count - 1, int(low.min()), int(high.max())))
            results += 1
        else:  # scratch
            found += [_whole(span, True, 0), _whole(span, False, 2 * count - 1)]
    return StepUses(2 * count, tuple(found))


def _whole(span: Span, writes: bool, tick: int) -> Use:
    return Use.at(span.buffer, writes, tick, span.offset, span.offset + span.length)
