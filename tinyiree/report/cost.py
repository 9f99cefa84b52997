"""What each layer computes, counted on the normal form: MACs, weights, operations by width."""

import math
from collections import Counter
from dataclasses import dataclass, field

from iree.compiler import ir

from tinyiree.ir.access import (
    constant,
    element_type,
    ints,
    is_constant,
    layer_name,
    operations,
    shape,
)

_BITS = {"f32": "f32", "i8": "8", "i32": "32"}
_BYTES = {"f32": 4, "i8": 1, "i32": 4}


@dataclass
class Cost:
    """Of one dispatch, or of a whole model.

    Attributes:
        layers: names of the layers.
        ops: names of the operators.
        macs: multiply-accumulates.
        weight_bytes: constants in the module, before a kernel packs them.
        operations: by type and operand width, such as ``multiply_8x8``.
    """

    layers: list[str] = field(default_factory=list)
    ops: list[str] = field(default_factory=list)
    macs: int = 0
    weight_bytes: int = 0
    operations: Counter[str] = field(default_factory=Counter)


def dispatch_costs(module: ir.Module) -> dict[int, Cost]:
    """Costs by the number that ``group-dispatches`` gave each op (``tiny.dispatch``)."""
    costs: dict[int, Cost] = {}
    for op in operations(module):
        if "tiny.dispatch" in op.attributes:
            number = int(ir.IntegerAttr(op.attributes["tiny.dispatch"]).value)
            _add(costs.setdefault(number, Cost()), op)
    return costs


def _add(cost: Cost, op: ir.Operation) -> None:
    layer = layer_name(op)
    if layer not in cost.layers:
        cost.layers.append(layer)
    cost.ops.append(op.name)
    macs = multiply_accumulates(op)
    cost.macs += macs
    for operand in op.operands:
        if is_constant(operand):
            cost.weight_bytes += constant(operand).nbytes
    cost.operations.update(_operations(op, macs))


def multiply_accumulates(op: ir.Operation) -> int:
    """Multiply-accumulates of an op; padding counts as if it were computed, as is customary."""
    kind = op.name.partition(".")[2]
    outputs = math.prod(shape(op.results[0]))
    if kind == "conv2d":
        return outputs * math.prod(shape(op.operands[1])[1:])
    if kind in ("fully_connected", "batch_matmul"):
        return outputs * shape(op.operands[0])[-1]
    return 0


def _operations(op: ir.Operation, macs: int) -> Counter[str]:
    """Arithmetic by type and width; moves, loads and stores are not operations."""
    kind = op.name.partition(".")[2]
    width = _BITS[element_type(op.operands[0])]
    inputs = math.prod(shape(op.operands[0]))
    outputs = math.prod(shape(op.results[0]))
    accumulator = "32" if width == "8" else width
    counts: Counter[str] = Counter()
    if macs:
        counts[f"multiply_{width}x{width}"] += macs
        counts[f"add_{accumulator}"] += macs
    elif kind in ("add", "sub", "tflite_add"):
        counts[f"add_{accumulator}"] += outputs
        if kind == "tflite_add":
            counts["multiply_32x32"] += 2 * outputs
        elif width == "8":
            counts["multiply_8x32"] += 2 * outputs
    elif kind == "mul":
        counts[f"multiply_{width}x{width}"] += outputs
    elif kind in ("avg_pool2d", "mean"):
        window = math.prod(ints(op, "kernel")) if kind == "avg_pool2d" else inputs // outputs
        counts[f"add_{accumulator}"] += outputs * window
    elif kind == "max_pool2d":
        counts[f"compare_{width}"] += outputs * math.prod(ints(op, "kernel"))
    elif kind in ("clamp", "argmax"):
        counts[f"compare_{width}"] += inputs
    elif kind in ("maximum", "minimum"):
        counts[f"compare_{width}"] += outputs
    elif kind == "tflite_prelu":
        counts["multiply_8x8"] += outputs
    elif kind == "tflite_l2_norm":
        counts["multiply_8x8"] += inputs
        counts["add_32"] += inputs
        counts["multiply_32x32"] += outputs
    elif kind == "tflite_resize_bilinear":
        counts["multiply_32x32"] += 6 * outputs
        counts["add_32"] += 3 * outputs
    elif kind == "lookup":
        counts["lookup_8"] += outputs
    elif kind in ("softmax", "log_softmax", "tflite_softmax"):
        counts["exponential_f32" if width == "f32" else "lookup_8"] += inputs
    elif kind == "unary":
        counts["function_f32"] += outputs
    if op.name.startswith("qnn.") and "output_zero_point" in op.attributes and kind != "add":
        counts["multiply_32x32"] += outputs  # requantization
    return counts
