"""Kernels in the schedule: calls in place of dispatches, and the constants of each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.iree.schedule import Buffer, Dispatch, KernelCall, Schedule, Span, Step
from tinyiree.kernels.catalogue import KERNELS
from tinyiree.kernels.kernel import Kernel, Packed
from tinyiree.kernels.rows import rows
from tinyiree.passes.lower import DISPATCH_ATTRIBUTE
from tinyiree.passes.select_kernels import KERNEL_ATTRIBUTE

_BY_NAME = {kernel.name: kernel for kernel in KERNELS}


@dataclass(frozen=True)
class KernelUse:
    """What the kernels of a program need.

    Attributes:
        constants: by dispatch group, the packed constants of the call.
        sources: C files below ``targets/kernels``, in order.
        replaced: dispatch functions that nothing calls any more.
    """

    constants: Mapping[int, Packed]
    sources: tuple[str, ...]
    replaced: frozenset[str]


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
    homes = _Homes(schedule, module)
    buffers, steps = list(schedule.buffers), list[Step]()
    constants: dict[int, Packed] = {}
    sources: dict[str, None] = {}
    for step in schedule.steps:
        op = chosen.get(step.group) if isinstance(step, Dispatch) else None
        if op is None or not isinstance(step, Dispatch):
            steps.append(step)
            continue
        kernel = _BY_NAME[access.string(op, KERNEL_ATTRIBUTE)]
        constants[step.group] = kernel.pack(op)
        sources.update(dict.fromkeys(kernel.sources))
        steps.append(_call(kernel, op, step.group, homes, buffers))
    called = {step.function for step in steps if isinstance(step, Dispatch)}
    before = {step.function for step in schedule.steps if isinstance(step, Dispatch)}
    use = KernelUse(constants, tuple(sources), frozenset(before - called))
    return replace(schedule, buffers=tuple(buffers), steps=tuple(steps)), use


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
    """Where each value lies: in the buffer of an argument, or in one that its dispatch writes."""

    def __init__(self, schedule: Schedule, module: ir.Module) -> None:
        self._schedule = schedule
        arguments = access.main_block(module).arguments
        self._buffers: dict[ir.Value, int] = dict(zip(arguments, schedule.inputs, strict=True))
        written = {
            step.group: span.buffer
            for step in schedule.steps
            if isinstance(step, Dispatch)
            for span, writes in zip(step.bindings, step.writes, strict=True)
            if writes
        }
        for op in access.operations(module):
            if DISPATCH_ATTRIBUTE in op.attributes:
                group = access.integer(op, DISPATCH_ATTRIBUTE)
                if group in written:
                    self._buffers[op.results[0]] = written[group]
            elif op.name == "nn.reshape" and op.operands[0] in self._buffers:
                self._buffers[op.results[0]] = self._buffers[op.operands[0]]

    def span(self, value: ir.Value) -> Span:
        """The whole buffer of a value."""
        index = self._buffers[value]
        return Span(index, 0, self._schedule.buffers[index].size)
