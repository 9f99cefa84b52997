"""Measured choices of kernels: every candidate of every layer is built and run on the core."""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree import targets
from tinyiree.cache import cache_folder
from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.kernels import tuned as tables
from tinyiree.kernels.signature import signature
from tinyiree.kernels.tuned import IREE, Choice, Tuned, shipped
from tinyiree.passes.base import PassContext, Progress, no_progress
from tinyiree.passes.plan_memory import PlanMemory
from tinyiree.passes.select_kernels import SelectKernels
from tinyiree.targets import Core, load
from tinyiree.version import VERSION

Array = npt.NDArray[Any]
MODULE_LAYERS = 12
"""Layers that are built and run together."""


@dataclass(frozen=True)
class Trial:
    """A module of independent layers, each with one of its candidates.

    Attributes:
        text: the module in normal form.
        inputs: data by name, int8 ``[1, *shape]``.
        target: name of the core.
        forced: by layer name, the candidate.
    """

    text: str
    inputs: Mapping[str, Array]
    target: str
    forced: Mapping[str, str]


def measure(trial: Trial, progress: Progress = no_progress) -> dict[str, int]:
    """Instructions of each layer; none where the layer or its candidate could not be run."""
    # Here, not above: the compiler takes seconds to load.
    from tinyiree.api import build as build_model
    from tinyiree.api import pipeline

    steps = pipeline(trial.target).replace("select-kernels", SelectKernels(forced=trial.forced))
    # All tensors live all the time: there is nothing to search for.
    steps = replace(steps, planner=PlanMemory(effort=0, overlap=False, order=False))
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "layers.mlir"
        model.write_text(trial.text, encoding="utf-8")
        try:
            built = build_model(
                str(model),
                target=trial.target,
                out=Path(folder) / "build",
                quantize=None,
                name="layers",
                formats=("static",),
                pipeline=steps,
                progress=progress,
            )
            layers = built.run(trial.inputs, progress=progress).report.layers
        except TinyireeError:
            return {}
    return {
        layer.name: layer.instructions
        for layer in layers
        if layer.instructions is not None and layer.kernel == trial.forced.get(layer.name)
    }


def tune(
    ops: Sequence[ir.Operation],
    core: Core,
    known: Tuned,
    *,
    workers: int | None = None,
    progress: Progress = no_progress,
) -> Tuned:
    """Measure the candidates of layers on the simulated core.

    Layers with a single candidate, and those that `known` has, are left out.

    Args:
        ops: of one module in normal form, before kernels are selected.
        core: that is compiled for.
        known: choices that were measured before.
        workers: processes side by side; None: one for each core of this machine.
        progress: told how many builds are done.

    Returns:
        The new choices.

    Raises:
        TinyireeError: a worker process died.
    """
    layers: dict[str, ir.Operation] = {}
    for op in ops:
        if not SelectKernels().usable(op, core)[0]:
            continue
        layer = signature(op)
        if known.find(core.name, layer) is None:
            layers.setdefault(layer, op)
    candidates = {
        layer: [*SelectKernels().usable(op, core)[0], IREE] for layer, op in layers.items()
    }
    trials = []
    for start in range(0, len(layers), MODULE_LAYERS):
        part = list(layers)[start : start + MODULE_LAYERS]
        for number in range(max(len(candidates[layer]) for layer in part)):
            chosen = [layer for layer in part if number < len(candidates[layer])]
            forced = {layer: candidates[layer][number] for layer in chosen}
            trials.append(_trial([layers[layer] for layer in chosen], core.name, forced))
    found: dict[str, dict[str, int]] = {layer: {} for layer in layers}
    for trial, counts in zip(trials, _run(trials, workers, progress), strict=True):
        for layer, count in counts.items():
            found[layer][trial.forced[layer]] = count
    choices = {
        layer: _best(candidates[layer], counts)
        for layer, counts in found.items()
        if candidates[layer][0] in counts
    }
    return Tuned({core.name: choices})


def _best(candidates: Sequence[str], counts: Mapping[str, int]) -> Choice:
    best = min((name for name in candidates if name in counts), key=lambda name: counts[name])
    default = candidates[0]
    return Choice(best, counts[best], default, counts[default], "tuned")


def _run(trials: Sequence[Trial], workers: int | None, progress: Progress) -> list[dict[str, int]]:
    count = min(workers or os.cpu_count() or 1, len(trials))
    if count <= 1:
        return [measure(trial, progress) for trial in trials]
    progress("candidates of kernels", 0, len(trials))
    # Not forked: the compiler's threads do not survive that.
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(measure, trial) for trial in trials]
        try:
            for done, _ in enumerate(as_completed(futures), 1):
                progress("candidates of kernels", done, len(trials))
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            raise TinyireeError(
                f"a process of the tuner died ({error}), maybe for want of memory; build without "
                "--tune"
            ) from error


def _trial(ops: Sequence[ir.Operation], target: str, forced: Mapping[str, str]) -> Trial:
    """The ops side by side: every input is an argument of main, every result a result."""
    rng = np.random.default_rng(0)
    inputs: dict[str, Array] = {}
    results = []
    with ops[0].context, ir.Location.unknown():
        module = ir.Module.parse("func.func @main() { return }")
        block = access.main_block(module)
        end = access.operations(module)[-1]
        with ir.InsertionPoint(end):
            for number, op in enumerate(ops):
                operands = []
                for k, value in enumerate(op.operands):
                    if access.is_constant(value):
                        operands.append(build.constant(access.constant(value)))
                        continue
                    operands.append(block.add_argument(value.type, ir.Location.unknown()))
                    shape = access.shape(value)
                    data = rng.integers(-128, 128, (1, *shape)).astype(np.int8)
                    inputs[f"x{number}_{k}"] = data
                attributes = {
                    name: op.attributes[name]
                    for name in op.attributes
                    if not name.startswith("tiny.")
                }
                made = ir.Operation.create(
                    op.name,
                    results=[op.results[0].type],
                    operands=operands,
                    attributes=attributes,
                    loc=ir.Location.name(signature(op)),
                )
                results.append(made.result)
            ir.Operation.create("func.return", operands=results)
        end.erase()
        build.update_function_type(module)
        names = [{"tiny.name": ir.StringAttr.get(name)} for name in inputs]
        outputs = [{"tiny.name": ir.StringAttr.get(f"y{n}")} for n in range(len(ops))]
        build.name_edges(module, names, outputs)
        text = module.operation.get_asm(enable_debug_info=True)
    return Trial(text, inputs, target, forced)


@lru_cache(maxsize=1)
def cache_file() -> Path:
    """Where a user's measurements are kept: for this version of the package and its kernels."""
    digest = hashlib.sha256(VERSION.encode())
    folders = (Path(targets.__file__).parent / "kernels", Path(tables.__file__).parent)
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".c", ".h", ".py"):
                digest.update(path.read_bytes())
    return cache_folder() / f"tuned-{digest.hexdigest()[:16]}.toml"


@dataclass(frozen=True)
class TuneKernels:
    """Choose what computes each op by building and running all candidates on the simulated core.

        qnn.mean  ->  qnn.mean {tiny.kernel = "armv7em.avg_pool2d"}

    What was measured is kept, so that the second build of a model takes no longer than any.
    """

    name: str = "select-kernels"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Measure what is not known yet, and set the attributes as `SelectKernels` does."""
        path = cache_file()
        known = tables.read(path, "tuned")
        found = tune(access.operations(module), context.core, known, progress=context.progress)
        known = known.joined(found)
        if any(found.choices.values()):
            _write(path, known)
        SelectKernels(tuned=shipped().joined(known)).run(module, context)


def _write(path: Path, tuned: Tuned) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{os.getpid()}")
        tables.write(scratch, tuned)
        os.replace(scratch, path)
    except OSError as error:
        raise TinyireeError(
            f"{path}: cannot be written ({error.strerror}); expected a file for measured kernels; "
            "set XDG_CACHE_HOME to a writable folder"
        ) from error


COMMENT = (
    "Layers for which another candidate than the first one needs fewer instructions. Written by",
    "`tinyiree bench tune` from the layers of `tinyiree bench layers`; do not edit.",
)


def ship(text: str, names: Sequence[str], path: Path, progress: Progress = no_progress) -> Tuned:
    """Measure the layers of a module on cores, and write what differs from the default.

    Choices of other cores in the table stay.

    Args:
        text: a module in normal form.
        names: of cores.
        path: the table, such as `tinyiree.kernels.tuned.FILE`.
        progress: told how many builds are done.

    Raises:
        TinyireeError: a worker process died, or the table cannot be written.
    """
    table = dict(tables.read(path, "measured table").choices)
    context = build.new_context()
    module = ir.Module.parse(text, context)
    with context, ir.Location.unknown():
        for name in names:
            core = load(name)
            found = tune(access.operations(module), core, Tuned(), progress=progress)
            table[name] = {
                layer: choice
                for layer, choice in found.choices.get(name, {}).items()
                if choice.kernel != choice.default
            }
    result = Tuned({name: choices for name, choices in table.items() if choices})
    try:
        tables.write(path, result, COMMENT)
    except OSError as error:
        raise TinyireeError(f"cannot write {path}: {error.strerror}") from error
    return result
