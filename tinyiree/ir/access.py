"""Reading ops of the normal form: shapes, attributes, constants, names."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir.dialect import QNN_ROUNDINGS, ROUNDINGS

Array = npt.NDArray[np.generic]

MLIR_TO_NUMPY: dict[str, str] = {
    "f32": "float32",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
}


def main_function(module: ir.Module) -> ir.Operation:
    """The ``func.func @main`` of a module in normal form."""
    for op in module.body.operations:
        if op.operation.name == "func.func":
            return op.operation
    raise ValueError("the module has no func.func")


def main_block(module: ir.Module) -> ir.Block:
    """The only block of the main function."""
    return main_function(module).regions[0].blocks[0]


def operations(module: ir.Module) -> list[ir.Operation]:
    """The ops of the main function in order, as a snapshot that survives rewriting."""
    return [op.operation for op in main_block(module).operations]


def named(module: ir.Module, *names: str) -> Iterator[ir.Operation]:
    """The ops of the main function that have one of the names, in order."""
    return (op for op in operations(module) if op.name in names)


def is_integer_program(module: ir.Module) -> bool:
    """True for a module that was imported as integers: there is nothing left to quantize in it."""
    return "tiny.integer" in main_function(module).attributes


def shape(value: ir.Value) -> tuple[int, ...]:
    """The static shape of a tensor value."""
    return tuple(ir.RankedTensorType(value.type).shape)


def element_type(value: ir.Value) -> str:
    """The element type of a tensor value as MLIR prints it: ``f32``, ``i8``, ..."""
    return str(ir.RankedTensorType(value.type).element_type)


def limits(value: ir.Value) -> tuple[int, int]:
    """The least and the greatest number that an integer tensor value can hold."""
    bits = int(element_type(value).removeprefix("i"))
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def reach(value: ir.Value, zero_point: int) -> int:
    """The farthest that elements of an integer tensor value can lie from a zero point."""
    low, high = limits(value)
    return max(high - zero_point, zero_point - low)


def ints(op: ir.Operation, name: str) -> list[int]:
    """An ``i64[]`` attribute."""
    return list(ir.DenseI64ArrayAttr(op.attributes[name]))


def floats(op: ir.Operation, name: str) -> list[float]:
    """An ``f64[]`` attribute."""
    return list(ir.DenseF64ArrayAttr(op.attributes[name]))


def integer(op: ir.Operation, name: str) -> int:
    """An ``i64`` attribute."""
    return int(ir.IntegerAttr(op.attributes[name]).value)


def number(op: ir.Operation, name: str) -> float:
    """An ``f64`` attribute."""
    return float(ir.FloatAttr(op.attributes[name]).value)


def boolean(op: ir.Operation, name: str) -> bool:
    """A ``bool`` attribute."""
    return bool(ir.BoolAttr(op.attributes[name]).value)


def string(op: ir.Operation, name: str) -> str:
    """A ``str`` attribute."""
    return str(ir.StringAttr(op.attributes[name]).value)


def rounding(op: ir.Operation) -> str:
    """The optional attribute ``rounding``, by default the first that the operator knows."""
    if "rounding" in op.attributes:
        return string(op, "rounding")
    return ROUNDINGS.get(op.name, QNN_ROUNDINGS)[0]


def defining_op(value: ir.Value) -> ir.Operation | None:
    """The op that defines a value; None for a function argument."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.operation


def is_constant(value: ir.Value) -> bool:
    """True when the value is an ``arith.constant``."""
    op = defining_op(value)
    return op is not None and op.name == "arith.constant"


def constant(value: ir.Value) -> Array:
    """The value of an ``arith.constant`` tensor as a numpy array of its own.

    Raises:
        ValueError: the value is not a constant.
    """
    op = defining_op(value)
    if op is None or op.name != "arith.constant":
        raise ValueError(f"not a constant: {value}")
    dtype = MLIR_TO_NUMPY[element_type(value)]
    return np.array(op.attributes["value"]).astype(dtype).reshape(shape(value))


def users(value: ir.Value) -> list[ir.Operation]:
    """The ops that use a value, one entry a use."""
    return [use.owner.operation for use in value.uses]


def only_user(value: ir.Value) -> ir.Operation | None:
    """The op that uses the value, if there is exactly one use."""
    found = users(value)
    return found[0] if len(found) == 1 else None


def layer_name(op: ir.Operation) -> str:
    """The layer name from the op's location, or the op's own name."""
    location = op.location
    return str(location.name_str) if isinstance(location, ir.NameLoc) else op.name


def source_line(op: ir.Operation) -> str:
    """Where the author of the model wrote this op, as ``file:line``; empty when unknown."""
    location = op.location
    while isinstance(location, ir.NameLoc):
        location = location.child_loc
    if isinstance(location, ir.FileLineColLoc):
        return f"{location.filename}:{location.start_line}"
    return ""


def describe(op: ir.Operation) -> str:
    """An op as error messages name it: its name, layer and source line."""
    layer, line = layer_name(op), source_line(op)
    text = op.name if layer == op.name else f"{op.name} '{layer}'"
    return f"{text} ({line})" if line else text


def argument_attribute(module: ir.Module, index: int, name: str) -> ir.Attribute | None:
    """A discardable attribute of an argument of main."""
    return _edge_attribute(module, "arg_attrs", index, name)


def result_attribute(module: ir.Module, index: int, name: str) -> ir.Attribute | None:
    """A discardable attribute of a result of main."""
    return _edge_attribute(module, "res_attrs", index, name)


def _edge_attribute(module: ir.Module, kind: str, index: int, name: str) -> ir.Attribute | None:
    function = main_function(module)
    if kind not in function.attributes:
        return None
    entries: Sequence[ir.Attribute] = list(ir.ArrayAttr(function.attributes[kind]))
    entry = ir.DictAttr(entries[index])
    # DictAttr.get is its static constructor, not a lookup.
    found: ir.Attribute | None = entry[name] if name in entry else None  # noqa: SIM401
    return found
