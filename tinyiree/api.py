"""``build``: any model in, a folder of firmware parts out."""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Union

import numpy as np
from iree.compiler import ir

from tinyiree import artifact
from tinyiree.built import Array, Built, open_build
from tinyiree.compile import Flow
from tinyiree.emit.edge import inputs_of
from tinyiree.emit.program import IoTensor
from tinyiree.errors import TinyireeError
from tinyiree.fit import Need, judge, refuse
from tinyiree.importers import import_model
from tinyiree.interleave.goal import Goal, Optimize
from tinyiree.ir.access import is_integer_program, named
from tinyiree.passes.base import Progress, no_progress
from tinyiree.passes.pipeline import Pipeline
from tinyiree.passes.planning.banks import Bank
from tinyiree.report import model as report_model
from tinyiree.settings import BuildOptions, Format, Int8, PassObserver, ToolchainName
from tinyiree.targets import Board, load, load_board
from tinyiree.tensors import by_input, split_samples

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.export import ExportedProgram

Model = Union[str, Path, "nn.Module", "ExportedProgram"]

# Words that C keeps for itself, and two that the generated code uses.
_RESERVED_WORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void
volatile while main tinyiree
"""
MODEL_BYTES = 16
"""Of static RAM that a model needs besides its arena, at most."""
_RESERVED = frozenset(_RESERVED_WORDS.split())


def build(
    model: Model,
    example_inputs: "torch.Tensor | Sequence[torch.Tensor] | None" = None,
    *,
    target: str | None = None,
    board: str | None = None,
    out: str | Path,
    quantize: Int8 | None = Int8(),  # noqa: B008  (frozen)
    input_shapes: Sequence[Sequence[int]] = (),
    name: str | None = None,
    formats: Sequence[Format] = ("static", "vmfb"),
    pipeline: Pipeline | None = None,
    toolchain: ToolchainName = "zig",
    optimize: Optimize = "speed",
    ram_limit: int | None = None,
    ram_banks: Mapping[str, int] | None = None,
    dump_ir: str | Path | None = None,
    observe: PassObserver | None = None,
    progress: Progress = no_progress,
) -> Built:
    """Build a model for a core.

    Args:
        model: ``FILE.py:NAME``, a ``.pt2``, ``.tflite`` or ``.mlir`` file, an ``nn.Module`` or an
            ``ExportedProgram``.
        example_inputs: for an ``nn.Module`` without an attribute of that name; only shapes matter.
        target: name of a core (``tinyiree targets``); None: that of the board.
        board: name of a board (``tinyiree boards``) that the model has to fit; the stack, which
            only a run measures, is not counted.
        out: folder to write; a former build in it is replaced when the new one is complete.
        quantize: int8 with calibration data; None builds in float.
        input_shapes: in place of example inputs.
        name: C identifier of the model; by default made from the model's own name.
        formats: ``static`` (C and a static library) and ``vmfb`` (for the stock IREE runtime).
        pipeline: the passes; by default `pipeline` for the target.
        toolchain: ``zig`` or ``gcc``, for the self-test image.
        optimize: ``speed``, or ``ram`` for the smallest arena at up to a third more instructions.
        ram_limit: bytes that the arena may have; the cheapest plan that fits is taken. None: the
            largest bank of the board.
        ram_banks: bytes of several memories by name, the fastest first: what is accessed most lies
            in the first ones, and the model has an arena in each that it needs.
        dump_ir: folder that receives the module after every pass.
        observe: told the time of each step.
        progress: told what is going on.

    Raises:
        TinyireeError: the model, an option or a file cannot be used, or the model does not fit
            the board.
    """
    place = load_board(board) if board is not None else None
    core = load(_core_name(target, place))
    if "static" not in formats or set(formats) - {"static", "vmfb"}:
        raise TinyireeError(
            f"formats: expected 'static' and optionally 'vmfb', found {', '.join(formats)}"
        )
    folder = Path(out)
    _check_output(folder)
    progress("import", 0, 0)
    module = import_model(model, example_inputs, input_shapes)
    identifier = _identifier(name, model)
    options = BuildOptions(
        quantize=quantize,
        name=identifier,
        formats=tuple(formats),
        pipeline=pipeline or Pipeline(),
        toolchain=toolchain,
        memory=_goal(optimize, ram_limit, place, ram_banks or {}),
        dump_ir=Path(dump_ir) if dump_ir is not None else None,
        observe=observe,
        progress=progress,
    )
    flow = Flow(core, options, _calibration(module, quantize))
    with _staging(folder) as staged:
        flow.run(module, identifier, Path(staged))
        if place is not None:
            _fit(Path(staged), place)
        _move(Path(staged), folder)
    return open_build(folder)


def _core_name(target: str | None, board: Board | None) -> str:
    if board is None:
        if target is None:
            raise TinyireeError(
                "target: expected the name of a core, or a board; found neither; `tinyiree "
                "targets` and `tinyiree boards` list them"
            )
        return target
    if target is not None and target != board.core:
        raise TinyireeError(
            f"target '{target}': expected {board.core}, the core of board '{board.name}'; leave "
            "out the target"
        )
    return board.core


def _goal(
    optimize: Optimize, ram_limit: int | None, board: Board | None, banks: Mapping[str, int]
) -> Goal:
    """What is asked of the arena: by the limit, or by the board, which `_fit` judges later."""
    if banks:
        if ram_limit is not None or board is not None:
            raise TinyireeError(
                "RAM banks: expected neither a RAM limit nor a board beside them, as they say how "
                "much there is; leave out one of the two"
            )
        return Goal(optimize, banks=tuple(Bank(*entry) for entry in banks.items()))
    if ram_limit is None and board is not None:
        sizes = [bank.size_bytes for bank in board.ram]
        # Of one bank the model's variables need a few bytes, too.
        limit = max(sizes) - (MODEL_BYTES if len(sizes) == 1 else 0)
        return Goal(optimize, limit, required=False)
    return Goal(optimize, ram_limit)


def _fit(folder: Path, board: Board) -> None:
    """Refuse a build that the board has no room for; else the report names the board."""
    report = report_model.read(folder / artifact.REPORT)
    refuse(judge(Need.of(report), board), report.model)
    replace(report, board=board.name).write(folder / artifact.REPORT)


def pipeline(target: str | None = None) -> Pipeline:
    """The default pipeline, with the passes that installed packages add.

    A package adds a pass by an entry point in the group ``tinyiree.passes`` that names a function
    ``add(pipeline: Pipeline) -> Pipeline``.

    Args:
        target: name of a core; checked, as pipelines may come to differ between cores.

    Raises:
        TinyireeError: an unknown target, or an entry point that gives no pipeline.
    """
    if target is not None:
        load(target)
    result = Pipeline()
    for entry in sorted(entry_points(group="tinyiree.passes"), key=lambda entry: entry.name):
        changed = entry.load()(result)
        if not isinstance(changed, Pipeline):
            raise TinyireeError(
                f"the entry point '{entry.name}' of group tinyiree.passes ({entry.value}) gave "
                f"{type(changed).__name__}, expected a Pipeline"
            )
        result = changed
    return result


def _calibration(module: ir.Module, quantize: Int8 | None) -> dict[str, Array]:
    """Calibration samples by input name as float32 ``[N, *shape]``, checked against the inputs."""
    if quantize is None:
        return {}
    if is_integer_program(module):
        return {}
    with module.context:
        inputs = inputs_of(module)
        quantized = any(True for _ in named(module, "nn.quantize"))
    if quantize.calibration is None:
        if quantized:
            return {}
        raise TinyireeError(
            "int8 quantization needs calibration data: a few hundred typical inputs as floats "
            "(--calibration X.npz, or Int8(calibration=...)); or build in float (--quantize none)"
        )
    given = quantize.calibration
    arrays = given if isinstance(given, Mapping) else {"x": given}
    chosen = by_input(arrays, [tensor.name for tensor in inputs], "the calibration data")
    return {tensor.name: _check_samples(chosen[tensor.name], tensor) for tensor in inputs}


def _check_samples(array: Array, tensor: IoTensor) -> Array:
    samples = split_samples(array, tensor.name, tensor.shape, "the calibration data")
    if not np.issubdtype(samples.dtype, np.floating):
        raise TinyireeError(
            f"the calibration data: array '{tensor.name}' is {samples.dtype}, expected floats as "
            "the float model takes them"
        )
    if not np.isfinite(samples).all():
        raise TinyireeError(f"the calibration data: array '{tensor.name}' contains NaN or infinity")
    return samples.astype(np.float32)


def _identifier(name: str | None, model: Model) -> str:
    """The C identifier of the model."""
    if name is not None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in _RESERVED:
            raise TinyireeError(
                f"name '{name}': expected a C identifier of lower-case letters, digits and "
                "underscores that starts with a letter and is no keyword"
            )
        return name
    if isinstance(model, str | Path):
        text = str(model)
        source = text.rpartition(":")[2] if text.rpartition(":")[0].endswith(".py") else ""
        source = source or Path(text).stem
    else:
        source = type(model).__name__
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", source)
    result = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_") or "model"
    return f"model_{result}" if result[0].isdigit() or result in _RESERVED else result


def _check_output(folder: Path) -> None:
    """Refuse to write over something that is not a build, before any work is done."""
    if folder.exists() and not folder.is_dir():
        raise TinyireeError(f"{folder} is a file; expected a folder to write the build to")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / artifact.MANIFEST).exists():
        raise TinyireeError(
            f"{folder} exists and is not a former build (it has no {artifact.MANIFEST}); choose "
            "another output folder or empty it"
        )


def _staging(folder: Path) -> "tempfile.TemporaryDirectory[str]":
    """A folder beside the output, so that a failed build leaves nothing that looks complete."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent)
    except OSError as error:
        raise TinyireeError(
            f"cannot write the output folder {folder}: {error.strerror}; choose another with -o"
        ) from error


def _move(staged: Path, folder: Path) -> None:
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        for path in staged.iterdir():
            os.replace(path, folder / path.name)
    except OSError as error:
        raise TinyireeError(
            f"cannot write the output folder {folder}: {error.strerror}; choose another with -o"
        ) from error
