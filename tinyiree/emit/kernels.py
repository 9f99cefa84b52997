"""Kernels in the schedule: calls in place of dispatches, and the constants of each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.iree.schedule import Buffer, Copy, Dispatch, KernelCall, Schedule, Span, Step
from tinyiree.kernels.catalogue import KERNELS
from tinyiree.kernels.channels_last import KERNEL as CHANNELS_LAST
from tinyiree.kernels.channels_last import planes_walk
from tinyiree.kernels.kernel import Kernel, Packed
from tinyiree.kernels.rows import rows
from tinyiree.kernels.walk import Walk, walk
from tinyiree.passes.lower import DISPATCH_ATTRIBUTE
from tinyiree.passes.select_kernels import KERNEL_ATTRIBUTE

_MOVES = ("nn.reshape", "nn.delay", "nn.step", "nn.stack")

_BY_NAME = {kernel.name: kernel for kernel in KERNELS}


@dataclass(frozen=True)
class KernelUse:
    """What the kernels of a program need.

    Attributes:
        constants: by dispatch group, the packed constants of the call.
        sources: C files below ``targets/kernels``, in order.
        replaced: dispatch functions that nothing calls any more.
        walks: by dispatch group, how the call goes through its tensors; none for a kernel that
            promises nothing.
    """

    constants: Mapping[int, Packed]
    sources: tuple[str, ...]
    replaced: frozenset[str]
    walks: Mapping[int, Walk] = field(default_factory=dict)


NO_KERNELS = KernelUse({}, (), frozenset())


def use_kernels(schedule: Schedule, module: ir.Module) -> tuple[Schedule, KernelUse]:
    """Put calls of kernels into a schedule.

    Args:
        schedule: of the whole module, all dispatches.
        module: the normal form, with ``tiny.kernel`` and ``tiny.dispatch``.
    """
    chosen = {
        access.integer(op, DISPATCH_ATTRIBUTE): op
        for op in access.operations(module)
        if KERNEL_ATTRIBUTE in op.attributes
    }
    chosen |= _images(module)
    homes = _Homes(schedule, module)
    buffers, steps = list(schedule.buffers), list[Step]()
    constants: dict[int, Packed] = {}
    walks: dict[int, Walk] = {}
    sources: dict[str, None] = {}
    for step in schedule.steps:
        op = chosen.get(step.group) if isinstance(step, Dispatch) else None
        if op is None or not isinstance(step, Dispatch):
            steps.append(step)
            continue
        image = KERNEL_ATTRIBUTE not in op.attributes
        kernel = CHANNELS_LAST if image else _BY_NAME[access.string(op, KERNEL_ATTRIBUTE)]
        packed = constants[step.group] = kernel.pack(op)
        way = planes_walk(op) if image else walk(kernel, op, packed)
        if way is not None:
            walks[step.group] = way
        sources.update(dict.fromkeys(kernel.sources))
        steps.append(_call(kernel, op, step.group, homes, buffers))
    called = {step.function for step in steps if isinstance(step, Dispatch)}
    before = {step.function for step in schedule.steps if isinstance(step, Dispatch)}
    use = KernelUse(constants, tuple(sources), frozenset(before - called), walks)
    return replace(schedule, buffers=tuple(buffers), steps=tuple(steps)), use


def _images(module: ir.Module) -> dict[int, ir.Operation]:
    """By dispatch group the ops that bring an image's channels last, where they are alone in it."""
    groups: dict[int, list[ir.Operation]] = {}
    for op in access.operations(module):
        if DISPATCH_ATTRIBUTE in op.attributes:
            groups.setdefault(access.integer(op, DISPATCH_ATTRIBUTE), []).append(op)
    return {
        group: op
        for group, (op, *others) in groups.items()
        if not others and op.name in CHANNELS_LAST.ops and CHANNELS_LAST.accepts(op) is None
    }


def _call(
    kernel: Kernel, op: ir.Operation, group: int, homes: "_Homes", buffers: list[Buffer]
) -> KernelCall:
    values = [value for value in op.operands if not access.is_constant(value)]
    spans = [homes.span(value) for value in (*values, op.results[0])]
    scratch = kernel.scratch_bytes(op)
    if scratch:
        buffers.append(Buffer("scratch", scratch))
        spans.append(Span(len(buffers) - 1, 0, scratch))
    writes = [False] * len(values) + [True] * (len(spans) - len(values))
    return KernelCall(kernel.name, kernel.symbol(op), group, rows(op), tuple(spans), tuple(writes))


class _Homes:
    """Where each value lies: in the buffer of an argument, or where its dispatch writes it."""

    def __init__(self, schedule: Schedule, module: ir.Module) -> None:
        self._schedule = schedule
        arguments = access.main_block(module).arguments
        self._spans: dict[ir.Value, Span] = {
            argument: self._whole(buffer)
            for argument, buffer in zip(arguments, schedule.inputs, strict=True)
        }
        self._copies = [step for step in schedule.steps if isinstance(step, Copy)]
        written = {
            step.group: span
            for step in schedule.steps
            if isinstance(step, Dispatch)
            for span, writes in zip(step.bindings, step.writes, strict=True)
            if writes
        }
        for op in access.operations(module):
            if DISPATCH_ATTRIBUTE in op.attributes:
                found = written.get(access.integer(op, DISPATCH_ATTRIBUTE))
            elif op.name in _MOVES:
                found = self._moved(op)
            else:
                continue
            if found is not None:
                self._spans[op.results[0]] = found

    def span(self, value: ir.Value) -> Span:
        """Where a value lies.

        Raises:
            TinyireeError: the schedule has it nowhere as a whole.
        """
        if value not in self._spans:
            owner = access.defining_op(value)
            what = "an argument" if owner is None else access.describe(owner)
            raise TinyireeError(f"{what}: a kernel reads its result, which IREE does not keep")
        return self._spans[value]

    def _whole(self, buffer: int) -> Span:
        return Span(buffer, 0, self._schedule.buffers[buffer].size)

    def _moved(self, op: ir.Operation) -> Span | None:
        """Of an op that is no dispatch: its operand's memory, a part of it, or what contains it."""
        operand = op.operands[1 if op.name == "nn.delay" else 0]
        source = self._spans.get(operand)
        if source is None or op.name == "nn.reshape":
            return source
        size = _bytes(op.results[0])
        if op.name == "nn.step":
            part = Span(source.buffer, source.offset + access.integer(op, "index") * size, size)
            copied = (copy.target for copy in self._copies if copy.source == part)
            return next(copied, part)
        # The operand was written where it stays, or copied to there.
        at = size - source.length if op.name == "nn.delay" else 0
        places = [source, *(copy.target for copy in self._copies if copy.source == source)]
        for place in places:
            if place.offset >= at and self._schedule.buffers[place.buffer].size >= size:
                return Span(place.buffer, place.offset - at, size)
        return None


def _bytes(value: ir.Value) -> int:
    dtype = access.MLIR_TO_NUMPY[access.element_type(value)]
    return math.prod(access.shape(value)) * np.dtype(dtype).itemsize
