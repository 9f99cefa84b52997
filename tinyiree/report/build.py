"""The report of a build before anything has run."""

from collections import Counter

from iree.compiler import ir

from tinyiree.emit.program import Program
from tinyiree.firmware import FlashSizes
from tinyiree.ir import access
from tinyiree.iree.schedule import Dispatch, KernelCall
from tinyiree.passes.lower import DISPATCH_ATTRIBUTE, DispatchGroup, Lowered
from tinyiree.passes.select_kernels import WHY_ATTRIBUTE
from tinyiree.report.cost import Cost, dispatch_costs
from tinyiree.report.memory import memory_steps, placed_buffers
from tinyiree.report.model import Flash, Layer, Memory, Report, Sqnr
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
    sqnr: Sqnr,
) -> Report:
    """Put together what the build knows.

    Args:
        module: the normal form after all passes.
        lowered: its dispatch groups.
        program: the placed schedule.
        core: the target.
        options: of the build.
        flash: sizes of the linked self-test image.
        sqnr: quantization noise by layer.
    """
    costs = dispatch_costs(module)
    reasons = _reasons(module)
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
            planner=program.plan.method,
            buffers=placed_buffers(program, lowered.groups),
            conflicts=program.plan.conflicts,
            planner_seconds=round(program.plan.seconds, 2),
            steps=memory_steps(program, lowered.groups),
            state_bytes=program.state_bytes,
        ),
        flash=Flash(
            code_bytes=flash.code_bytes,
            weight_bytes=flash.weight_bytes,
            total_bytes=flash.total_bytes,
        ),
        layers=tuple(
            _layer(
                step,
                lowered.groups[step.group],
                costs[step.group],
                program,
                reasons.get(step.group, ""),
                sqnr,
            )
            for step in program.layers()
        ),
        operations=dict(sorted(total.items())),
        passes=tuple(options.pipeline.names()),
        sqnr=sqnr,
    )


def _reasons(module: ir.Module) -> dict[int, str]:
    """By dispatch group, why its first op with a choice of kernels is computed as it is."""
    found: dict[int, str] = {}
    for op in access.operations(module):
        if WHY_ATTRIBUTE in op.attributes and DISPATCH_ATTRIBUTE in op.attributes:
            group = access.integer(op, DISPATCH_ATTRIBUTE)
            found.setdefault(group, access.string(op, WHY_ATTRIBUTE))
    return found


def _layer(
    step: Dispatch | KernelCall,
    group: DispatchGroup,
    cost: Cost,
    program: Program,
    why: str,
    sqnr: Sqnr,
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
        calls=program.calls().count(program.layers().index(step)),
        # What only moves values loses nothing.
        sqnr_db=sqnr.layers.get(cost.layers[-1]) if cost.operations else None,
        operations=dict(sorted(cost.operations.items())),
        why=why,
    )
