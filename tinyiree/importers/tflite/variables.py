"""Variables of a .tflite model: what it keeps from one invocation to the next.

There are two kinds in the files. A tensor with ``is_variable`` belongs to an operator that reads
and writes it, and starts as zeros, which for int8 are its zero point. A resource has a name:
VAR_HANDLE gives a handle to it, READ_VARIABLE and ASSIGN_VARIABLE use that, and a subgraph that
CALL_ONCE names assigns its initial value. Here both become the former, with an initial value.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.call import Call, Entry, Result
from tinyiree.importers.tflite.model import Array, Graph, Model, Op, TensorInfo
from tinyiree.importers.tflite.types import MOVED, stored
from tinyiree.ir.access import MLIR_TO_NUMPY

_READ, _ASSIGN = "READ_VARIABLE", "ASSIGN_VARIABLE"
_AGAIN = "convert the model again with a current converter"


def resolve_variables(model: Model) -> tuple[Model, list[str]]:
    """A model in which READ_VARIABLE and ASSIGN_VARIABLE name tensors, without handles.

    Returns:
        The model, and what cannot be expressed so.
    """
    if not any(op.name in ("VAR_HANDLE", "CALL_ONCE", _READ, _ASSIGN) for op in model.ops):
        return model, []
    resolution = _Resolution(model)
    ops = [op for op in model.ops if op.name not in ("VAR_HANDLE", "CALL_ONCE")]
    ops = [resolution.resolved(op) for op in ops]
    return replace(model, ops=ops, tensors=resolution.tensors), resolution.problems


class _Resolution:
    def __init__(self, model: Model) -> None:
        self.tensors = list(model.tensors)
        self.problems: list[str] = []
        self._handles = _handles(model.ops)
        self._initial: dict[str, Array] = {}
        # By name: the tensor that stands for the resource.
        self._variables: dict[str, int] = {}
        self._assigned: set[str] = set()
        for number, graph in enumerate(model.initializers):
            self._run(number, graph)

    def _run(self, number: int, graph: Graph) -> None:
        """Take the values that an initializer assigns."""
        handles = _handles(graph.ops)
        for op in graph.ops:
            if op.name == "VAR_HANDLE":
                continue
            name = handles.get(op.inputs[0]) if op.name == _ASSIGN and op.inputs else None
            data = graph.tensors[op.inputs[1]].data if len(op.inputs) == 2 else None
            if name is None or data is None:
                self.problems.append(
                    f"initializer {number}: operator {op.index} {op.name}: expected the "
                    "assignment of a constant to a variable; initialize variables with constants"
                )
            else:
                self._initial[name] = data

    def resolved(self, op: Op) -> Op:
        """An operator that names a variable's tensor in place of a handle."""
        if op.name not in (_READ, _ASSIGN) or not op.inputs or op.inputs[0] not in self._handles:
            return op
        name = self._handles[op.inputs[0]]
        twin = op.outputs[:1] if op.name == _READ else op.inputs[1:2]
        if not twin or twin[0] < 0:
            return op
        if op.name == _READ and name not in self._initial and name not in self._assigned:
            self.problems.append(
                f"operator {op.index} {op.name}: variable '{name}' is read before it has a value; "
                "give it an initial value"
            )
        self._assigned.add(name)
        variable = self._variable(name, self.tensors[twin[0]])
        return replace(op, inputs=(variable, *op.inputs[1:]))

    def _variable(self, name: str, twin: TensorInfo) -> int:
        if name not in self._variables:
            index = len(self.tensors)
            data = self._initial.get(name)
            if data is not None and (data.shape != twin.shape or str(data.dtype) != twin.dtype):
                self.problems.append(
                    f"variable '{name}' is {twin.dtype}{list(twin.shape)}, its initial value "
                    f"{data.dtype}{list(data.shape)}; {_AGAIN}"
                )
                data = None
            made = TensorInfo(
                index,
                name.rsplit("/", 1)[-1] or "variable",
                twin.shape,
                twin.dtype,
                data,
                twin.quantization,
                twin.problem,
                True,
            )
            self.tensors.append(made)
            self._variables[name] = index
        return self._variables[name]


def _handles(ops: Iterable[Op]) -> dict[int, str]:
    """By tensor, the name of the variable that it is a handle of."""
    found = {}
    for op in ops:
        if op.name == "VAR_HANDLE" and op.outputs:
            container, name = (op.options.get(key, "") for key in ("container", "shared_name"))
            found[op.outputs[0]] = f"{container}/{name}"
    return found


@dataclass(frozen=True)
class Variable:
    """A tensor that keeps its value, with the one that it starts with."""

    tensor: TensorInfo
    initial: Array


def variables_of(model: Model) -> list[Variable]:
    """The variables that operators use; those that start as zeros come last."""
    used = dict.fromkeys(i for op in model.ops for i in op.inputs if i >= 0)
    tensors = [model.tensors[i] for i in used if model.tensors[i].variable]
    usable = [t for t in tensors if not t.problem and stored(t.dtype) in MLIR_TO_NUMPY.values()]
    found = [Variable(tensor, _initial(tensor)) for tensor in usable]
    return sorted(found, key=lambda variable: not variable.initial.any())


def _initial(tensor: TensorInfo) -> Array:
    if tensor.data is not None:
        return tensor.data
    dtype = stored(tensor.dtype)
    zero = 0
    if tensor.dtype == "int8" and tensor.quantization is not None:
        zero = tensor.quantization.zero_points[0]
    return np.full(tensor.shape, zero, np.int64).astype(dtype)


def _read(call: Call) -> Result:
    """READ_VARIABLE."""
    _check(call)
    return call.value(0)


def _assign(call: Call) -> Result:
    """ASSIGN_VARIABLE: no output, and the variable's new value."""
    _check(call)
    if call.input(1).shape != call.input(0).shape:
        raise Unsupported(f"the value {call.input(1)} for {call.input(0)}", _AGAIN)
    return [call.raw(1)]


def _check(call: Call) -> None:
    if not call.input(0).variable:
        raise Unsupported(f"the handle {call.input(0)} is of no variable", _AGAIN)


def _gone(call: Call) -> Result:
    raise AssertionError(f"{call.op.name} is resolved before operators are converted")


ENTRIES: dict[str, Entry] = {
    "VAR_HANDLE": Entry(_gone, (), MOVED, 1, "of a variable, which is state of the model"),
    "READ_VARIABLE": Entry(_read, (), MOVED),
    "ASSIGN_VARIABLE": Entry(_assign, (), MOVED, updates=(0,)),
    "CALL_ONCE": Entry(_gone, (), MOVED, 1, "of a subgraph that initializes variables"),
}
