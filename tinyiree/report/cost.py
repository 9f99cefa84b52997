"""What each layer computes, counted on the normal form: MACs, weights, operations by width."""

import math
from collections import Counter
from dataclasses import dataclass, field

from iree.compiler import ir

from tinyiree.ir.access import (
    constant,
    is_constant,
    layer_name,
    operations,
    shape,
)
from tinyiree.report.operations import count_operations


@dataclass
class Cost:
    """Of one dispatch, or of a whole model.

    Attributes:
        layers: names of the layers.
        ops: names of the operators.
        macs: multiply-accumulates.
        weight_bytes: constants in the module, before a kernel packs them.
        operations: by type and operand width, such as ``smult_8_8``; see `operations`.
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
    cost.operations.update(count_operations(op, macs))


def multiply_accumulates(op: ir.Operation) -> int:
    """Multiply-accumulates of an op; padding counts as if it were computed, as is customary."""
    kind = op.name.partition(".")[2]
    outputs = math.prod(shape(op.results[0]))
    if kind in ("conv2d", "hybrid_conv2d"):
        return outputs * math.prod(shape(op.operands[1])[1:])
    if kind in ("fully_connected", "batch_matmul", "hybrid_fully_connected"):
        return outputs * shape(op.operands[0])[-1]
    return 0
