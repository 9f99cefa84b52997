"""The rules of ``fuse`` on integer ops."""

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.fixedpoint import encode, encode_all
from tinyiree.ir.interpret import EVALUATORS
from tinyiree.passes.integer.elementwise import EVERY_INT8, sum_multipliers
from tinyiree.passes.integer.match import INT8_MAX, INT8_MIN, Place, is_explicit

POINTWISE = ("qnn.clamp", "qnn.lookup", "qnn.requantize")
"""Functions of one int8: 256 entries say all about them."""

MULTIPLIER_OPERANDS = {"qnn.conv2d": 3, "qnn.fully_connected": 3, "qnn.avg_pool2d": 1}
"""Where an op's multipliers are; its shifts are the next operand."""

MULTIPLIER_ATTRIBUTES = (
    "qnn.batch_matmul",
    "qnn.log_softmax",
    "qnn.mean",
    "qnn.mul",
    "qnn.requantize",
)


def remove_full_clamp(op: ir.Operation) -> bool:
    """A clamp to all of its type does nothing."""
    if op.name != "qnn.clamp" or _bounds(op) != access.limits(op.results[0]):
        return False
    build.replace(op, op.operands[0])
    return True


def fuse_clamp(op: ir.Operation) -> bool:
    """A clamp belongs to the op that clamps anyway."""
    producer = _producer(op) if op.name == "qnn.clamp" else None
    if producer is None or "clamp_min" not in producer.attributes:
        return False
    low, high = _apply(op, _bounds(producer))
    _set(producer, clamp_min=low, clamp_max=high)
    build.replace(op, producer.results[0])
    return True


def fuse_requantize(op: ir.Operation) -> bool:
    """A change of scale belongs to the op that rescales anyway."""
    producer = _producer(op) if op.name == "qnn.requantize" else None
    if producer is None:
        return False
    if producer.name == "qnn.clamp":
        low, high = _apply(op, _bounds(producer))
        _set(op, clamp_min=low, clamp_max=high)
        op.operands[0] = producer.operands[0]
        return True
    if "output_zero_point" not in producer.attributes:
        return False
    # An op with a rounding of its own defines every byte of its result: it is not rounded anew.
    if {"double", "even"} & {access.rounding(op), access.rounding(producer)}:
        return False
    factor = access.integer(op, "multiplier") * 2.0 ** -access.integer(op, "shift")
    if is_explicit(op) and factor != 1:
        return False
    # What the producer saturated, or clamped, stays so.
    low, high = _apply(op, _bounds(producer))
    if access.integer(producer, "output_zero_point") != access.integer(op, "input_zero_point"):
        return False
    if not _scale_by(producer, factor):
        return False
    zero_point = access.integer(op, "output_zero_point")
    _set(producer, clamp_min=low, clamp_max=high, output_zero_point=zero_point)
    build.replace(op, producer.results[0])
    return True


def fuse_tables(op: ir.Operation) -> bool:
    """Two functions of one int8, one of them a table, are one table."""
    producer = _producer(op) if op.name in POINTWISE else None
    if producer is None or producer.name not in POINTWISE:
        return False
    if "qnn.lookup" not in (op.name, producer.name):
        return False
    table = _evaluate(op, _evaluate(producer, EVERY_INT8.astype(np.int8)))
    with Place(op):
        operands = [producer.operands[0], build.constant(table)]
        result = build.op("qnn.lookup", operands, access.shape(op.results[0]), "i8")
    build.replace(op, result)
    return True


def _producer(op: ir.Operation) -> ir.Operation | None:
    """The integer op that makes the first operand for this op alone, all of it int8."""
    found = access.defining_op(op.operands[0])
    if found is None or not found.name.startswith("qnn."):
        return None
    data = (found.operands[0], op.operands[0], op.results[0])
    if any(access.element_type(value) != "i8" for value in data):
        return None
    return found if len(access.users(op.operands[0])) == 1 else None


def _scale_by(op: ir.Operation, factor: float) -> bool:
    """Multiply what an op rescales by; False when it has no room, or no multiplier."""
    try:
        if op.name in MULTIPLIER_OPERANDS:
            _scale_operands(op, MULTIPLIER_OPERANDS[op.name], factor)
            return True
        if op.name == "qnn.add":
            return _scale_sum(op, factor)
        if op.name in MULTIPLIER_ATTRIBUTES:
            own = access.integer(op, "multiplier") * 2.0 ** -access.integer(op, "shift")
            multiplier, shift = encode(own * factor)
            _set(op, multiplier=multiplier, shift=shift)
            return True
    except ValueError:
        # encode has no room: the two ops stay as they are.
        return False
    return False


def _scale_operands(op: ir.Operation, position: int, factor: float) -> None:
    multipliers = access.constant(op.operands[position]).astype(np.float64)
    shifts = access.constant(op.operands[position + 1]).astype(np.float64)
    scaled = encode_all(multipliers * 2.0**-shifts * factor)
    with Place(op):
        for offset, array in enumerate(scaled):
            op.operands[position + offset] = build.constant(array)


def _scale_sum(op: ir.Operation, factor: float) -> bool:
    unit = 2.0 ** -access.integer(op, "shift") * factor
    reaches = [
        max(INT8_MAX - zero_point, zero_point - INT8_MIN)
        for zero_point in (access.integer(op, name) for name in ("a_zero_point", "b_zero_point"))
    ]
    found = sum_multipliers(
        access.integer(op, "a_multiplier") * unit,
        access.integer(op, "b_multiplier") * unit,
        reaches[0],
        reaches[1],
    )
    if found is None:
        return False
    _set(op, a_multiplier=found[0], b_multiplier=found[1], shift=found[2])
    return True


def _bounds(op: ir.Operation) -> tuple[int, int]:
    return access.integer(op, "clamp_min"), access.integer(op, "clamp_max")


def _apply(op: ir.Operation, bounds: tuple[int, int]) -> tuple[int, int]:
    """What a monotone pointwise op makes of two values."""
    low, high = _evaluate(op, np.array(bounds, np.int8))
    return int(low), int(high)


def _evaluate(op: ir.Operation, x: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    constants = [access.constant(operand) for operand in list(op.operands)[1:]]
    return EVALUATORS[op.name](op, [x, *constants]).astype(np.int8)


def _set(op: ir.Operation, **attributes: int) -> None:
    for name, value in attributes.items():
        op.attributes[name] = build.attribute(name, op.name, value)
