"""Variables in the schedule: one buffer each, that keeps its bytes between invocations."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tinyiree.errors import TinyireeError
from tinyiree.iree.schedule import (
    Buffer,
    BufferKind,
    Copy,
    Dispatch,
    Fill,
    KernelCall,
    Schedule,
    Span,
    Step,
)


def tie_states(schedule: Schedule, count: int) -> Schedule:
    """Let the last ``count`` outputs be written to the buffers of the last ``count`` inputs.

    ::

        state s (input), n (output):    n = f(s); y = g(n)
        n in place of s                 s = f'(); y = g(s)     where no step reads s any more
        n begins with parts of s        s := parts of s; s[...] = f(); y = g(s)
        else by a copy                  n = f(s); s := n; y = g(s)

    The copy stands as early as it can, and what follows reads the variable, so that the other
    buffer is free again.

    Args:
        schedule: whose last inputs and outputs are the variables, in one order.
        count: how many variables there are.

    Raises:
        TinyireeError: a variable's old and new value differ in size.
    """
    if not count:
        return schedule
    states = schedule.inputs[-count:]
    tying = _Tying(schedule, states)
    # A variable's old value as an output must not be overwritten.
    results = [
        tying.copied(i, 0, "output") if i in states else i for i in schedule.outputs[:-count]
    ]
    for state, value in zip(states, _own_values(tying, schedule.outputs[-count:]), strict=True):
        if value != state:
            tying.tie(state, value)
    outputs = tuple(tying.renamed.get(i, i) for i in results)
    buffers = [
        Buffer("state", buffer.size) if i in states else buffer
        for i, buffer in enumerate(tying.buffers)
    ]
    return without_unused(
        Schedule(
            tuple(buffers),
            schedule.inputs[:-count],
            outputs,
            tuple(tying.steps),
            states,
        )
    )


class _Tying:
    """A schedule that is being changed."""

    def __init__(self, schedule: Schedule, states: Sequence[int]) -> None:
        self.buffers = list(schedule.buffers)
        self.steps: list[Step] = list(schedule.steps)
        self.arguments = set(schedule.inputs)
        self.states = states
        # Buffers whose value lies in a variable at the end.
        self.renamed: dict[int, int] = {}

    def copied(self, buffer: int, at: int, kind: BufferKind = "transient") -> int:
        """A copy of a buffer, made before the step ``at``."""
        size = self.buffers[buffer].size
        self.buffers.append(Buffer(kind, size))
        copy = len(self.buffers) - 1
        self.steps.insert(at, Copy(Span(buffer, 0, size), Span(copy, 0, size)))
        return copy

    def tie(self, state: int, value: int) -> None:
        """Bring a value that only steps write into a variable."""
        if self.buffers[state].size != self.buffers[value].size:
            raise TinyireeError(
                f"IREE keeps a variable in {self.buffers[state].size} bytes and its new value in "
                f"{self.buffers[value].size}, expected as many"
            )
        writes = [i for i, step in enumerate(self.steps) if value in _buffers(step, True)]
        if not writes:
            raise TinyireeError("IREE returns a variable's new value that no step writes")
        begin = writes[0]
        self._move_first(state, value, begin)
        moves = self.steps[begin]
        uses = [i for i, step in enumerate(self.steps) if state in _buffers(step)]
        # A move within the variable reads all before it writes.
        if uses[-1:] == [begin] and isinstance(moves, Copy) and moves.source.buffer == state:
            uses.pop()
        if uses and uses[-1] >= begin:
            begin = max(uses[-1], writes[-1]) + 1
            size = self.buffers[state].size
            self.steps.insert(begin, Copy(Span(value, 0, size), Span(state, 0, size)))
            begin += 1
        self.steps[begin:] = [_moved(step, value, state) for step in self.steps[begin:]]
        self.renamed[value] = state

    def _move_first(self, state: int, value: int, begin: int) -> None:
        """Let a copy of the variable into its new value be the first step that writes that.

        No other step writes either of its ranges before it.
        """
        for i, step in enumerate(self.steps):
            if isinstance(step, Copy) and (step.source.buffer, step.target.buffer) == (
                state,
                value,
            ):
                self.steps.insert(begin, self.steps.pop(i))
                return

    def last_write(self, buffer: int) -> int:
        """The last step that writes a buffer; -1 when none does."""
        writes = (i for i, step in enumerate(self.steps) if buffer in _buffers(step, True))
        return max(writes, default=-1)


def _own_values(tying: _Tying, values: Sequence[int]) -> list[int]:
    """For each variable a buffer of its new value that no other has and that steps alone write."""
    found: list[int] = []
    for state, value in zip(tying.states, values, strict=True):
        if value == state:
            found.append(value)
        elif value in tying.arguments or value in found:
            found.append(tying.copied(value, tying.last_write(value) + 1))
        else:
            found.append(value)
    return found


def _buffers(step: Step, written: bool = False) -> set[int]:
    """The buffers that a step touches, or writes."""
    match step:
        case Dispatch() | KernelCall():
            pairs = zip(step.bindings, step.writes, strict=True)
            return {span.buffer for span, writes in pairs if writes or not written}
        case Fill():
            return {step.target.buffer}
        case Copy():
            return {step.target.buffer} if written else {step.source.buffer, step.target.buffer}


def _moved(step: Step, old: int, new: int) -> Step:
    """A step with one buffer in place of another."""
    return _mapped(step, lambda buffer: new if buffer == old else buffer)


def _mapped(step: Step, change: Callable[[int], int]) -> Step:
    def span(given: Span) -> Span:
        return replace(given, buffer=change(given.buffer))

    match step:
        case Dispatch() | KernelCall():
            return replace(step, bindings=tuple(span(given) for given in step.bindings))
        case Fill():
            return replace(step, target=span(step.target))
        case Copy():
            return replace(step, source=span(step.source), target=span(step.target))


def without_unused(schedule: Schedule) -> Schedule:
    """Without the buffers that nothing uses any more."""
    used = {*schedule.inputs, *schedule.outputs, *schedule.states}
    used.update(buffer for step in schedule.steps for buffer in _buffers(step))
    number = {old: new for new, old in enumerate(sorted(used))}
    return Schedule(
        tuple(schedule.buffers[i] for i in sorted(used)),
        tuple(number[i] for i in schedule.inputs),
        tuple(number[i] for i in schedule.outputs),
        tuple(_mapped(step, number.__getitem__) for step in schedule.steps),
        tuple(number[i] for i in schedule.states),
    )
