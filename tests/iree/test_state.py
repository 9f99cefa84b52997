"""Variables in the schedule: in place where that is right, by a copy where it is not.

Every case is executed as bytes, before and after: the outputs and the variables must be the same.
"""

import numpy as np
import pytest

from tinyiree.errors import TinyireeError
from tinyiree.iree.schedule import Buffer, Copy, Dispatch, Fill, Schedule, Span, Step
from tinyiree.iree.state import tie_states

SIZE = 8


def whole(buffer: int) -> Span:
    return Span(buffer, 0, SIZE)


def mix(reads: list[int], writes: int, group: int = 0) -> Dispatch:
    """A dispatch whose result depends on all that it reads, and on which one it is."""
    spans = tuple(whole(i) for i in (*reads, writes))
    return Dispatch(f"f{group}", group, spans, (*(False for _ in reads), True))


def schedule(buffers: str, steps: list[Step], inputs: list[int], outputs: list[int]) -> Schedule:
    """Buffers by letter: i(nput), o(utput), t(ransient)."""
    kinds = {"i": "input", "o": "output", "t": "transient"}
    made = tuple(Buffer(kinds[letter], SIZE) for letter in buffers)  # type: ignore[arg-type]
    return Schedule(made, tuple(inputs), tuple(outputs), tuple(steps))


def execute(steps: tuple[Step, ...], memory: dict[int, np.ndarray]) -> None:
    for step in steps:
        match step:
            case Dispatch():
                values = [
                    memory[span.buffer][span.offset : span.offset + span.length]
                    for span in step.bindings
                ]
                total = sum((2 * i + 3) * value for i, value in enumerate(values[:-1]))
                values[-1][:] = np.asarray(total + step.group + 1, np.uint8)
            case Copy():
                source = memory[step.source.buffer][step.source.offset :][: step.source.length]
                memory[step.target.buffer][step.target.offset :][: step.target.length] = (
                    source.copy()
                )
            case Fill():
                memory[step.target.buffer][:] = step.pattern & 0xFF


def check(given: Schedule, count: int) -> Schedule:
    """The tied schedule, which computes the same over three invocations."""
    tied = tie_states(given, count)
    rng = np.random.default_rng(1)
    states = [rng.integers(0, 256, SIZE).astype(np.uint8) for _ in range(count)]
    kept = {b: s.copy() for b, s in zip(tied.states, states, strict=True)}
    for _ in range(3):
        inputs = [rng.integers(0, 256, SIZE).astype(np.uint8) for _ in tied.inputs]
        memory = {i: rng.integers(0, 256, SIZE).astype(np.uint8) for i in range(len(given.buffers))}
        for buffer, value in zip(given.inputs, [*inputs, *states], strict=True):
            memory[buffer] = value.copy()
        execute(given.steps, memory)
        results = [memory[i].copy() for i in given.outputs]
        outputs, states = results[: len(results) - count], results[len(results) - count :]
        memory = {i: rng.integers(0, 256, SIZE).astype(np.uint8) for i in range(len(tied.buffers))}
        memory.update(kept)
        for buffer, value in zip(tied.inputs, inputs, strict=True):
            memory[buffer] = value.copy()
        execute(tied.steps, memory)
        for buffer, value in zip(tied.outputs, outputs, strict=True):
            np.testing.assert_array_equal(memory[buffer], value)
        for buffer, value in zip(tied.states, states, strict=True):
            np.testing.assert_array_equal(memory[buffer], value)
            assert tied.buffers[buffer].kind == "state"
        kept = {b: memory[b] for b in tied.states}
    return tied


def copies(tied: Schedule) -> int:
    return sum(isinstance(step, Copy) for step in tied.steps)


def test_without_variables_nothing_changes() -> None:
    given = schedule("io", [mix([0], 1)], [0], [1])
    assert tie_states(given, 0) is given


def test_in_place_where_the_old_value_is_dead() -> None:
    # t = f(x, s); n = g(t); y = h(n)
    steps: list[Step] = [mix([0, 1], 2), mix([2], 3, 1), mix([3], 4, 2)]
    tied = check(schedule("iitoo", steps, [0, 1], [4, 3]), 1)
    assert copies(tied) == 0
    assert len(tied.buffers) == 4


def test_a_copy_where_one_step_reads_old_and_writes_new() -> None:
    # n = f(x, s); t = g(n); y = h(t, n): the copy stands before g, and both read the variable.
    steps: list[Step] = [mix([0, 1], 3), mix([3], 2, 1), mix([2, 3], 4, 2)]
    tied = check(schedule("iitoo", steps, [0, 1], [4, 3]), 1)
    assert copies(tied) == 1
    assert isinstance(tied.steps[1], Copy)
    assert tied.steps[2].bindings[0].buffer == tied.states[0]  # type: ignore[union-attr]


def test_a_copy_behind_the_last_use_of_the_old_value() -> None:
    # n = f(x); y = g(s, n)
    steps: list[Step] = [mix([0], 2), mix([1, 2], 3, 1)]
    tied = check(schedule("iioo", steps, [0, 1], [3, 2]), 1)
    assert isinstance(tied.steps[-1], Copy)


def test_the_new_value_is_an_output_too() -> None:
    for steps in ([mix([0, 1], 2)], [mix([0], 2)]):
        check(schedule("iio", steps, [0, 1], [2, 2]), 1)


def test_a_variable_that_never_changes() -> None:
    tied = check(schedule("iio", [mix([0, 1], 2)], [0, 1], [2, 1]), 1)
    assert copies(tied) == 0


def test_an_old_value_as_an_output() -> None:
    check(schedule("iio", [mix([0], 2)], [0, 1], [1, 2]), 1)


def test_an_input_becomes_the_variable() -> None:
    check(schedule("iio", [mix([0, 1], 2)], [0, 1], [2, 0]), 1)


def test_variables_change_places() -> None:
    check(schedule("iiio", [mix([0, 1, 2], 3)], [0, 1, 2], [3, 2, 1]), 2)


def test_a_chain_of_variables() -> None:
    # s1 := n, s2 := old s1
    for steps in ([mix([0, 1], 3), mix([2, 3], 4, 1)], [mix([0], 3), mix([2, 3], 4, 1)]):
        check(schedule("iiioo", steps, [0, 1, 2], [4, 3, 1]), 2)


def test_two_variables_get_one_value() -> None:
    steps: list[Step] = [mix([0, 1, 2], 3), mix([3], 4, 1)]
    check(schedule("iiioo", steps, [0, 1, 2], [4, 3, 3]), 2)


def shifted(first: bool) -> list[Step]:
    """``n = s[2:] + f(x)``, then ``y = g(n)``, with the copy first or second."""
    move = Copy(Span(1, 2, SIZE - 2), Span(2, 0, SIZE - 2))
    newest = Dispatch("f0", 0, (Span(0, 0, 2), Span(2, SIZE - 2, 2)), (False, True))
    return [move, newest, mix([2], 3, 1)] if first else [newest, move, mix([2], 3, 1)]


@pytest.mark.parametrize("first", [True, False])
def test_a_delay_line_moves_within_the_variable(first: bool) -> None:
    tied = check(schedule("iioo", shifted(first), [0, 1], [3, 2]), 1)
    assert copies(tied) == 1
    assert tied.steps[0] == Copy(Span(1, 2, SIZE - 2), Span(1, 0, SIZE - 2))
    assert len(tied.buffers) == 3


def test_a_delay_line_whose_old_value_is_read_later() -> None:
    steps = [*shifted(True), mix([1, 3], 4, 2)]
    tied = check(schedule("iiooo", steps, [0, 1], [4, 2]), 1)
    assert copies(tied) == 2


def test_random_schedules() -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        inputs, count, length = 1, int(rng.integers(1, 4)), int(rng.integers(1, 7))
        first = inputs + count
        steps: list[Step] = []
        for i in range(length):
            reads = rng.choice(
                first + i, size=int(rng.integers(1, min(first + i, 3) + 1)), replace=False
            )
            steps.append(mix([int(r) for r in reads], first + i, i))
        outputs = [int(rng.integers(0, first + length)) for _ in range(1 + count)]
        kinds = "i" * first + "o" * length
        check(schedule(kinds, steps, list(range(first)), outputs), count)


def test_sizes_agree() -> None:
    buffers = (Buffer("input", 8), Buffer("input", 8), Buffer("output", 4))
    step = Dispatch("f", 0, (Span(0, 0, 8), Span(2, 0, 4)), (False, True))
    with pytest.raises(TinyireeError, match="in 8 bytes and its new value in 4"):
        tie_states(Schedule(buffers, (0, 1), (0, 2), (step,)), 1)


def test_every_new_value_is_written() -> None:
    buffers = (Buffer("input", 8), Buffer("output", 8))
    with pytest.raises(TinyireeError, match="no step writes"):
        tie_states(Schedule(buffers, (0,), (1,), ()), 1)
