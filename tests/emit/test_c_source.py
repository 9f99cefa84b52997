"""The generated C: a golden file, the tables, and that compilers take it without a warning."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tinyiree.emit.c_source import render
from tinyiree.emit.kernels import KernelUse
from tinyiree.emit.program import IoTensor, Program, StateTensor, place
from tinyiree.errors import TinyireeError
from tinyiree.firmware import RUNTIME_DIRECTORY
from tinyiree.iree.schedule import Buffer, Copy, Dispatch, Fill, KernelCall, Schedule, Span
from tinyiree.kernels.kernel import Packed
from tinyiree.kernels.structs import STRUCTS
from tinyiree.passes.plan_memory import PlanMemory

GOLDEN = Path(__file__).parent / "golden"


def wake_word() -> Program:
    """Two inputs and outputs, every kind of step, equal binding runs, a function called twice."""
    schedule = Schedule(
        buffers=(
            Buffer("input", 100),
            Buffer("input", 16),
            Buffer("transient", 200),
            Buffer("output", 10),
            Buffer("output", 16),
        ),
        inputs=(0, 1),
        outputs=(3, 4),
        steps=(
            Fill(Span(2, 0, 200), 0x80, 1),
            Dispatch("wake_dispatch_0", 0, (Span(0, 0, 100), Span(2, 0, 200)), (False, True)),
            Dispatch("wake_dispatch_1", 1, (Span(2, 0, 200), Span(3, 0, 10)), (False, True)),
            Dispatch("wake_dispatch_0", 2, (Span(0, 0, 100), Span(2, 0, 200)), (False, True)),
            Copy(Span(1, 0, 16), Span(4, 0, 16)),
        ),
    )
    return place(
        "wake",
        "wake_linked_library_query",
        ("wake_dispatch_0", "wake_dispatch_1"),
        (
            IoTensor("audio", (1, 10, 10), "int8", 0.05, -7, 100),
            IoTensor("state", (1, 4), "float32", None, None, 16),
        ),
        (
            IoTensor("scores", (1, 10), "int8", 0.00390625, -128, 10),
            IoTensor("next_state", (1, 4), "float32", None, None, 16),
        ),
        schedule,
        PlanMemory(),
    )


def single() -> Program:
    """One input and one output: their names carry no number."""
    schedule = Schedule(
        (Buffer("input", 4), Buffer("output", 4)),
        (0,),
        (1,),
        (Dispatch("one_dispatch_0", 0, (Span(0, 0, 4), Span(1, 0, 4)), (False, True)),),
    )
    return place(
        "one",
        "one_dispatch_0_library_query",
        ("one_dispatch_0",),
        (IoTensor("x", (1, 4), "int8", 0.1, 3, 4),),
        (IoTensor("y", (1, 4), "int8", 0.25, 0, 4),),
        schedule,
        PlanMemory(),
    )


def stream() -> Program:
    """Two variables, the first with an initial value, of which one is written in place."""
    schedule = Schedule(
        buffers=(
            Buffer("input", 4),
            Buffer("state", 4),
            Buffer("state", 12),
            Buffer("output", 4),
        ),
        inputs=(0,),
        outputs=(3,),
        steps=(
            Copy(Span(2, 4, 8), Span(2, 0, 8)),
            Dispatch("stream_dispatch_0", 0, (Span(0, 0, 4), Span(2, 8, 4)), (False, True)),
            Dispatch("stream_dispatch_1", 1, (Span(2, 0, 12), Span(3, 0, 4)), (False, True)),
            Copy(Span(3, 0, 4), Span(1, 0, 4)),
        ),
        states=(1, 2),
    )
    return place(
        "stream",
        "stream_library_query",
        ("stream_dispatch_0", "stream_dispatch_1"),
        (IoTensor("x", (1, 4), "int8", 0.1, 3, 4),),
        (IoTensor("y", (1, 4), "int8", 0.25, 0, 4),),
        schedule,
        PlanMemory(),
        states=(
            StateTensor("last", (1, 4), "int8", 4, b"\x80\x80\x80"),
            StateTensor("line", (3, 4), "int8", 12, b""),
        ),
    )


def test_variables_lie_behind_everything_else() -> None:
    program = stream()
    assert program.plan.offsets[1:3] == (8, 16)
    assert (program.plan.arena_bytes, program.state_offset, program.state_bytes) == (32, 8, 24)
    assert program.initial_state == b"\x80\x80\x80"


def test_initial_values_stand_where_the_variables_do() -> None:
    program = stream()
    first, line = program.states
    other = replace(program, states=(first, replace(line, initial=b"\1\2")))
    assert other.initial_state == b"\x80\x80\x80\0\0\0\0\0\1\2"


@pytest.mark.parametrize("program", [wake_word(), single(), stream()], ids=lambda p: p.name)
def test_golden(program: Program, request: pytest.FixtureRequest) -> None:
    for text, suffix in zip(render(program), (".h", ".c"), strict=True):
        path = GOLDEN / f"{program.name}{suffix}"
        if request.config.getoption("--update-golden"):
            path.write_text(text)
        assert text == path.read_text(), f"{path} differs; review with --update-golden"


def test_a_kernel_call_has_constants_and_scratch() -> None:
    schedule = Schedule(
        (Buffer("input", 16), Buffer("output", 8), Buffer("scratch", 32)),
        (0,),
        (1,),
        (
            KernelCall(
                "armv7em.max_pool2d",
                "tinyiree_armv7em_max_pool2d",
                0,
                2,
                (Span(0, 0, 16), Span(1, 0, 8), Span(2, 0, 32)),
                (False, True, True),
            ),
        ),
    )
    window = dict.fromkeys(STRUCTS["tinyiree_window_t"], 1)
    packed = Packed("tinyiree_max_pool2d_t", {"window": window}, {})
    program = place(
        "pool",
        "",
        (),
        (IoTensor("x", (1, 4, 4, 1), "int8", 0.1, 3, 16),),
        (IoTensor("y", (1, 2, 4, 1), "int8", 0.1, 3, 8),),
        schedule,
        PlanMemory(),
        KernelUse({0: packed}, ("armv7em/max_pool2d.c",), frozenset()),
    )
    assert program.plan.arena_bytes == 56  # the scratch is planned with the rest
    _, source = render(program)
    assert "{ tinyiree_armv7em_max_pool2d, &layer0, 2, 2 }," in source
    assert "static const tinyiree_max_pool2d_t layer0" in source
    assert "{TINYIREE_KERNEL, 3, 0, 0, 0}, // armv7em.max_pool2d" in source
    assert ".query = NULL" in source


def test_compiles_without_warnings(tmp_path: Path) -> None:
    for program in (wake_word(), single(), stream()):
        header, source = render(program)
        (tmp_path / f"{program.name}.h").write_text(header)
        (tmp_path / f"{program.name}.c").write_text(source)
        command = [sys.executable, "-m", "ziglang", "cc", "-target", "thumb-freestanding-eabi"]
        command += ["-mcpu=cortex_m4", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
        command += [f"-I{RUNTIME_DIRECTORY}", "-c", f"{program.name}.c", "-o", "x.o"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr


def test_a_buffer_lives_until_its_last_step() -> None:
    program = wake_word()
    assert [(alive.first, alive.last) for alive in program.lifetimes] == [
        (-1, 3),  # audio: read by the second call of wake_dispatch_0
        (-1, 4),  # state: copied at the end
        (0, 3),
        (2, 5),  # scores: read by the application
        (4, 5),
    ]


def test_an_output_that_is_an_input_has_its_address() -> None:
    schedule = Schedule((Buffer("input", 8),), (0,), (0,), ())
    tensor = IoTensor("x", (8,), "int8", None, None, 8)
    program = place("same", "", (), (tensor,), (tensor,), schedule, PlanMemory())
    header, source = render(program)
    assert "SAME_INPUT_OFFSET 0" in header
    assert "SAME_OUTPUT_OFFSET 0" in header
    assert ".query = NULL" in source
    assert ".step_count = 0" in source


def test_too_many_steps_are_refused() -> None:
    step = Fill(Span(0, 0, 4), 0, 1)
    schedule = Schedule((Buffer("input", 4),), (0,), (0,), (step,) * 70_000)
    tensor = IoTensor("x", (4,), "int8", None, None, 4)
    program = place("long", "", (), (tensor,), (tensor,), schedule, PlanMemory())
    with pytest.raises(TinyireeError, match="70000 steps"):
        render(program)
