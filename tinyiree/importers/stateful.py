"""Buffers that a PyTorch model changes in forward: its state."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from iree.compiler import ir
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import (
    ExportGraphSignature,
    InputKind,
    InputSpec,
    OutputKind,
    OutputSpec,
)

from tinyiree.errors import TinyireeError
from tinyiree.ir.state import State, states_last


@contextmanager
def buffers_kept(module: nn.Module) -> Iterator[None]:
    """Give all buffers their values back at the end."""
    saved = [
        (part, name, buffer, buffer.clone())
        for part in module.modules()
        for name, buffer in part._buffers.items()
        if buffer is not None
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for part, name, buffer, value in saved:
                part._buffers[name] = buffer.copy_(value)


def buffers_as_inputs(
    program: ExportedProgram, source: str
) -> tuple[ExportedProgram, list[State], list[int]]:
    """A program whose state comes in and goes out.

    Args:
        program: of functional ops.
        source: what error messages call the model.

    Returns:
        A program whose first inputs, and first outputs, are what were changed buffers; these, in
        the order of the inputs; and for each of the outputs the number of its buffer.

    Raises:
        TinyireeError: a buffer that is not float32.
    """
    signature = program.graph_signature
    changed = set(signature.buffers_to_mutate.values())
    states, names = [], []
    inputs = []
    for spec in signature.input_specs:
        if spec.kind == InputKind.BUFFER and spec.target in changed:
            states.append(_state(program, str(spec.target), source))
            names.append(spec.target)
            spec = InputSpec(InputKind.USER_INPUT, spec.arg, None)
        inputs.append(spec)
    outputs, updates = [], []
    for result in signature.output_specs:
        if result.kind == OutputKind.BUFFER_MUTATION:
            updates.append(names.index(result.target))
            result = OutputSpec(OutputKind.USER_OUTPUT, result.arg, None)
        outputs.append(result)
    if not states:
        return program, [], []
    explicit = ExportedProgram(
        root=program.graph_module,
        graph=program.graph,
        graph_signature=ExportGraphSignature(inputs, outputs),
        state_dict={name: v for name, v in program.state_dict.items() if name not in changed},
        range_constraints=program.range_constraints,
        module_call_graph=program.module_call_graph,
        example_inputs=program.example_inputs,
        constants=program.constants,
        verifiers=program.verifiers,
    )
    return explicit, states, updates


def _state(program: ExportedProgram, name: str, source: str) -> State:
    # Buffers that are not saved with the model are among the constants.
    value = program.state_dict.get(name, program.constants.get(name))
    if not isinstance(value, torch.Tensor) or value.dtype != torch.float32:
        kind = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
        raise TinyireeError(
            f"{source}: forward changes {name}, which is {kind}; expected state of torch.float32: "
            "call eval() before torch.export.export, or make it a float tensor"
        )
    return State(name.replace(".", "_"), np.array(value.detach().numpy(), np.float32))


def mark_states(module: ir.Module, states: Sequence[State], updates: Sequence[int]) -> None:
    """Let the first arguments and results of main be its variables, behind all others."""
    if states:
        with module.context, ir.Location.unknown():
            states_last(module, states, updates)
