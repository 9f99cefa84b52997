"""A plain numpy interpreter of the normal form: the independent reference of every other backend.

It follows README.md word for word and shares no code with the lowerings. Float ops accumulate in
float64 and round once to float32; integer ops are exact.
"""

from collections.abc import Callable, Sequence

import numpy as np
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir.access import (
    MLIR_TO_NUMPY,
    Array,
    constant,
    describe,
    element_type,
    main_block,
    shape,
)
from tinyiree.ir.interpret_float import FLOAT_OPS
from tinyiree.ir.interpret_hybrid import HYBRID_OPS
from tinyiree.ir.interpret_integer import INTEGER_OPS
from tinyiree.ir.interpret_layout import LAYOUT_OPS
from tinyiree.ir.interpret_lstm import RECURRENT_OPS
from tinyiree.ir.interpret_tflite import TFLITE_OPS
from tinyiree.ir.interpret_tflite16 import TFLITE16_OPS
from tinyiree.ir.interpret_tflite_ops import MORE_TFLITE_OPS
from tinyiree.ir.interpret_types import TYPE_OPS

Evaluate = Callable[[ir.Operation, Sequence[Array]], Array]
"""Computes the only result of an op from its operands."""

Observe = Callable[[ir.Operation, Array], None]
"""Called with every op and its result, constants excepted, in program order."""

EVALUATORS: dict[str, Evaluate] = {
    **LAYOUT_OPS,
    **FLOAT_OPS,
    **INTEGER_OPS,
    **TFLITE_OPS,
    **MORE_TFLITE_OPS,
    **TFLITE16_OPS,
    **HYBRID_OPS,
    **TYPE_OPS,
    **RECURRENT_OPS,
}


def interpret(
    module: ir.Module, inputs: Sequence[Array], observe: Observe | None = None
) -> list[Array]:
    """Run ``main`` on numpy arrays.

    Args:
        module: in normal form.
        inputs: one array an argument of main, of exactly its shape and element type.
        observe: called with each op and its result.

    Returns:
        The results of main, in order.

    Raises:
        TinyireeError: an input does not fit, or an op is unknown or disagrees with its result type.
    """
    block = main_block(module)
    arguments = list(block.arguments)
    if len(arguments) != len(inputs):
        raise TinyireeError(
            f"the interpreter expected {len(arguments)} inputs, found {len(inputs)}: "
            "give one array for each argument of main"
        )
    values: dict[ir.Value, Array] = {}
    for number, (argument, array) in enumerate(zip(arguments, inputs, strict=True)):
        values[argument] = _checked(f"input {number} of main", argument, np.asarray(array))
    for child in block.operations:
        op = child.operation
        if op.name == "func.return":
            return [values[operand] for operand in op.operands]
        values[op.results[0]] = evaluate(op, [values[operand] for operand in op.operands])
        if observe is not None and op.name != "arith.constant":
            observe(op, values[op.results[0]])
    raise TinyireeError("the main function has no func.return: add one")


def interpret_all(module: ir.Module, inputs: Sequence[Array]) -> list[tuple[ir.Operation, Array]]:
    """Every op of main with its result, constants excepted: for error analysis layer by layer."""
    found: list[tuple[ir.Operation, Array]] = []
    interpret(module, inputs, lambda op, array: found.append((op, array)))
    return found


def evaluate(op: ir.Operation, operands: Sequence[Array]) -> Array:
    """The result of one op.

    Raises:
        TinyireeError: the op is unknown, or its result type disagrees with what it computes.
    """
    if op.name == "arith.constant":
        return constant(op.results[0])
    if op.name not in EVALUATORS:
        raise TinyireeError(
            f"{describe(op)}: the interpreter does not know this operator; "
            "expected one of the normal form (see `tinyiree ops`)"
        )
    try:
        # Infinities and NaN are values here, as they are on the device.
        with np.errstate(all="ignore"):
            result = EVALUATORS[op.name](op, operands)
    except (ValueError, IndexError) as error:
        shapes = ", ".join(str(array.shape) for array in operands)
        raise TinyireeError(
            f"{describe(op)}: cannot be computed from operands of shapes {shapes}: {error}; "
            "the pass or importer that made the op is wrong"
        ) from error
    return _checked(describe(op), op.results[0], result)


def _checked(what: str, value: ir.Value, array: Array) -> Array:
    expected = (MLIR_TO_NUMPY[element_type(value)], shape(value))
    found = (str(array.dtype), array.shape)
    if expected != found:
        raise TinyireeError(
            f"{what}: expected {expected[0]} of shape {expected[1]} as its type says, "
            f"found {found[0]} of shape {found[1]}"
        )
    return array
