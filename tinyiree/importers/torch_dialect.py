"""From a module in the torch dialect, as iree-turbine writes it, to the normal form."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.importers.call import (
    Argument,
    Call,
    Tensor,
    TensorKind,
    Unsupported,
    materialize,
)
from tinyiree.importers.converters import REMEDIES, TABLE
from tinyiree.importers.converters.layout import argument_tensors
from tinyiree.importers.folding import fold
from tinyiree.importers.literals import read_literal, read_resources
from tinyiree.importers.locations import LayerNames, own_frame
from tinyiree.ir import access, build
from tinyiree.ir.verify import verify

_VTENSOR = re.compile(r"!torch\.vtensor<\[([^\]]*)\],([a-z0-9]+)")
_DTYPES = {"f32": "f32", "si8": "i8", "si32": "i32", "si64": "i32"}
_FALLBACK = "rewrite this part of the model with the operators that `tinyiree ops` lists"


@dataclass(frozen=True)
class Edge:
    """The names of the model's inputs and outputs, in order; empty: made up."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass
class _Walk:
    """What is known while the ops are converted one after the other."""

    resources: dict[str, bytes]
    globals: dict[str, ir.Attribute]
    values: dict[ir.Value, Argument] = field(default_factory=dict)
    layers: LayerNames = field(default_factory=LayerNames)
    problems: list[str] = field(default_factory=list)


def import_torch_text(text: str, context: ir.Context, edge: Edge, source: str) -> ir.Module:
    """Convert the text of a torch-dialect module.

    Args:
        text: with locations and resources.
        context: from ``tinyiree.ir.build.new_context``.
        edge: names of inputs and outputs.
        source: what error messages call the model.

    Raises:
        TinyireeError: not MLIR; or ops that cannot be imported, all of them in one message.
    """
    with context:
        try:
            torch_module = ir.Module.parse(text)
        except ir.MLIRError as error:
            first = str(error).strip().splitlines()[0]
            raise TinyireeError(f"{source}: not valid MLIR: {first}") from error
        return convert(torch_module, read_resources(text), edge, source)


def convert(
    torch_module: ir.Module, resources: dict[str, bytes], edge: Edge, source: str
) -> ir.Module:
    """Convert a parsed torch-dialect module; see ``import_torch_text``."""
    functions = [op for op in torch_module.body.operations if op.operation.name == "func.func"]
    if len(functions) != 1 or len(functions[0].regions[0].blocks) != 1:
        raise TinyireeError(
            f"{source}: expected one function of one block, found {len(functions)} functions; "
            "export one forward without control flow"
        )
    block = functions[0].regions[0].blocks[0]
    kinds = [tensor_kind(argument.type) for argument in block.arguments]
    _check_inputs(kinds, edge, source)
    # iree-turbine inlines small parameters and makes globals of the others.
    variables = [op.operation for op in torch_module.body.operations]
    walk = _Walk(
        resources,
        {
            str(ir.StringAttr(op.attributes["sym_name"]).value): op.attributes["initial_value"]
            for op in variables
            if op.name == "util.global" and "initial_value" in op.attributes
        },
    )
    with torch_module.context, ir.Location.unknown():
        types = [build.tensor_type(k.shape, "f32") for k in kinds if k]
        module, body = new_main(types)
        walk.values.update(zip(block.arguments, body.arguments, strict=True))
        with ir.InsertionPoint(body):
            for op in block.operations:
                _convert_op(walk, op.operation)
            if walk.problems:
                listed = "\n  ".join(walk.problems)
                count = len(walk.problems)
                raise TinyireeError(
                    f"{source}: {count} operation{'s' * (count > 1)} cannot be imported:\n"
                    f"  {listed}"
                )
        build.update_function_type(module)
        name_edges(module, edge, len(types))
    build.erase_dead(module)
    verify(module)
    return module


def new_main(types: Sequence[ir.Type]) -> tuple[ir.Module, ir.Block]:
    """A module with an empty ``func.func @main``, and its block. Needs a context and a location."""
    module = ir.Module.create()
    with ir.InsertionPoint(module.body):
        main = ir.Operation.create(
            "func.func",
            attributes={
                "sym_name": ir.StringAttr.get("main"),
                "function_type": ir.TypeAttr.get(ir.FunctionType.get(list(types), [])),
            },
            regions=1,
        )
    return module, main.regions[0].blocks.append(*types)


def tensor_kind(type_: ir.Type) -> TensorKind | None:
    """Shape and element type of a ``!torch.vtensor``, None for other types; -1: dynamic extent."""
    match = _VTENSOR.match(str(type_))
    if match is None:
        return None
    extents = [extent for extent in match[1].split(",") if extent]
    return TensorKind(tuple(-1 if e == "?" else int(e) for e in extents), match[2])


def _check_inputs(kinds: Sequence[TensorKind | None], edge: Edge, source: str) -> None:
    for i, kind in enumerate(kinds):
        name = edge.inputs[i] if i < len(edge.inputs) else f"input{i}"
        if kind is None:
            raise TinyireeError(
                f"{source}: input '{name}' is not an immutable tensor; a model that changes its "
                "inputs or buffers in forward cannot be imported: return the new state instead"
            )
        if -1 in kind.shape:
            raise TinyireeError(
                f"{source}: input '{name}' has a dynamic shape, expected static shapes; "
                "export without dynamic_shapes"
            )
        if kind.dtype != "f32":
            raise TinyireeError(
                f"{source}: input '{name}' has element type {kind.dtype}, expected float32; "
                "convert the model with .float() and give it float32 inputs"
            )


def _convert_op(walk: _Walk, op: ir.Operation) -> None:
    name = op.name.removeprefix("torch.")
    if name == "operator":
        name = str(ir.StringAttr(op.attributes["name"]).value).removeprefix("torch.")
    if op.name == "func.return":
        _return(walk, op)
    elif name.startswith("constant.") or name == "prim.ListConstruct":
        walk.values[op.results[0]] = _plain(walk, op, name)
    elif name == "vtensor.literal":
        walk.values[op.results[0]] = read_literal(op.attributes["value"], walk.resources)
    elif name == "util.global.load":
        symbol = str(ir.FlatSymbolRefAttr(op.attributes["global"]).value)
        if symbol not in walk.globals:
            raise TinyireeError(
                f"the parameter '{symbol}' has no value in the module; save it with its weights"
            )
        walk.values[op.results[0]] = read_literal(walk.globals[symbol], walk.resources)
    elif name == "torch_c.from_builtin_tensor":
        walk.values[op.results[0]] = walk.values[op.operands[0]]
    elif name == "prim.ListUnpack":
        items = walk.values[op.operands[0]]
        walk.values.update(zip(op.results, items if isinstance(items, list) else [], strict=False))
    else:
        _convert_call(walk, op, name)


def _plain(walk: _Walk, op: ir.Operation, name: str) -> Argument:
    if name == "prim.ListConstruct":
        return [walk.values.get(operand) for operand in op.operands]
    if name in ("constant.none", "constant.device"):
        return None
    value = op.attributes["value"]
    if name == "constant.bool":
        return bool(ir.IntegerAttr(value).value)
    if name == "constant.int":
        return int(ir.IntegerAttr(value).value)
    if name == "constant.float":
        return float(ir.FloatAttr(value).value)
    return str(ir.StringAttr(value).value)


def _convert_call(walk: _Walk, op: ir.Operation, name: str) -> None:
    if name.startswith("aten._assert"):
        return  # about what the exporter saw, not about what the model computes
    layer, location = walk.layers.location(op.location, name)
    kinds = [tensor_kind(result.type) for result in op.results]
    call = Call(
        name,
        tuple(walk.values.get(operand) for operand in op.operands),
        tuple(kind for kind in kinds if kind),
    )
    try:
        with location:
            _bind(walk, op, _results(call))
    except Unsupported as refused:
        frame = own_frame(op.location)
        where = f" ({frame[0]}:{frame[1]})" if frame else ""
        walk.problems.append(f"{name} in '{layer}'{where}: {refused.problem}; {refused.remedy}")
        if op.results:
            _bind(walk, op, [_placeholder(kind) for kind in call.kinds])


def _results(call: Call) -> list[Tensor]:
    for kind in call.kinds:
        if -1 in kind.shape:
            raise Unsupported("a dynamic shape", "export without dynamic_shapes")
    folded = fold(call)
    if folded is not None:
        return folded
    entry = TABLE.get(call.name)
    if entry is None:
        raise Unsupported("not supported", REMEDIES.get(call.name, _FALLBACK))
    for kind in call.kinds:
        if kind.dtype not in _DTYPES:
            raise Unsupported(
                f"a result of type {kind.dtype}", "keep the model in float32 (module.float())"
            )
    result = entry.convert(call)
    return [result] if isinstance(result, ir.Value | np.ndarray) else list(result)


def _bind(walk: _Walk, op: ir.Operation, results: Sequence[Tensor]) -> None:
    if not op.results:
        raise Unsupported("an operation without a result", _FALLBACK)
    if "list<" in str(op.results[0].type):
        walk.values[op.results[0]] = list(results)
    else:
        walk.values.update(zip(op.results, results, strict=False))


def _placeholder(kind: TensorKind) -> Tensor:
    """Stands for a result that could not be made, so that the rest is looked at too."""
    shape = [max(extent, 1) for extent in kind.shape]
    return ir.Operation.create(
        "nn.placeholder", results=[build.tensor_type(shape, _DTYPES.get(kind.dtype, "f32"))]
    ).result


def _return(walk: _Walk, op: ir.Operation) -> None:
    results: list[ir.Value] = []
    with walk.layers.location(op.location, "return")[1]:
        for operand in op.operands:
            found = argument_tensors(walk.values.get(operand))
            try:
                if len(found) != 1:
                    raise Unsupported("an output that is not a tensor", "return tensors only")
                results.append(materialize(found[0]))
            except Unsupported as refused:
                walk.problems.append(f"return: {refused.problem}; {refused.remedy}")
        ir.Operation.create("func.return", operands=results)


def name_edges(module: ir.Module, edge: Edge, inputs: int) -> None:
    """Set ``tiny.name`` of every input and output of main; made up where ``edge`` has too few."""
    function = access.main_function(module)
    signature = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    outputs = len(signature.results)
    names = edge.inputs if len(edge.inputs) == inputs else numbered("input", inputs)
    for i, name in enumerate(names):
        build.set_argument_attribute(module, i, "tiny.name", ir.StringAttr.get(name))
    names = edge.outputs if len(edge.outputs) == outputs else numbered("output", outputs)
    for i, name in enumerate(names):
        build.set_result_attribute(module, i, "tiny.name", ir.StringAttr.get(name))


def numbered(base: str, count: int) -> tuple[str, ...]:
    """``("output",)`` or ``("output0", "output1", ...)``."""
    return (base,) if count == 1 else tuple(f"{base}{i}" for i in range(count))
