"""Writing ops of the normal form: constants, ops, replacement, and the context they live in."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir.access import main_function
from tinyiree.ir.dialect import SPECS

NUMPY_TO_MLIR: dict[str, str] = {
    "float32": "f32",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
}

_EDGES = ("arg_attrs", "res_attrs")

Attribute = int | float | bool | str | Sequence[int] | Sequence[float]


def new_context() -> ir.Context:
    """A context that accepts the ``nn`` and ``qnn`` dialects.

    They are unregistered in MLIR's sense (its Python bindings cannot define a dialect), hence
    ``tinyiree.ir.verify`` in place of MLIR's own verifier.
    """
    context = ir.Context()
    context.allow_unregistered_dialects = True
    return context


def tensor_type(shape: Sequence[int], element: str) -> ir.RankedTensorType:
    """A tensor type; ``element`` as MLIR prints it. Needs a current context."""
    return ir.RankedTensorType.get(list(shape), ir.Type.parse(element))


def constant(array: npt.NDArray[np.generic]) -> ir.Value:
    """An ``arith.constant`` at the current insertion point, of the array's dtype and shape."""
    array = np.ascontiguousarray(array)
    element = NUMPY_TO_MLIR[str(array.dtype)]
    kind = tensor_type(array.shape, element)
    if array.size == 0:
        raise ValueError("an empty tensor cannot be a constant")
    value = ir.DenseElementsAttr.get(array, type=ir.Type.parse(element), shape=list(array.shape))
    return ir.Operation.create("arith.constant", results=[kind], attributes={"value": value}).result


def attribute(name: str, op_name: str, value: Attribute) -> ir.Attribute:
    """An attribute of the kind that the op's specification asks for."""
    spec = SPECS[op_name]
    kind = spec.attributes[name] if name in spec.attributes else spec.optional[name]
    if kind == "i64":
        return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), int(value))  # type: ignore[arg-type]
    if kind == "f64":
        return ir.FloatAttr.get(ir.F64Type.get(), float(value))  # type: ignore[arg-type]
    if kind == "bool":
        return ir.BoolAttr.get(bool(value))
    if kind == "str":
        return ir.StringAttr.get(str(value))
    if kind == "i64[]":
        return ir.DenseI64ArrayAttr.get([int(v) for v in value])  # type: ignore[union-attr]
    return ir.DenseF64ArrayAttr.get([float(v) for v in value])  # type: ignore[union-attr]


def op(
    name: str,
    operands: Sequence[ir.Value],
    shape: Sequence[int],
    element: str,
    **attributes: Attribute,
) -> ir.Value:
    """Create a one-result op of the normal form at the current insertion point and location.

    Args:
        name: such as ``nn.conv2d``.
        operands: tensor values.
        shape: static shape of the result.
        element: element type of the result, such as ``f32`` or ``i8``.
        attributes: all that the op's specification requires, and any of its optional ones.

    Raises:
        KeyError: unknown op, or an attribute that the op does not have.
    """
    given = {key: attribute(key, name, value) for key, value in attributes.items()}
    missing = SPECS[name].attributes.keys() - given.keys()
    if missing:
        raise KeyError(f"{name} needs {', '.join(sorted(missing))}")
    return ir.Operation.create(
        name, results=[tensor_type(shape, element)], operands=list(operands), attributes=given
    ).result


def before(operation: ir.Operation) -> ir.InsertionPoint:
    """The insertion point right before an op; use together with ``at``."""
    return ir.InsertionPoint(operation)


def replace(operation: ir.Operation, value: ir.Value) -> None:
    """Use ``value`` in place of the op's only result, and erase the op."""
    operation.results[0].replace_all_uses_with(value)
    operation.erase()


def erase_dead(module: ir.Module) -> bool:
    """Erase the ops of main whose results nobody uses; True when something was erased."""
    changed = False
    block = main_function(module).regions[0].blocks[0]
    for child in reversed(list(block.operations)):
        operation = child.operation
        if operation.results and not any(list(result.uses) for result in operation.results):
            operation.erase()
            changed = True
    return changed


def update_function_type(module: ir.Module) -> None:
    """Make main's type agree with its block arguments and its return op."""
    function = main_function(module)
    block = function.regions[0].blocks[0]
    inputs = [argument.type for argument in block.arguments]
    outputs = [operand.type for operand in block.operations[len(block.operations) - 1].operands]
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, outputs))


def set_argument_attribute(module: ir.Module, index: int, name: str, value: ir.Attribute) -> None:
    """Set a discardable attribute (``tiny.*``) on an argument of main."""
    _set_edge(module, "arg_attrs", index, name, value)


def set_result_attribute(module: ir.Module, index: int, name: str, value: ir.Attribute) -> None:
    """Set a discardable attribute (``tiny.*``) on a result of main."""
    _set_edge(module, "res_attrs", index, name, value)


def name_edges(
    module: ir.Module,
    arguments: Sequence[Mapping[str, ir.Attribute]],
    results: Sequence[Mapping[str, ir.Attribute]],
) -> None:
    """Set the discardable attributes of all arguments and results of main at once.

    One by one takes time that is quadratic in their number: each writes all of them anew.
    """
    function = main_function(module)
    for kind, entries in zip(_EDGES, (arguments, results), strict=True):
        function.attributes[kind] = ir.ArrayAttr.get(
            [ir.DictAttr.get(dict(entry)) for entry in entries]
        )


def _set_edge(module: ir.Module, kind: str, index: int, name: str, value: ir.Attribute) -> None:
    function = main_function(module)
    signature = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    count = len(signature.inputs if kind == "arg_attrs" else signature.results)
    entries: list[dict[str, ir.Attribute]] = [{} for _ in range(count)]
    if kind in function.attributes:
        for i, entry in enumerate(ir.ArrayAttr(function.attributes[kind])):
            entries[i] = {item.name: item.attr for item in ir.DictAttr(entry)}
    entries[index][name] = value
    function.attributes[kind] = ir.ArrayAttr.get([ir.DictAttr.get(entry) for entry in entries])
