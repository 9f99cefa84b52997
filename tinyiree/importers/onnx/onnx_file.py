"""``.onnx``: a float or QDQ-quantized model, to the normal form."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.importers.call import Tensor, TensorKind, Unsupported, materialize, shape_of
from tinyiree.importers.onnx.converters import REMEDIES, TABLE
from tinyiree.importers.onnx.converters.gelu import ERF
from tinyiree.importers.onnx.folding import fold
from tinyiree.importers.onnx.model_file import load, model_inputs
from tinyiree.importers.onnx.node import Attribute, Input, Node
from tinyiree.importers.onnx.torch_operators import TorchGraph, import_graph
from tinyiree.importers.torch_dialect import Edge, name_edges, new_main, tensor_kind
from tinyiree.ir import access, build
from tinyiree.ir.verify import verify

_FALLBACK = "rewrite this part of the model with the operators that `tinyiree ops` lists"
_CUSTOM = "replace it by standard ONNX operators"
_LARGEST = 2**28
"""Elements of a tensor; a thousand times the memory of a large microcontroller."""


# What numpy, MLIR and Python raise where inputs and attributes contradict each other.
_MISFITS = (ArithmeticError, IndexError, KeyError, MemoryError, TypeError, ValueError, ir.MLIRError)


class _Unknown:
    """The result of a node that could not be imported: what reads it is not complained about."""


_UNKNOWN: Final = _Unknown()


@dataclass
class _Walk:
    """What is known while the nodes are converted one after the other."""

    model: onnx.ModelProto
    source: Path
    names: tuple[str, ...]
    opsets: dict[str, int]
    values: dict[ir.Value, "Tensor | _Unknown | None"] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def refuse(self, index: int, refused: Unsupported) -> None:
        """Add a line to the list of problems."""
        node = self.model.graph.node[index]
        op_type = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        self.problems.append(
            f"{op_type} '{self.names[index]}' (node {index}): {refused.problem}; {refused.remedy}"
        )

    def location(self, index: int) -> ir.Location:
        """``loc("node name"("model.onnx":index:0))``."""
        return ir.Location.name(self.names[index], ir.Location.file(self.source.name, index, 0))


def import_onnx(path: Path, input_shapes: Sequence[Sequence[int]] = ()) -> ir.Module:
    """Read an ONNX model, float32 or quantized to int8 or uint8 in the QDQ format.

    Inputs and outputs have the names and shapes of the file (channels first). A layer's name is its
    node's; its source line is the node's index in the file.

    Args:
        path: opset 13 or newer, as exporters and onnxruntime's quantizer write it.
        input_shapes: one for each input, where the file leaves extents (such as the batch) open.

    Raises:
        TinyireeError: the file cannot be used, or has nodes that cannot be imported, all of which
            are listed.
    """
    model = load(path, input_shapes)
    context = build.new_context()
    graph = import_graph(model, context, str(path))
    with context, ir.Location.unknown():
        return _convert(model, graph, path)


def _convert(model: onnx.ModelProto, graph: TorchGraph, path: Path) -> ir.Module:
    walk = _Walk(
        model,
        path,
        _layer_names(model.graph),
        {entry.domain: entry.version for entry in model.opset_import},
    )
    arguments = list(graph.block.arguments)
    edge = Edge(
        tuple(value.name for value in model_inputs(model.graph)),
        tuple(value.name for value in model.graph.output),
    )
    kinds = [tensor_kind(argument.type) for argument in arguments[: graph.inputs]]
    module, body = new_main(
        [_input_type(kind, name, path) for kind, name in zip(kinds, edge.inputs, strict=True)]
    )
    walk.values.update(zip(arguments, [*body.arguments, *graph.constants], strict=True))
    with ir.InsertionPoint(body):
        for op in graph.block.operations:
            _convert_op(walk, op.operation)
    _check_erf(walk, module)
    if walk.problems:
        count = len(walk.problems)
        listed = "\n  ".join(walk.problems)
        raise TinyireeError(
            f"{path}: {count} node{'s' * (count > 1)} cannot be imported:\n  {listed}"
        )
    build.update_function_type(module)
    name_edges(module, edge, graph.inputs)
    build.erase_dead(module)
    verify(module)
    return module


def _layer_names(graph: onnx.GraphProto) -> tuple[str, ...]:
    """A unique name for each node: its own, or its operator and index."""
    taken: set[str] = set()
    names = []
    for index, node in enumerate(graph.node):
        name = node.name or f"{node.op_type}_{index}"
        name = f"{name}_{index}" if name in taken else name
        taken.add(name)
        names.append(name)
    return tuple(names)


def _input_type(kind: TensorKind | None, name: str, path: Path) -> ir.Type:
    if kind is None or kind.dtype != "f32":
        found = "no tensor type" if kind is None else f"the element type {kind.dtype}"
        raise TinyireeError(
            f"{path}: input '{name}' has {found}, expected float32; let the model begin with "
            "float32 and a QuantizeLinear (the build makes int8 inputs of it)"
        )
    return build.tensor_type(kind.shape, "f32")


def _convert_op(walk: _Walk, op: ir.Operation) -> None:
    if op.name == "func.return":
        _return(walk, op)
    elif op.name == "torch.constant.none":
        walk.values[op.results[0]] = None
    else:
        index = int(ir.NameLoc(op.location).name_str)
        try:
            with walk.location(index):
                results = _results(walk, op, index)
            _bind(walk, op, results)
        except (Unsupported, *_MISFITS) as error:
            refused = error if isinstance(error, Unsupported) else _misfit(error)
            walk.refuse(index, refused)
            walk.values.update((result, _UNKNOWN) for result in op.results)


def _misfit(error: Exception) -> Unsupported:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return Unsupported(
        f"its inputs and attributes do not fit together: {lines[0]}", "export the model again"
    )


def _results(walk: _Walk, op: ir.Operation, index: int) -> "Sequence[Tensor | _Unknown]":
    proto = walk.model.graph.node[index]
    if proto.domain not in ("", "ai.onnx"):
        raise Unsupported("an operator that is not part of ONNX", _CUSTOM)
    operands = [walk.values[operand] for operand in op.operands]
    known = [operand for operand in operands if not isinstance(operand, _Unknown)]
    constants = [operand for operand in known if not isinstance(operand, ir.Value)]
    if len(constants) == len(operands):
        folded = fold(proto, constants, walk.opsets)
        if folded is not None:
            return folded
    entry = TABLE.get(proto.op_type)
    if entry is None:
        raise Unsupported("not supported", REMEDIES.get(proto.op_type, _FALLBACK))
    if len(known) != len(operands):
        return [_UNKNOWN] * len(op.results)
    inputs = tuple(
        Input(tensor, _dtype(operand), len(list(operand.uses)) == 1)
        for tensor, operand in zip(known, op.operands, strict=True)
    )
    node = Node(proto.op_type, walk.names[index], inputs, _attributes(op), len(op.results))
    result = entry.convert(node)
    return [result] if isinstance(result, ir.Value | np.ndarray) else list(result)


def _dtype(value: ir.Value) -> str:
    kind = tensor_kind(value.type)
    return kind.dtype if kind is not None else "an unknown type"


def _attributes(op: ir.Operation) -> dict[str, Attribute]:
    prefix = "torch.onnx."
    return {
        name.removeprefix(prefix): _plain(attribute)
        for name, attribute in dict(op.attributes).items()
        if name.startswith(prefix)
    }


def _plain(attribute: ir.Attribute) -> Attribute:
    if isinstance(attribute, ir.IntegerAttr):
        return int(attribute.value)
    if isinstance(attribute, ir.FloatAttr):
        return float(attribute.value)
    if isinstance(attribute, ir.StringAttr):
        return str(attribute.value)
    if isinstance(attribute, ir.ArrayAttr):
        return [_plain(item) for item in attribute]
    return None


def _bind(walk: _Walk, op: ir.Operation, results: "Sequence[Tensor | _Unknown]") -> None:
    for number, result in enumerate(op.results):
        if number >= len(results):
            if list(result.uses):
                raise Unsupported(f"its output {number} is used", "use its first output only")
            continue
        found = results[number]
        if not isinstance(found, _Unknown):
            _check_shape(shape_of(found), tensor_kind(result.type))
        walk.values[result] = found


def _check_shape(found: tuple[int, ...], kind: TensorKind | None) -> None:
    if math.prod(found) > _LARGEST:
        raise Unsupported(f"a tensor of shape {list(found)}", "use smaller inputs")
    # Rank 0 also stands for a shape that inference did not find.
    if kind is None or not kind.shape or -1 in kind.shape or kind.shape == found:
        return
    raise Unsupported(
        f"a result of shape {list(found)}, where ONNX infers {list(kind.shape)}",
        "export the model again, for fixed input shapes",
    )


def _return(walk: _Walk, op: ir.Operation) -> None:
    results: list[ir.Value] = []
    for output, operand in zip(walk.model.graph.output, op.operands, strict=True):
        found = walk.values[operand]
        try:
            if isinstance(found, ir.Value | np.ndarray):
                results.append(_result(found))
        except Unsupported as refused:
            walk.problems.append(f"output '{output.name}': {refused.problem}; {refused.remedy}")
    ir.Operation.create("func.return", operands=results)


def _result(tensor: Tensor) -> ir.Value:
    value = materialize(tensor)
    if access.element_type(value) == "i8":
        raise Unsupported(
            "a quantized tensor",
            "end the model with a DequantizeLinear (the build makes int8 outputs of it)",
        )
    return value


def _check_erf(walk: _Walk, module: ir.Module) -> None:
    """The Erf nodes that became no GELU."""
    if not walk.problems:
        build.erase_dead(module)
    for op in access.named(module, ERF):
        index = walk.names.index(access.layer_name(op))
        walk.refuse(index, Unsupported("an Erf outside of a GELU", "use Gelu, or Tanh"))
