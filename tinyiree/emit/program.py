"""A schedule placed in an arena: what the C templates and the report print."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyiree.emit.kernels import NO_KERNELS, KernelUse
from tinyiree.iree.schedule import Copy, Dispatch, Fill, KernelCall, Schedule, Span, Step
from tinyiree.passes.plan_memory import Lifetime, MemoryPlan, PlanMemory

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class IoTensor:
    """An input or output of the model.

    Attributes:
        name: of the argument or result.
        shape: static.
        dtype: numpy's name of the element type on the device: int8, float32, int32, ...
        scale: of the int8 quantization; None when the tensor is not quantized.
        zero_point: of the int8 quantization.
        size: bytes.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None
    size: int


@dataclass(frozen=True)
class Program:
    """Everything that the generated C states.

    Attributes:
        name: C identifier that prefixes all names.
        query: the library's query function.
        functions: the library's dispatch functions, in the order of its table.
        inputs, outputs: the model's edge.
        schedule: the steps.
        lifetimes: of the schedule's buffers.
        plan: where the buffers lie.
        kernels: constants and sources of the kernels that the schedule calls.
    """

    name: str
    query: str
    functions: tuple[str, ...]
    inputs: tuple[IoTensor, ...]
    outputs: tuple[IoTensor, ...]
    schedule: Schedule
    lifetimes: tuple[Lifetime, ...]
    plan: MemoryPlan
    kernels: KernelUse = NO_KERNELS

    def layers(self) -> list[Dispatch | KernelCall]:
        """The steps that compute layers, in order."""
        return [step for step in self.schedule.steps if isinstance(step, Dispatch | KernelCall)]

    def offset(self, span: Span) -> int:
        """Where a span lies, in bytes from the arena's start."""
        return self.plan.offsets[span.buffer] + span.offset


def lifetimes(schedule: Schedule) -> tuple[Lifetime, ...]:
    """First and last step of each buffer; inputs live from before, outputs to past the steps."""
    count = len(schedule.buffers)
    first = [len(schedule.steps)] * count
    last = [-1] * count
    for number, step in enumerate(schedule.steps):
        for span in spans(step):
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


def spans(step: Step) -> tuple[Span, ...]:
    """The memory that a step touches."""
    match step:
        case Dispatch() | KernelCall():
            return step.bindings
        case Fill():
            return (step.target,)
        case Copy():
            return (step.source, step.target)


def place(
    name: str,
    query: str,
    functions: Sequence[str],
    inputs: Sequence[IoTensor],
    outputs: Sequence[IoTensor],
    schedule: Schedule,
    planner: PlanMemory,
    kernels: KernelUse = NO_KERNELS,
) -> Program:
    """Plan the arena of a schedule."""
    alive = lifetimes(schedule)
    return Program(
        name,
        query,
        tuple(functions),
        tuple(inputs),
        tuple(outputs),
        schedule,
        alive,
        planner.plan(alive),
        kernels,
    )
