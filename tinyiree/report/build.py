"""The report of a build before anything has run."""

from collections import Counter

from iree.compiler import ir

from tinyiree.emit.program import Program
from tinyiree.firmware import FlashSizes
from tinyiree.iree.schedule import Dispatch, KernelCall
from tinyiree.passes.lower import DispatchGroup, Lowered
from tinyiree.report.cost import Cost, dispatch_costs
from tinyiree.report.model import Flash, Layer, Memory, PlacedBuffer, Report
from tinyiree.settings import BuildOptions
from tinyiree.targets import Core
from tinyiree.version import VERSION


def build_report(
    module: ir.Module,
    lowered: Lowered,
    program: Program,
    core: Core,
    options: BuildOptions,
    flash: FlashSizes,
) -> Report:
    """Put together what the build knows.

    Args:
        module: the normal form after all passes.
        lowered: its dispatch groups.
        program: the placed schedule.
        core: the target.
        options: of the build.
        flash: sizes of the linked self-test image.
    """
    costs = dispatch_costs(module)
    total = Counter[str]()
    for cost in costs.values():
        total.update(cost.operations)
    arena = program.plan.arena_bytes
    # The image's variables include the arena that the self-test declares.
    static = max(0, flash.static_ram_bytes - arena)
    return Report(
        version=VERSION,
        target=core.name,
        model=program.name,
        memory=Memory(
            arena_bytes=arena,
            arena_bound_bytes=program.plan.bound_bytes,
            stack_bytes=None,
            static_ram_bytes=static,
            total_ram_bytes=arena + static,
            planner=options.pipeline.planner.method,
            buffers=_buffers(program),
            conflicts=program.plan.conflicts,
        ),
        flash=Flash(
            code_bytes=flash.code_bytes,
            weight_bytes=flash.weight_bytes,
            total_bytes=flash.total_bytes,
        ),
        layers=tuple(
            _layer(step, lowered.groups[step.group], costs[step.group], program)
            for step in program.layers()
        ),
        operations=dict(sorted(total.items())),
        passes=tuple(options.pipeline.names()),
    )


def _buffers(program: Program) -> tuple[PlacedBuffer, ...]:
    return tuple(
        PlacedBuffer(buffer.kind, buffer.size, offset, alive.first, alive.last)
        for buffer, offset, alive in zip(
            program.schedule.buffers, program.plan.offsets, program.lifetimes, strict=True
        )
    )


def _layer(
    step: Dispatch | KernelCall, group: DispatchGroup, cost: Cost, program: Program
) -> Layer:
    written = sum(
        span.length
        for span, writes in zip(step.bindings, step.writes, strict=True)
        if writes and program.schedule.buffers[span.buffer].kind != "scratch"
    )
    packed = program.kernels.constants.get(step.group)
    return Layer(
        name=group.layers[0],
        op=" + ".join(group.ops),
        macs=cost.macs,
        kernel="iree" if isinstance(step, Dispatch) else step.kernel,
        weight_bytes=cost.weight_bytes if packed is None else packed.flash_bytes,
        output_bytes=written,
    )
