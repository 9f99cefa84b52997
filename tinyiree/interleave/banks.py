"""Buffers in several memories: what is accessed most lies in the fastest one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tinyiree.errors import TinyireeError
from tinyiree.interleave.occupancy import graph
from tinyiree.iree.schedule import Dispatch, KernelCall, Schedule
from tinyiree.kernels.walk import Shape, Walk
from tinyiree.passes.plan_memory import MemoryPlan
from tinyiree.passes.planning.banks import Bank, assign
from tinyiree.passes.planning.occupancy import occupancies

ARENA_ALIGNMENT = 16
"""Of the size of each bank's arena."""
SCRATCH_PASSES = 2
"""Scratch is written and read for each pixel of an output."""


def distribute(
    candidates: Iterable[tuple[Schedule, MemoryPlan]],
    walks: Mapping[int, Walk],
    alignment: int,
    banks: Sequence[Bank],
    name: str = "",
) -> tuple[Schedule, MemoryPlan]:
    """The first of some schedules that fits the banks, and where its buffers lie.

    Args:
        candidates: schedules in the order to run and their placements in a single memory; the
            cheapest first.
        walks: by dispatch group.
        alignment: of offsets, in bytes.
        banks: the fastest first.
        name: of the model, for messages.

    Raises:
        TinyireeError: none fits.
    """
    smallest: MemoryPlan | None = None
    for schedule, plan in candidates:
        if plan.arena_bytes <= banks[0].size_bytes:
            return schedule, plan
        found = _in_banks(schedule, plan, walks, alignment, banks)
        if found is not None:
            return schedule, found
        if smallest is None or plan.arena_bytes < smallest.arena_bytes:
            smallest = plan
    least = smallest.arena_bytes if smallest is not None else 0
    rooms = ", ".join(f"{bank.name} {bank.size_bytes:,}" for bank in banks)
    raise TinyireeError(
        f"{name or 'the model'}: expected tensors that fit the memory banks ({rooms} bytes), the "
        f"smallest arena that was found has {least:,} and could not be distributed; take a smaller "
        "model or larger banks"
    )


def _in_banks(
    schedule: Schedule,
    plan: MemoryPlan,
    walks: Mapping[int, Walk],
    alignment: int,
    banks: Sequence[Bank],
) -> MemoryPlan | None:
    program = graph(schedule, walks, alignment)
    sizes = program.sizes
    # Variables come last in the first bank, as the runtime expects them.
    kept = sum(-(-sizes[i] // alignment) * alignment for i in schedule.states)
    rooms = [bank.size_bytes // ARENA_ALIGNMENT * ARENA_ALIGNMENT for bank in banks]
    rooms[0] -= kept
    rest = [i for i in range(len(sizes)) if i not in program.always]
    needed = occupancies(sizes, program.steps, program.inputs, program.outputs, program.always)
    heat = accessed(schedule, walks)
    found = assign(
        [needed[i] for i in rest],
        [heat[i] for i in rest],
        [replace(bank, size_bytes=max(room, 0)) for bank, room in zip(banks, rooms, strict=True)],
        alignment,
    )
    if found is None:
        return None
    offsets, chosen = dict(zip(rest, found.offsets, strict=True)), dict.fromkeys(program.always, 0)
    chosen.update(zip(rest, found.banks, strict=True))
    arenas = [-(-arena // ARENA_ALIGNMENT) * ARENA_ALIGNMENT for arena in found.arenas]
    end = -(-(found.arenas[0] + kept) // ARENA_ALIGNMENT) * ARENA_ALIGNMENT
    at = end - kept
    for i in sorted(program.always):
        offsets[i] = at
        at += -(-sizes[i] // alignment) * alignment
    arenas[0] = end
    while len(arenas) > 2 and not arenas[-1]:
        arenas.pop()
    return replace(
        plan,
        offsets=tuple(offsets[i] for i in range(len(sizes))),
        banks=tuple(chosen[i] for i in range(len(sizes))),
        bank_bytes=tuple(arenas),
        arena_bytes=sum(arenas),
        alternatives=(),
        method=f"by accesses, in {len(arenas)} banks",
    )


def accessed(schedule: Schedule, walks: Mapping[int, Walk]) -> list[float]:
    """Bytes of each buffer that are accessed in an inference, about."""
    heat = [0.0] * len(schedule.buffers)
    for step in schedule.steps:
        if not isinstance(step, KernelCall | Dispatch):
            continue
        walk = walks.get(step.group) if isinstance(step, KernelCall) else None
        first, last = (step.part or (0, step.rows)) if isinstance(step, KernelCall) else (0, 1)
        for span, writes in zip(step.bindings, step.writes, strict=True):
            if walk is None:
                heat[span.buffer] += span.length
                continue
            units = (last - first) * walk.row_pixels
            if schedule.buffers[span.buffer].kind == "scratch":
                heat[span.buffer] += units * span.length * SCRATCH_PASSES
            elif writes:
                heat[span.buffer] += units * walk.write_bytes
            else:
                window = walk.window if walk.shape is Shape.WINDOWS else {}
                taps = window.get("kernel_height", 1) * window.get("kernel_width", 1)
                heat[span.buffer] += units * walk.read_bytes * taps
    return heat
