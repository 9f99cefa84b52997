"""PyTorch modules and exported programs, through iree-turbine, to the normal form."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from iree.compiler import ir
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import TensorArgument
from torch.utils import _pytree as pytree

from tinyiree.errors import TinyireeError
from tinyiree.importers.locations import write_layers
from tinyiree.importers.stateful import buffers_as_inputs, buffers_kept, mark_states
from tinyiree.importers.torch_dialect import Edge, import_torch_text, numbered
from tinyiree.ir import build


def import_module(
    module: nn.Module, inputs: Sequence[torch.Tensor], source: str | None = None
) -> ir.Module:
    """Export a module in eval mode and import it.

    Args:
        module: float32.
        inputs: one example tensor for each argument of forward, float32.
        source: what error messages call the model; its class when None.

    Raises:
        TinyireeError: it does not run on the inputs, is not float32, or has unsupported ops.
    """
    source = source or type(module).__name__
    _check_types(module, inputs, source)
    training = {part for part in module.modules() if part.training}
    module.eval()
    try:
        _run_once(module, inputs, source)
        program = _export(module, tuple(inputs), source)
    finally:
        for part in training:
            part.training = True
    return import_program(program, source)


def import_program(program: ExportedProgram, source: str) -> ir.Module:
    """Import what ``torch.export.export`` gives.

    Raises:
        TinyireeError: dynamic shapes, inputs or integer state that change, or unsupported ops.
    """
    if program.range_constraints:
        raise TinyireeError(
            f"{source}: the program has dynamic shapes, expected static ones; export it without "
            "dynamic_shapes"
        )
    inputs, outputs = _input_names(program), _output_names(program)
    program, states, updates = buffers_as_inputs(_functional(program, source), source)
    edge = Edge(
        (*(state.name for state in states), *inputs),
        (*(states[i].name for i in updates), *outputs),
    )
    try:
        with _quiet():
            write_layers(program.graph.nodes)
            from iree.turbine import aot

            operation = aot.export(program).mlir_module
    except Exception as error:  # whatever torch and torch-mlir raise, the reason is theirs
        raise TinyireeError(
            f"{source}: iree-turbine cannot import the program: {_first_line(error)}; "
            "simplify forward (see `tinyiree ops` for what is supported)"
        ) from error
    text = operation.get_asm(enable_debug_info=True)
    module = import_torch_text(text, build.new_context(), edge, source)
    mark_states(module, states, updates)
    return module


def _functional(program: ExportedProgram, source: str) -> ExportedProgram:
    """The program without in-place ops; refused when they change inputs."""
    schemas = [getattr(node.target, "_schema", None) for node in program.graph.nodes]
    if any(schema is not None and schema.is_mutable for schema in schemas):
        try:
            with _quiet():
                program = program.run_decompositions({})
        except Exception as error:
            raise TinyireeError(
                f"{source}: torch cannot make the in-place operations functional: "
                f"{_first_line(error)}; write forward without them"
            ) from error
    changed = program.graph_signature.user_inputs_to_mutate.values()
    if changed:
        raise TinyireeError(
            f"{source}: forward changes its input {', '.join(sorted(changed))}; keep state in "
            "buffers (register_buffer), or return the new value"
        )
    return program


def _check_types(module: nn.Module, inputs: Sequence[torch.Tensor], source: str) -> None:
    for name, parameter in [*module.named_parameters(), *module.named_buffers()]:
        if parameter.is_floating_point() and parameter.dtype != torch.float32:
            raise TinyireeError(
                f"{source}: '{name}' is {parameter.dtype}, expected torch.float32; convert the "
                "model with .float()"
            )
    for i, tensor in enumerate(inputs):
        if not isinstance(tensor, torch.Tensor):
            raise TinyireeError(
                f"{source}: example input {i} is a {type(tensor).__name__}, expected a tensor"
            )
        if tensor.dtype != torch.float32:
            raise TinyireeError(
                f"{source}: example input {i} is {tensor.dtype}, expected torch.float32; convert "
                "it with .float()"
            )


def _run_once(module: nn.Module, inputs: Sequence[torch.Tensor], source: str) -> None:
    """Eager PyTorch explains a wrong shape better than torch.export does."""
    shapes = ", ".join(str(list(tensor.shape)) for tensor in inputs)
    try:
        with torch.no_grad(), buffers_kept(module):
            module(*inputs)
    except Exception as error:
        raise TinyireeError(
            f"{source}: forward fails on inputs of shape {shapes}: {_first_line(error)}; correct "
            "the number and shapes of the inputs (example_inputs or --input-shape)"
        ) from error


def _export(module: nn.Module, inputs: tuple[torch.Tensor, ...], source: str) -> ExportedProgram:
    try:
        with _quiet():
            return torch.export.export(module, inputs, strict=False)
    except Exception as error:
        raise TinyireeError(
            f"{source}: torch.export fails: {_first_line(error)}; forward must not branch on, or "
            "convert to Python numbers, the values of tensors"
        ) from error


def _input_names(program: ExportedProgram) -> tuple[str, ...]:
    return tuple(
        spec.arg.name
        for spec in program.graph_signature.input_specs
        if spec.kind.name == "USER_INPUT" and isinstance(spec.arg, TensorArgument)
    )


def _output_names(program: ExportedProgram) -> tuple[str, ...]:
    """Dictionary keys; ``output``, or ``output0``, ``output1``, ... for the rest."""
    spec: Any = program.call_spec.out_spec
    if spec is None or spec.num_leaves <= 1:
        return ("output",)
    tree = pytree.tree_unflatten(list(range(spec.num_leaves)), spec)
    paths = [path for path, _ in pytree.tree_flatten_with_path(tree)[0]]
    names = ["_".join(_key(part) for part in path) for path in paths]
    if all(name.isdigit() for name in names):
        return numbered("output", len(names))
    return tuple(f"output{name}" if name[0].isdigit() else name for name in names)


def _key(part: Any) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(part, attribute):
            return str(getattr(part, attribute))
    return str(part)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".;") if lines else type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings that torch gives about itself."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
