"""CAST, comparisons, logic and selection: what makes, takes and follows from bool.

Quantized operands of a comparison are scaled to real numbers with 8 more bits, each rounded twice
(``kernels/comparisons.cc``). Where both have one scale and zero point and no two numbers fall
together, the raw numbers are compared.
"""

from collections.abc import Callable, Sequence

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Tensor, Unsupported, shape_of
from tinyiree.importers.tflite.arithmetic import quantize_multiplier
from tinyiree.importers.tflite.arithmetic_ops import broadcast
from tinyiree.importers.tflite.call import Call, Entry
from tinyiree.importers.tflite.types import EIGHT_BITS, ELEMENTS, MOVED, limits
from tinyiree.ir.fixedpoint import rescale_twice

_LEFT_SHIFT = 8
_ORDERED = (*EIGHT_BITS, "float32", "int32", "int64")
_EQUAL = (*_ORDERED, "bool")


def cast(call: Call) -> Tensor:
    """CAST: floats towards zero and saturated, integers wrap around; quantization plays no part."""
    source, target = call.input(0).dtype, call.output().dtype
    call.expect(MOVED, 0)
    call.expect_output(*MOVED)
    if source == target:
        return call.raw(0)
    attributes = {"source": source, "target": target}
    return call.emit("nn.cast", [call.value(0)], attributes, element=ELEMENTS[target])


def compare(fn: str, dtypes: Sequence[str], turned: bool = False) -> Callable[[Call], ir.Value]:
    """The converter of a comparison; with ``turned`` of its second input with its first."""

    def convert(call: Call) -> ir.Value:
        call.expect(dtypes, 0, 1)
        call.expect_output("bool")
        a, b = broadcast(call)
        if call.input(0).dtype in EIGHT_BITS:
            a, b = _scaled(call, a, b)
        operands = [b, a] if turned else [a, b]
        return call.emit("nn.compare", operands, {"fn": fn}, element="i8")

    return convert


def _scaled(call: Call, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    parameters = [call.quantization(call.input(i)) for i in (0, 1)]
    tables = [_table(scale, zero_point) for scale, zero_point in parameters]
    if parameters[0] == parameters[1] and (np.diff(tables[0]) > 0).all():
        return a, b
    first, second = (
        call.emit("qnn.lookup", [x, table], {}, shape_of(x), "i32")
        for x, table in zip((a, b), tables, strict=True)
    )
    return first, second


def _table(scale: float, zero_point: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.int32]]":
    low, high = limits("int8")
    steps = (np.arange(low, high + 1, dtype=np.int64) - zero_point) << _LEFT_SHIFT
    multiplier, shift = quantize_multiplier(scale)
    if scale >= 1:
        raise Unsupported(f"a comparison of numbers in steps of {scale:g}", "use scales below 1")
    return rescale_twice(steps, multiplier, shift).astype(np.int32)


def logical(name: str) -> Callable[[Call], ir.Value]:
    """The converter of LOGICAL_AND or LOGICAL_OR, on 0 and 1."""

    def convert(call: Call) -> ir.Value:
        call.expect(("bool",), 0, 1)
        call.expect_output("bool")
        return call.emit(name, list(broadcast(call)))

    return convert


def logical_not(call: Call) -> ir.Value:
    """LOGICAL_NOT."""
    call.expect(("bool",), 0)
    call.expect_output("bool")
    zero = np.zeros((1,) * len(call.output().shape), np.int8)
    return call.emit("nn.compare", [call.value(0), zero], {"fn": "equal"})


def select(call: Call) -> ir.Value:
    """SELECT and SELECT_V2, with broadcasting."""
    call.expect(MOVED, 1, 2)
    call.expect_output(call.input(1).dtype)
    if call.input(0).dtype != "bool":
        raise Unsupported(f"the condition {call.input(0)}, expected bool", "compare with zero")
    shape = call.output().shape
    operands = []
    for i in range(3):
        own = call.input(i).shape
        # The first version has conditions of one axis, which is the first of the data.
        leading = i == 0 and call.op.name == "SELECT" and len(own) == 1
        ones = (1,) * (len(shape) - len(own))
        operands.append(call.reshaped(call.raw(i), own + ones if leading else ones + own))
    if np.broadcast_shapes(*(shape_of(x) for x in operands)) != shape:
        listed = ", ".join(str(call.input(i)) for i in range(3))
        raise Unsupported(f"{listed} for {call.output()}", "convert the model again")
    return call.emit("nn.select", operands, element=ELEMENTS[call.output().dtype])


_LOOKED_UP = ("nn.compare", "qnn.lookup")

ENTRIES: dict[str, Entry] = {
    "CAST": Entry(cast, ("nn.cast",), MOVED, 7, "from each of them to each"),
    "EQUAL": Entry(compare("equal", _EQUAL), _LOOKED_UP, _EQUAL, 4),
    "NOT_EQUAL": Entry(compare("not_equal", _EQUAL), _LOOKED_UP, _EQUAL, 3),
    "GREATER": Entry(compare("greater", _ORDERED), _LOOKED_UP, _ORDERED, 3),
    "GREATER_EQUAL": Entry(compare("greater_equal", _ORDERED), _LOOKED_UP, _ORDERED, 3),
    "LESS": Entry(compare("greater", _ORDERED, turned=True), _LOOKED_UP, _ORDERED, 3),
    "LESS_EQUAL": Entry(compare("greater_equal", _ORDERED, turned=True), _LOOKED_UP, _ORDERED, 3),
    "LOGICAL_AND": Entry(logical("nn.minimum"), ("nn.minimum",), ("bool",)),
    "LOGICAL_OR": Entry(logical("nn.maximum"), ("nn.maximum",), ("bool",)),
    "LOGICAL_NOT": Entry(logical_not, ("nn.compare",), ("bool",)),
    "SELECT": Entry(select, ("nn.select",), MOVED, 4),
    "SELECT_V2": Entry(select, ("nn.select",), MOVED, 2),
}
