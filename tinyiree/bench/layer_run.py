"""Build single layers for a core, run them there, and count."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tinyiree.bench.layers import BenchLayer, make_module
from tinyiree.errors import TinyireeError
from tinyiree.passes.base import Progress, no_progress
from tinyiree.passes.plan_memory import PlanMemory
from tinyiree.passes.select_kernels import SelectKernels


@dataclass(frozen=True)
class LayerCost:
    """One layer on one core.

    Attributes:
        layer, target: which.
        kernel: what computes it: the name of a kernel, or ``iree``.
        per: what is counted: ``MAC`` or ``element``.
        units: how many of them.
        instructions: retired, exact.
        cycles_estimate: by the core's timings, not measured.
        weight_bytes: constants in flash.
    """

    layer: str
    target: str
    kernel: str
    per: str
    units: int
    instructions: int
    cycles_estimate: int | None
    weight_bytes: int

    @property
    def per_unit(self) -> float:
        """Instructions for each multiply-accumulate or element, everything included."""
        return self.instructions / self.units


@dataclass(frozen=True)
class LayerRun:
    """All layers on one core; `bit_exact` when every byte was that of the host."""

    target: str
    costs: tuple[LayerCost, ...]
    bit_exact: bool


def measure_layers(
    layers: Sequence[BenchLayer],
    target: str,
    *,
    without: frozenset[str] = frozenset(),
    progress: Progress = no_progress,
) -> LayerRun:
    """Build layers as one module without connections, and run it once.

    Args:
        layers: what to measure.
        target: name of the core.
        without: names of kernels that are not to be used.
        progress: told what is going on.

    Raises:
        TinyireeError: a layer cannot be built or run.
    """
    # Here, not above: the compiler takes seconds to load.
    from tinyiree.api import build, pipeline

    made = make_module(layers)
    # All tensors live all the time: there is nothing to search for.
    steps = pipeline(target).replace("select-kernels", SelectKernels(without))
    steps = replace(steps, planner=PlanMemory(effort=0, overlap=False, order=False))
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "layers.mlir"
        model.write_text(made.text, encoding="utf-8")
        built = build(
            str(model),
            target=target,
            out=Path(folder) / "build",
            quantize=None,
            name="layers",
            formats=("static",),
            pipeline=steps,
            progress=progress,
        )
        comparison = built.verify(made.inputs, progress=progress)
    found = {layer.name: layer for layer in comparison.device.report.layers}
    costs = []
    for layer in layers:
        row = found.get(layer.name)
        if row is None or row.instructions is None:
            raise TinyireeError(
                f"the layer '{layer.name}' on {target}: expected a step of its own with a count "
                "of instructions, found none; it was merged with another or left out"
            )
        costs.append(
            LayerCost(
                layer=layer.name,
                target=target,
                kernel=row.kernel,
                per=layer.per,
                units=layer.units,
                instructions=row.instructions,
                cycles_estimate=row.cycles_estimate,
                weight_bytes=row.weight_bytes,
            )
        )
    return LayerRun(target, tuple(costs), comparison.bit_exact)
