"""The arena in the report: tensors with names, and what each step does with them."""

from collections.abc import Sequence

from tinyiree.emit.program import Program
from tinyiree.interleave.occupancy import accesses, rows_used
from tinyiree.iree.schedule import Dispatch, Fill, KernelCall, Step
from tinyiree.kernels.walk import OVER_READ
from tinyiree.passes.lower import DispatchGroup
from tinyiree.report.model import MemoryStep, PlacedBuffer, StepUse


def memory_steps(program: Program, groups: Sequence[DispatchGroup]) -> tuple[MemoryStep, ...]:
    """What each step reads and writes."""
    return tuple(
        MemoryStep(
            name=_name(step, groups),
            function=step.function if isinstance(step, Dispatch | KernelCall) else "",
            kernel=_kernel(step),
            calls=step.calls if isinstance(step, KernelCall) else 1,
            uses=_uses(step, program),
        )
        for step in program.schedule.steps
    )


def _uses(step: Step, program: Program) -> tuple[StepUse, ...]:
    if isinstance(step, KernelCall) and step.part is not None:
        rows = rows_used(step, program.kernels.walks)
        return tuple(
            StepUse(s.buffer, s.offset, s.length, False, OVER_READ)
            if not writes
            else StepUse(s.buffer, s.offset, s.length, True)
            for s, writes in rows
        )
    return tuple(
        StepUse(span.buffer, span.offset, span.length, writes) for span, writes in accesses(step)
    )


def placed_buffers(program: Program, groups: Sequence[DispatchGroup]) -> tuple[PlacedBuffer, ...]:
    """Where each tensor lies, and what it is called: by the argument, result, or last writer."""
    names: dict[int, str] = {}
    for step in program.schedule.steps:
        for span, writes in accesses(step):
            if writes:
                names[span.buffer] = _name(step, groups)
    edges = (
        *zip(program.schedule.outputs, program.outputs, strict=True),
        *zip(program.schedule.inputs, program.inputs, strict=True),
    )
    names.update((buffer, tensor.name) for buffer, tensor in edges)
    return tuple(
        PlacedBuffer(
            buffer.kind, buffer.size, program.position(i), alive.first, alive.last, names.get(i, "")
        )
        for i, (buffer, alive) in enumerate(
            zip(program.schedule.buffers, program.lifetimes, strict=True)
        )
    )


def _name(step: Step, groups: Sequence[DispatchGroup]) -> str:
    if isinstance(step, Dispatch | KernelCall):
        return groups[step.group].layers[0]
    return "fill" if isinstance(step, Fill) else "copy"


def _kernel(step: Step) -> str:
    if isinstance(step, KernelCall):
        return step.kernel
    return "iree" if isinstance(step, Dispatch) else ""
