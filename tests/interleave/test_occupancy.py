"""Steps of a schedule in the planner's terms."""

import pytest

from tinyiree.interleave.occupancy import from_bottom, graph, step_uses
from tinyiree.iree.schedule import Buffer, Copy, Dispatch, Fill, KernelCall, Schedule, Span
from tinyiree.kernels.kernel import Reads
from tinyiree.kernels.walk import Shape, Walk
from tinyiree.passes.plan_memory import PlanMemory

# A window of three rows of one pixel over ten rows of 8 bytes.
WINDOW = {
    "in_height": 10, "in_width": 1, "in_channels": 8, "out_width": 1, "kernel_height": 3,
    "kernel_width": 1, "stride_height": 1, "stride_width": 1, "dilation_height": 1,
    "dilation_width": 1, "pad_top": 1, "pad_left": 0,
}  # fmt: skip
WALK = Walk(Reads.PIXEL_FIRST, Shape.WINDOWS, WINDOW, 10, 1, 8, 8)
CALL = KernelCall(
    "armv7em.conv2d", "f", 0, 10, (Span(0, 0, 80), Span(1, 0, 80), Span(2, 0, 32)),
    (False, True, True),
)  # fmt: skip


def schedule(*steps: Dispatch | KernelCall | Copy | Fill) -> Schedule:
    buffers = (Buffer("input", 80), Buffer("output", 80), Buffer("scratch", 32))
    return Schedule(buffers, (0,), (1,), steps)


def test_a_walk_lets_the_output_slide() -> None:
    _, plan = PlanMemory().arrange(graph(schedule(CALL), {0: WALK}, 8))
    # Pixel r may be written when r - 1 is not needed any more: 8 bytes, and 3 that may be read on.
    assert abs(plan.offsets[1] - plan.offsets[0]) <= 16
    assert plan.arena_bytes == plan.bound_bytes <= 80 + 16 + 32


def test_without_a_walk_tensors_lie_apart() -> None:
    _, plan = PlanMemory().arrange(graph(schedule(CALL), {}, 8))
    assert plan.arena_bytes == 80 + 80 + 32


def test_a_dispatch_needs_all_its_memory_at_once() -> None:
    step = Dispatch("f", 0, (Span(0, 0, 80), Span(1, 0, 80)), (False, True))
    _, plan = PlanMemory().arrange(graph(schedule(step), {0: WALK}, 8))
    assert plan.arena_bytes == 160


def test_what_a_dispatch_writes_may_also_be_read() -> None:
    """An update in place keeps what was written before."""
    fill = Fill(Span(1, 0, 80), 0, 1)
    between = Dispatch("f", 0, (Span(0, 0, 80), Span(2, 0, 32)), (False, True))
    update = Dispatch("g", 1, (Span(2, 0, 32), Span(1, 0, 80)), (False, True))
    steps = graph(schedule(fill, between, update), {}, 8)
    _, plan = PlanMemory(order=False).arrange(steps)
    assert plan.arena_bytes == 80 + 80 + 32


def test_a_copy_may_overlap() -> None:
    uses = step_uses(Copy(Span(0, 0, 80), Span(1, 0, 80)), {})
    assert uses.ticks == 2
    _, plan = PlanMemory().arrange(graph(schedule(Copy(Span(0, 0, 80), Span(1, 0, 80))), {}, 8))
    assert plan.arena_bytes == 80


def test_calls_from_the_bottom() -> None:
    changed = from_bottom(CALL, {0: WALK})
    assert (changed.chunk, changed.calls) == (2, 5)
    assert CALL.calls == 1
    other = step_uses(CALL, {0: WALK}).alternative
    assert other is not None
    (writes,) = (use for use in other.uses if use.writes and use.buffer == 1)
    assert writes.low.tolist() == [64, 72, 48, 56, 32, 40, 16, 24, 0, 8]


def test_only_kernels_have_a_second_way() -> None:
    with pytest.raises(ValueError, match="only kernel calls"):
        from_bottom(Fill(Span(0, 0, 8), 0, 1), {})
