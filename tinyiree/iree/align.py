"""Parts of tensors that do not begin where generated code may assume it."""

from dataclasses import replace

from tinyiree.iree.schedule import Buffer, Copy, Dispatch, Schedule, Span, Step


def aligned(schedule: Schedule, alignment: int) -> Schedule:
    """A schedule whose dispatches read and write at multiples of an alignment within buffers.

    ::

        f(x[3:5], y)  =>  t := x[3:5]; f(t, y)
        f(x, y[3:5])  =>  f(x, t); y[3:5] := t
    """
    buffers, steps = list(schedule.buffers), list[Step]()
    for step in schedule.steps:
        if not isinstance(step, Dispatch):
            steps.append(step)
            continue
        bindings, before, after = [], list[Step](), list[Step]()
        for span, writes in zip(step.bindings, step.writes, strict=True):
            if span.offset % alignment == 0:
                bindings.append(span)
                continue
            buffers.append(Buffer("transient", span.length))
            own = Span(len(buffers) - 1, 0, span.length)
            bindings.append(own)
            if writes:
                after.append(Copy(own, span))
            else:
                before.append(Copy(span, own))
        steps += [*before, replace(step, bindings=tuple(bindings)), *after]
    return replace(schedule, buffers=tuple(buffers), steps=tuple(steps))
