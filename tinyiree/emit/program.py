"""A schedule placed in an arena: what the C templates and the report print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tinyiree.emit.kernels import NO_KERNELS, KernelUse
from tinyiree.interleave.choose import arrange
from tinyiree.interleave.cost import Work
from tinyiree.interleave.goal import Goal
from tinyiree.interleave.occupancy import from_bottom, lifetimes
from tinyiree.iree.schedule import Dispatch, KernelCall, Schedule, Span
from tinyiree.passes.plan_memory import Lifetime, MemoryPlan, PlanMemory

BANK_SHIFT = 30
"""Offsets of bank b are b << BANK_SHIFT more."""

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
class StateTensor:
    """A variable of the model, which keeps its value between invocations.

    Attributes:
        name: of the argument.
        shape: static.
        dtype: numpy's name of the element type.
        size: bytes.
        initial: its bytes at the start of a stream, without the zeros at their end.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    initial: bytes


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
        states: the model's variables.
        bank_names: of the memories that its arenas lie in, when there are several.
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
    states: tuple[StateTensor, ...] = ()
    bank_names: tuple[str, ...] = ()

    @property
    def state_offset(self) -> int:
        """Where the variables begin, in bytes from the arena's start: behind all other tensors."""
        offsets = [self.plan.offsets[buffer] for buffer in self.schedule.states]
        return min(offsets, default=self.bank_bytes[0])

    @property
    def state_bytes(self) -> int:
        """Bytes of the arena from there to its end."""
        return self.bank_bytes[0] - self.state_offset

    @property
    def initial_state(self) -> bytes:
        """The bytes from there at the start of a stream; zeros follow."""
        found = b""
        for buffer, state in zip(self.schedule.states, self.states, strict=True):
            if state.initial:
                start = self.plan.offsets[buffer] - self.state_offset
                found = found.ljust(start, b"\0") + state.initial
        return found

    def layers(self) -> list[Dispatch | KernelCall]:
        """The steps that compute layers, in order; of a layer in parts the first one."""
        found: list[Dispatch | KernelCall] = []
        parts: set[int] = set()
        for step in self.schedule.steps:
            if isinstance(step, KernelCall) and step.part is not None:
                if step.group in parts:
                    continue
                parts.add(step.group)
            if isinstance(step, Dispatch | KernelCall):
                found.append(step)
        return found

    def calls(self) -> list[int]:
        """For each call of a layer's function, in order, the index of the layer in `layers`."""
        found: list[int] = []
        parts: dict[int, int] = {}
        count = 0
        for step in self.schedule.steps:
            if isinstance(step, KernelCall) and step.part is not None:
                if step.group not in parts:
                    parts[step.group] = count
                    count += 1
                found.append(parts[step.group])
            elif isinstance(step, Dispatch | KernelCall):
                found += [count] * (step.calls if isinstance(step, KernelCall) else 1)
                count += 1
        return found

    def offset(self, span: Span) -> int:
        """Where a span lies, in bytes from the arena's start; see `tinyiree_address` for banks."""
        bank = self.plan.banks[span.buffer] if self.plan.banks else 0
        return self.plan.offsets[span.buffer] + span.offset + (bank << BANK_SHIFT)

    @property
    def bank_bytes(self) -> tuple[int, ...]:
        """Bytes of the arena in each bank."""
        return self.plan.bank_bytes or (self.plan.arena_bytes,)

    def position(self, buffer: int) -> int:
        """Where a buffer lies when the arenas of all banks follow each other."""
        bank = self.plan.banks[buffer] if self.plan.banks else 0
        return self.plan.offsets[buffer] + sum(self.bank_bytes[:bank])


def place(
    name: str,
    query: str,
    functions: Sequence[str],
    inputs: Sequence[IoTensor],
    outputs: Sequence[IoTensor],
    schedule: Schedule,
    planner: PlanMemory,
    kernels: KernelUse = NO_KERNELS,
    states: Sequence[StateTensor] = (),
    goal: Goal | None = None,
    macs: Mapping[int, int] | None = None,
) -> Program:
    """Order the steps of a schedule, run chains of them in parts, and plan its arena.

    Args:
        name, query, functions, inputs, outputs, kernels, states: see `Program`.
        schedule: of whole steps.
        planner: of the arena.
        goal: of the plan; None: as a whole.
        macs: multiply-accumulates by dispatch group.

    Raises:
        TinyireeError: nothing fits the goal's limit.
    """
    walks = kernels.walks if planner.overlap else {}
    found = arrange(schedule, walks, Work(macs or {}), planner, goal or Goal(), name)
    plan, steps = found.plan, list(found.schedule.steps)
    for number in plan.alternatives:
        steps[number] = from_bottom(steps[number], walks)
    ordered = replace(found.schedule, steps=tuple(steps))
    return Program(
        name,
        query,
        tuple(functions),
        tuple(inputs),
        tuple(outputs),
        ordered,
        lifetimes(ordered),
        plan,
        kernels,
        tuple(states),
        tuple(bank.name for bank in (goal or Goal()).banks[: len(plan.bank_bytes)]),
    )
