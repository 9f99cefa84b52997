"""Moving dequantize down and quantize up through ops that only move or select elements.

    dequantize -> reshape -> ...         =>  reshape on i8 -> dequantize -> ...
    ... -> max_pool2d -> quantize        =>  ... -> quantize -> max_pool2d on i8
    ... -> pad(v) -> clamp -> quantize   =>  ... -> clamp -> quantize -> pad(quantized v)
    dequantize -> argmax                 =>  argmax on i8

Both are exact: quantize and clamp are monotone and act on each element alone. What remains between
a dequantize and a quantize afterwards computes something.
"""

import math
from collections.abc import Callable

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.interpret import evaluate
from tinyiree.passes.integer.match import Place, keeps_float, parameters

LAYOUT = (
    "nn.concat",
    "nn.gather",
    "nn.max_pool2d",
    "nn.pad",
    "nn.reshape",
    "nn.slice",
    "nn.transpose",
    "nn.upsample_nearest",
)
"""The ops whose result holds elements of the operands (and padding), each as it was."""


def move(module: ir.Module) -> None:
    """Apply the rewrites of the module docstring until none does."""
    while any([_sweep(module, _fold_constant), _sweep(module, _sink), _sweep(module, _hoist)]):
        pass


def merge_duplicates(module: ir.Module) -> None:
    """One quantize or dequantize for each value and its parameters; the first one stays."""
    seen: dict[tuple[ir.Value, str, str], ir.Operation] = {}
    for op in list(access.named(module, "nn.quantize", "nn.dequantize")):
        key = (op.operands[0], op.name, _parameters_text(op))
        if key in seen:
            build.replace(op, seen[key].results[0])
        else:
            seen[key] = op


def _sweep(module: ir.Module, rewrite: Callable[[ir.Operation], bool]) -> bool:
    changed = False
    for op in list(access.named(module, *LAYOUT, "nn.argmax")):
        if not keeps_float(op) and rewrite(op):
            changed = True
    return changed


def _fold_constant(op: ir.Operation) -> bool:
    if op.name == "nn.argmax" or not all(access.is_constant(operand) for operand in op.operands):
        return False
    array = evaluate(op, [access.constant(operand) for operand in op.operands])
    with Place(op):
        build.replace(op, build.constant(array))
    return True


def _sink(op: ir.Operation) -> bool:
    """Put a dequantize of all operands behind the op."""
    sources = [access.defining_op(operand) for operand in op.operands]
    first = sources[0]
    if first is None or first.name != "nn.dequantize":
        return False
    for source in sources[1:]:
        if source is None or source.name != "nn.dequantize" or not _same(source, first):
            return False
    attributes = dict(op.attributes)
    axis = access.integer(first, "axis")
    found = parameters(first)
    if found is None:
        # Per channel, as weights are: follow the axis where that is simple.
        moved = _axis_after(op, axis)
        if moved is None:
            return False
        axis = moved
    elif op.name == "nn.pad":
        raw = _exact_raw(access.number(op, "value"), *found)
        if raw is None:
            return False
        attributes["value"] = build.attribute("value", "nn.pad", float(raw))
    shape = access.shape(op.results[0])
    element = access.element_type(first.operands[0])
    operands = [source.operands[0] for source in sources if source is not None]
    with Place(op):
        if op.name == "nn.argmax":
            result = _create(op, operands, "i32", attributes)
        else:
            result = build.op(
                "nn.dequantize",
                [_create(op, operands, element, attributes)],
                shape,
                "f32",
                scales=access.floats(first, "scales"),
                zero_points=access.ints(first, "zero_points"),
                axis=axis,
            )
        build.replace(op, result)
    return True


def _hoist(op: ir.Operation) -> bool:
    """Put the only user, a quantize or a clamp that ends in one, in front of every operand."""
    user = access.only_user(op.results[0])
    if user is None or op.name == "nn.argmax" or not _ends_in_quantize(user):
        return False
    attributes = dict(op.attributes)
    element = access.element_type(user.results[0])
    if op.name == "nn.pad":
        value = access.number(op, "value")
        attributes["value"] = build.attribute("value", "nn.pad", _value_after(user, value))
    operands = []
    for operand in op.operands:
        # The location of the user stays with it: a relu keeps its own line.
        with ir.InsertionPoint(op), user.location:
            copy = ir.Operation.create(
                user.name,
                results=[build.tensor_type(access.shape(operand), element)],
                operands=[operand],
                attributes=dict(user.attributes),
            )
        operands.append(copy.result)
    with Place(op):
        result = _create(op, operands, element, attributes)
    build.replace(user, result)
    op.erase()
    return True


def _ends_in_quantize(user: ir.Operation | None) -> bool:
    while user is not None and user.name == "nn.clamp" and not keeps_float(user):
        user = access.only_user(user.results[0])
    return user is not None and user.name == "nn.quantize" and parameters(user) is not None


def _value_after(user: ir.Operation, value: float) -> float:
    if user.name == "nn.clamp":
        return min(max(value, access.number(user, "min")), access.number(user, "max"))
    scale, zero_point = access.floats(user, "scales")[0], access.ints(user, "zero_points")[0]
    return float(np.clip(np.rint(value / scale) + zero_point, -128, 127))


def _exact_raw(value: float, scale: float, zero_point: int) -> int | None:
    """The int8 that stands for a value; None when none does."""
    if not math.isfinite(value):
        return None
    raw = round(value / scale) + zero_point
    exact = math.isclose((raw - zero_point) * scale, value, rel_tol=1e-6)
    return raw if exact and -128 <= raw <= 127 else None


def _axis_after(op: ir.Operation, axis: int) -> int | None:
    if op.name == "nn.transpose":
        return access.ints(op, "permutation").index(axis)
    before, after = access.shape(op.operands[0]), access.shape(op.results[0])
    if op.name == "nn.reshape" and before[: axis + 1] == after[: axis + 1]:
        return axis
    return None


def _create(
    op: ir.Operation, operands: list[ir.Value], element: str, attributes: dict[str, ir.Attribute]
) -> ir.Value:
    kind = build.tensor_type(access.shape(op.results[0]), element)
    return ir.Operation.create(
        op.name, results=[kind], operands=operands, attributes=attributes
    ).result


def _same(a: ir.Operation, b: ir.Operation) -> bool:
    types = {access.element_type(op.operands[0]) for op in (a, b)}
    return len(types) == 1 and _parameters_text(a) == _parameters_text(b)


def _parameters_text(op: ir.Operation) -> str:
    return " ".join(str(op.attributes[name]) for name in ("scales", "zero_points", "axis"))
