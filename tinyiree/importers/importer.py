"""The entry: any model that tinyiree reads, to a module in normal form."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Union

from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.importers.mlir_file import import_mlir

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.export import ExportedProgram

Model = Union[str, Path, "nn.Module", "ExportedProgram"]
Shapes = Sequence[Sequence[int]]

KINDS = (
    "FILE.py:NAME, .pt2 (torch.export.save), .onnx, .tflite, .mlir (torch dialect or normal form)"
)


def import_model(
    model: Model,
    example_inputs: "torch.Tensor | Sequence[torch.Tensor] | None" = None,
    input_shapes: Shapes = (),
) -> ir.Module:
    """Import a model into the normal form, in a context of its own (``module.context``).

    Args:
        model: ``FILE.py:NAME``, the path of a ``.pt2``, ``.onnx`` or ``.mlir`` file, an
            ``nn.Module``, or an ``ExportedProgram``.
        example_inputs: float32 tensors as forward takes them; only shapes matter. Not needed when
            the module has an attribute ``example_inputs``; not used for ``.pt2``, ``.tflite``,
            ``.mlir`` and programs, which know their shapes.
        input_shapes: in place of example inputs: one shape for each input. For ``.onnx`` where
            the file leaves extents open, such as the batch.

    Returns:
        A module with ``func.func @main``. Inputs and outputs have the shapes that they have in
        PyTorch (channels first); run ``propagate-layout`` and ``fold-batch-norm`` next.

    Raises:
        TinyireeError: the model cannot be used; a model with operations that are not supported is
            refused with a list of all of them.
    """
    if isinstance(model, str | Path):
        return _import_named(str(model), example_inputs, input_shapes)
    import torch
    from torch.export import ExportedProgram

    from tinyiree.importers import pytorch

    if isinstance(model, ExportedProgram):
        return pytorch.import_program(model, "the exported program")
    if isinstance(model, torch.nn.Module):
        return _import_module(model, example_inputs, input_shapes, type(model).__name__)
    raise TinyireeError(
        f"a model of type {type(model).__name__}: expected {KINDS}, or an nn.Module"
    )


def _import_module(
    module: "nn.Module",
    example_inputs: "torch.Tensor | Sequence[torch.Tensor] | None",
    input_shapes: Shapes,
    source: str,
) -> ir.Module:
    import torch

    from tinyiree.importers import python_file, pytorch

    if example_inputs is None or input_shapes:
        inputs = python_file.example_inputs(module, input_shapes, source)
    elif isinstance(example_inputs, torch.Tensor):
        inputs = (example_inputs,)
    else:
        inputs = tuple(example_inputs)
    return pytorch.import_module(module, inputs, source)


def _import_named(
    spec: str,
    example_inputs: "torch.Tensor | Sequence[torch.Tensor] | None",
    input_shapes: Shapes,
) -> ir.Module:
    file, colon, name = spec.rpartition(":")
    if colon and name.isidentifier() and file.endswith(".py"):
        from tinyiree.importers import python_file

        module = python_file.load_module(spec)
        return _import_module(module, example_inputs, input_shapes, spec)
    path = Path(spec)
    if path.suffix == ".py":
        raise TinyireeError(
            f"{path}: which object of the file is the model? Write {path}:NAME for an nn.Module or "
            "a function that returns one"
        )
    importer = _BY_SUFFIX.get(path.suffix.lower())
    if importer is None:
        raise TinyireeError(f"{path}: {path.suffix or 'a file without suffix'}; expected {KINDS}")
    if not path.is_file():
        raise TinyireeError(f"{path}: no such file; correct the path")
    return importer(path, input_shapes)


def _import_pt2(path: Path, input_shapes: Shapes) -> ir.Module:
    from tinyiree.importers import pt2_file, pytorch

    return pytorch.import_program(pt2_file.load_program(path), str(path))


def _import_onnx(path: Path, input_shapes: Shapes) -> ir.Module:
    from tinyiree.importers.onnx.onnx_file import import_onnx

    return import_onnx(path, input_shapes)


def _import_tflite(path: Path, input_shapes: Shapes) -> ir.Module:
    from tinyiree.importers.tflite import import_tflite

    return import_tflite(path)


def _import_mlir(path: Path, input_shapes: Shapes) -> ir.Module:
    return import_mlir(path)


_BY_SUFFIX: dict[str, Callable[[Path, Shapes], ir.Module]] = {
    ".pt2": _import_pt2,
    ".onnx": _import_onnx,
    ".tflite": _import_tflite,
    ".mlir": _import_mlir,
}
