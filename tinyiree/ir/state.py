"""State: what a model keeps from one invocation to the next.

A variable is an argument of main, its value before an invocation, and a result, its value after it.
Both stand behind the model's own inputs and outputs, in the same order, marked ``tiny.state``;
``tiny.initial`` of the argument is the value at the start of a stream, zeros where it is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.ir.access import Array

STATE = "tiny.state"
INITIAL = "tiny.initial"


@dataclass(frozen=True)
class State:
    """A variable.

    Attributes:
        name: of the argument.
        initial: its value at the start of a stream; its shape and dtype are the variable's.
    """

    name: str
    initial: Array


def state_attributes(name: str, initial: Array) -> dict[str, ir.Attribute]:
    """What marks an argument of main as a variable; a result needs its name alone."""
    found: dict[str, ir.Attribute] = {
        "tiny.name": ir.StringAttr.get(name),
        STATE: ir.UnitAttr.get(),
    }
    if initial.tobytes().strip(b"\0"):
        array = np.ascontiguousarray(initial)
        element = ir.Type.parse(build.NUMPY_TO_MLIR[str(array.dtype)])
        found[INITIAL] = ir.DenseElementsAttr.get(array, type=element, shape=list(array.shape))
    return found


def state_count(module: ir.Module) -> int:
    """How many of main's last arguments, and last results, are variables."""
    arguments = len(access.main_block(module).arguments)
    return sum(_is_state(module, i) for i in range(arguments))


def states_of(module: ir.Module) -> list[State]:
    """The variables, in the order of their arguments."""
    block = access.main_block(module)
    return [
        State(_name(module, i), _initial(module, i, argument))
        for i, argument in enumerate(block.arguments)
        if _is_state(module, i)
    ]


def states_last(module: ir.Module, states: Sequence[State], updates: Sequence[int]) -> None:
    """Make variables of main's first arguments and results, and put them behind all others.

    Args:
        module: to change. Needs a current context and location.
        states: of the first arguments, in order.
        updates: for each of the first results, which variable it is the new value of.
    """
    block, count = access.main_block(module), len(states)
    arguments = _attributes(module, "arg_attrs", len(block.arguments))
    for argument in list(block.arguments)[:count]:
        argument.replace_all_uses_with(block.add_argument(argument.type, ir.Location.unknown()))
    for _ in states:
        block.erase_argument(0)
    terminator = access.operations(module)[-1]
    operands = list(terminator.operands)
    results = _attributes(module, "res_attrs", len(operands))
    order = [*range(count, len(operands)), *(updates.index(i) for i in range(count))]
    for position, old in enumerate(order):
        terminator.operands[position] = operands[old]
    build.update_function_type(module)
    build.name_edges(
        module,
        [*arguments[count:], *(state_attributes(state.name, state.initial) for state in states)],
        [*results[count:], *([{STATE: ir.UnitAttr.get()}] * count)],
    )


def _attributes(module: ir.Module, kind: str, count: int) -> list[dict[str, ir.Attribute]]:
    function = access.main_function(module)
    if kind not in function.attributes:
        return [{} for _ in range(count)]
    entries = ir.ArrayAttr(function.attributes[kind])
    return [{item.name: item.attr for item in ir.DictAttr(entry)} for entry in entries]


def verify_states(module: ir.Module) -> None:
    """Check that arguments and results of variables stand last, in pairs of one type.

    Raises:
        TinyireeError: naming the first that does not.
    """
    arguments = list(access.main_block(module).arguments)
    results = list(access.operations(module)[-1].operands)
    count = state_count(module)
    marked = [access.result_attribute(module, i, STATE) is not None for i in range(len(results))]
    if sum(marked) != count or not all(marked[len(results) - count :]):
        raise TinyireeError(
            f"main has {count} arguments and {sum(marked)} results marked {STATE}; expected one "
            "result for each argument, behind all others"
        )
    for i, (argument, result) in enumerate(zip(arguments[::-1], results[::-1], strict=False)):
        if i == count:
            break
        number = len(arguments) - 1 - i
        if not _is_state(module, number) or argument.type != result.type:
            raise TinyireeError(
                f"variable '{_name(module, number)}' of main: expected an argument marked {STATE} "
                f"behind all inputs and a result of its type, found {argument.type} and "
                f"{result.type}"
            )


def _is_state(module: ir.Module, index: int) -> bool:
    return access.argument_attribute(module, index, STATE) is not None


def _name(module: ir.Module, index: int) -> str:
    name = access.argument_attribute(module, index, "tiny.name")
    return f"state{index}" if name is None else str(ir.StringAttr(name).value)


def _initial(module: ir.Module, index: int, argument: ir.Value) -> Array:
    dtype = access.MLIR_TO_NUMPY[access.element_type(argument)]
    found = access.argument_attribute(module, index, INITIAL)
    if found is None:
        return np.zeros(access.shape(argument), dtype)
    return np.array(found).astype(dtype).reshape(access.shape(argument))
