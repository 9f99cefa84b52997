"""From the normal form to linalg on tensors, one dispatch region for each group of ops."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.move import MOVES
from tinyiree.passes.lower.table import EMITTERS
from tinyiree.passes.lower.text import Array, Tensor, Writer, tensor_type

DISPATCH_ATTRIBUTE = "tiny.dispatch"
OUTSIDE = ("arith.constant", "func.return", "nn.reshape", "nn.delay", "nn.step", "nn.stack")
"""Ops that are in no dispatch."""
REGION_LOCATION = "tiny.region."
"""The location of every op in a region has a name of this prefix and the region's index, with the
layer's location inside: how a dispatch that IREE made is led back to its group."""


@dataclass(frozen=True)
class DispatchGroup:
    """What one dispatch region computes.

    Attributes:
        index: position among the regions, in program order.
        layers: layer names of its ops, in order, each once.
        ops: names of its ops in the normal form, in order.
    """

    index: int
    layers: tuple[str, ...]
    ops: tuple[str, ...]


@dataclass(frozen=True)
class Lowered:
    """A lowered module.

    Attributes:
        text: MLIR, ``func.func @main`` with the signature of the normal form.
        groups: its dispatch regions in program order.
    """

    text: str
    groups: tuple[DispatchGroup, ...]


def lower(module: ir.Module) -> Lowered:
    """Lower a module in normal form.

    Ops with the same ``tiny.dispatch`` become one dispatch region; an op without it has a region of
    its own. Constants and ``nn.reshape`` are outside of all regions and free. ``nn.delay``,
    ``nn.step`` and ``nn.stack`` are outside, too: what reads or writes a part of a tensor does it
    in place where it can.

    Raises:
        TinyireeError: an op that cannot be lowered, or a group that is not one chain.
    """
    return _Lowering(module).run()


class _Lowering:
    def __init__(self, module: ir.Module) -> None:
        self._w = Writer()
        self._block = access.main_block(module)
        self._ops = access.operations(module)
        self._values: dict[ir.Value, Tensor] = {}
        self._constants: dict[ir.Value, Array] = {}
        self._groups: list[DispatchGroup] = []

    def run(self) -> Lowered:
        w = self._w
        results = list(self._ops[-1].operands)
        for index, argument in enumerate(self._block.arguments):
            shape, element = access.shape(argument), access.element_type(argument)
            self._values[argument] = Tensor(f"%arg{index}", shape, element)
        signature = ", ".join(f"{x.name}: {x.type}" for x in self._values.values())
        types = ", ".join(
            tensor_type(access.shape(value), access.element_type(value)) for value in results
        )
        w.line(f"func.func @main({signature}) -> ({types}) {{")
        members = self._members()
        for op in self._ops:
            if op.name == "arith.constant":
                self._constants[op.results[0]] = access.constant(op.results[0])
            elif op.name == "nn.reshape":
                self._reshape(op)
            elif op.name in MOVES:
                self._w.location = str(op.location)
                operands = [self._outside(value) for value in op.operands]
                self._values[op.results[0]] = MOVES[op.name](self._w, op, operands)
            elif op.name != "func.return":
                group = members[op]
                if op == group[-1]:
                    self._region(group)
        returned = [self._outside(value) for value in results]
        names = ", ".join(x.name for x in returned)
        w.line(f"func.return {names} : {types}")
        w.line("}")
        return Lowered("\n".join(w.lines) + "\n", tuple(self._groups))

    def _members(self) -> dict[ir.Operation, list[ir.Operation]]:
        """For each op that computes: all ops of its group in order."""
        groups: dict[int, list[ir.Operation]] = {}
        members: dict[ir.Operation, list[ir.Operation]] = {}
        for op in self._ops:
            if op.name in OUTSIDE:
                continue
            if DISPATCH_ATTRIBUTE not in op.attributes:
                members[op] = [op]
                continue
            group = groups.setdefault(access.integer(op, DISPATCH_ATTRIBUTE), [])
            group.append(op)
            members[op] = group
        for group in groups.values():
            _check_group(group)
        return members

    def _outside(self, value: ir.Value) -> Tensor:
        """A value for use outside of regions."""
        if value in self._constants:
            self._values[value] = self._w.constant(self._constants[value])
        return self._values[value]

    def _reshape(self, op: ir.Operation) -> None:
        source, result = op.operands[0], op.results[0]
        shape = access.shape(result)
        if source in self._constants:
            self._constants[result] = np.reshape(self._constants[source], shape)
            return
        x = self._values[source]
        self._w.location = str(op.location)
        target = tensor_type(shape, x.element)
        text = f"flow.tensor.reshape {x.name} : {x.type} -> {target}"
        self._values[result] = self._w.tensor(text, shape, x.element)

    def _region(self, group: Sequence[ir.Operation]) -> None:
        w = self._w
        last = group[-1].results[0]
        type_ = tensor_type(access.shape(last), access.element_type(last))
        name = w.fresh()
        w.line(f"{name} = flow.dispatch.region -> ({type_}) {{")
        values = dict(self._values)
        for op in group:
            w.location = f'loc("{REGION_LOCATION}{len(self._groups)}"({_inner(op.location)}))'
            if op.name not in EMITTERS:
                raise TinyireeError(
                    f"{access.describe(op)}: expected an operator that can be lowered, found one "
                    "that earlier passes should have removed; check the pipeline"
                )
            values[op.results[0]] = EMITTERS[op.name](w, Layer(op, values, self._constants))
        result = values[last]
        w.line(f"flow.return {result.name} : {result.type} {w.location}")
        w.line(f"}} {w.location}")
        self._values[last] = Tensor(name, result.shape, result.element)
        layers = tuple(dict.fromkeys(access.layer_name(op) for op in group))
        ops = tuple(op.name for op in group)
        self._groups.append(DispatchGroup(len(self._groups), layers, ops))


def _inner(location: ir.Location) -> str:
    """A location's text, to be nested in another."""
    return str(location).removeprefix("loc(").removesuffix(")")


def _check_group(group: Sequence[ir.Operation]) -> None:
    """All results but the last must stay inside the group."""
    for op in group[:-1]:
        for user in access.users(op.results[0]):
            if user not in group:
                raise TinyireeError(
                    f"{access.describe(op)}: expected its result to be used inside its dispatch "
                    f"group alone, found a use by {access.describe(user)}; give the two different "
                    f"values of {DISPATCH_ATTRIBUTE}"
                )
