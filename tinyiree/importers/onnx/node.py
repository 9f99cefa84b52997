"""One ONNX node on its way into the normal form: its inputs and attributes as Python values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.importers.call import Array, Result, Tensor, Unsupported, materialize, shape_of
from tinyiree.ir import access

Attribute: TypeAlias = "int | float | str | list[Attribute] | None"
"""What converters read; ``None`` stands for a kind of attribute that none of them does."""

_COMPUTED = "make it a constant (an initializer) of the model; onnxsim folds what is computed"


@dataclass(frozen=True)
class Input:
    """What a node reads.

    Attributes:
        tensor: None for an optional input that is left out. An unsigned 8-bit activation is held as
            int8, 128 lower; a constant is held as it is.
        dtype: torch's name of the element type that ONNX gives it: ``f32``, ``ui8``, ``si64``, ...
        alone: True when this is the only use of it.
    """

    tensor: Tensor | None
    dtype: str
    alone: bool = False


@dataclass(frozen=True)
class Node:
    """An ONNX node.

    Attributes:
        op_type: such as ``Conv``.
        name: the layer's.
        inputs: in the order of the operator's specification; optional ones at the end may miss.
        attributes: those that the file gives.
        outputs: how many results it has.
    """

    op_type: str
    name: str
    inputs: tuple[Input, ...]
    attributes: dict[str, Attribute]
    outputs: int

    def given(self, index: int) -> bool:
        """True when the input is there."""
        return index < len(self.inputs) and self.inputs[index].tensor is not None

    def raw(self, index: int) -> Tensor:
        """An input, constant or not, of any element type."""
        tensor = self.inputs[index].tensor if index < len(self.inputs) else None
        if tensor is None:
            raise Unsupported(f"input {index} is missing", "export the model again")
        return tensor

    def value(self, index: int) -> ir.Value:
        """An input of any element type as a value; a constant is put into the module."""
        return materialize(self.raw(index))

    def real(self, index: int) -> Tensor:
        """A float32 input, constant or not.

        Raises:
            Unsupported: it has another element type.
        """
        tensor = self.raw(index)
        found = access.element_type(tensor) if isinstance(tensor, ir.Value) else str(tensor.dtype)
        if found not in ("f32", "float32"):
            raise Unsupported(
                f"input {index} has the element type {self.dtype(index)}",
                "compute in float32, between DequantizeLinear and QuantizeLinear where int8 is "
                "wanted",
            )
        return tensor

    def activation(self, index: int) -> ir.Value:
        """A float32 input as a value."""
        return materialize(self.real(index))

    def dtype(self, index: int) -> str:
        """The element type that ONNX gives an input."""
        return self.inputs[index].dtype

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape of an input."""
        return shape_of(self.raw(index))

    def constant(self, index: int, what: str) -> Array:
        """The numbers of a constant input, a dequantized constant included.

        Raises:
            Unsupported: the model computes it.
        """
        found = constant_of(self.raw(index))
        if found is None:
            raise Unsupported(f"{what} (input {index}) is not a constant", _COMPUTED)
        return found

    def integers(self, index: int, what: str) -> list[int]:
        """A constant input as a list of integers."""
        return [int(i) for i in self.constant(index, what).ravel()]

    def number(self, index: int, what: str, default: float) -> float:
        """A constant input of one element; the default when it is left out."""
        if not self.given(index):
            return default
        found = self.constant(index, what)
        if found.size != 1:
            raise Unsupported(f"{what} has {found.size} elements", "give it one element")
        return float(found.reshape(-1)[0].item())

    def integer_attribute(self, name: str, default: int) -> int:
        """An INT attribute."""
        found = self.attributes.get(name, default)
        if not isinstance(found, int):
            raise self._wrong(name, "an integer")
        return found

    def float_attribute(self, name: str, default: float) -> float:
        """A FLOAT attribute."""
        found = self.attributes.get(name, default)
        if not isinstance(found, int | float):
            raise self._wrong(name, "a number")
        return float(found)

    def text_attribute(self, name: str, default: str) -> str:
        """A STRING attribute."""
        found = self.attributes.get(name, default)
        if not isinstance(found, str):
            raise self._wrong(name, "a text")
        return found

    def integers_attribute(self, name: str, default: list[int]) -> list[int]:
        """An INTS attribute; the default, often an empty list, when it is not given."""
        found = self.attributes.get(name, list(default))
        items = found if isinstance(found, list) else [found]
        integers = [item for item in items if isinstance(item, int)]
        if len(integers) != len(items):
            raise self._wrong(name, "a list of integers")
        return integers

    def axis(self, default: int, rank: int, name: str = "axis") -> int:
        """An axis attribute, counted from the front.

        Raises:
            Unsupported: the tensor has no such axis.
        """
        return front_axis(self.integer_attribute(name, default), rank)

    def _wrong(self, name: str, expected: str) -> Unsupported:
        return Unsupported(f"attribute '{name}' should be {expected}", "export the model again")


def front_axis(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        Unsupported: a tensor of this rank has no such axis.
    """
    if not -rank <= axis < max(rank, 1):
        raise Unsupported(f"axis {axis} of a tensor of rank {rank}", "export the model again")
    return axis + rank if axis < 0 else axis


def constant_of(tensor: Tensor) -> Array | None:
    """The numbers of a constant or a dequantized constant; None for an activation."""
    if not isinstance(tensor, ir.Value):
        return tensor
    op = access.defining_op(tensor)
    if op is None:
        return None
    if op.name == "arith.constant":
        return access.constant(tensor)
    if op.name != "nn.dequantize" or not access.is_constant(op.operands[0]):
        return None
    raw = access.constant(op.operands[0]).astype(np.float64)
    scales, zero_points = (
        np.array(access.floats(op, "scales")),
        np.array(access.ints(op, "zero_points"), np.float64),
    )
    if scales.size > 1:
        extents = [1] * raw.ndim
        extents[access.integer(op, "axis")] = -1
        scales, zero_points = scales.reshape(extents), zero_points.reshape(extents)
    real: npt.NDArray[np.float32] = ((raw - zero_points) * scales).astype(np.float32)
    return real


Converter = Callable[[Node], Result]


@dataclass(frozen=True)
class Entry:
    """A row of the table of supported operators.

    Attributes:
        convert: the converter.
        emits: the ops that it writes.
        dtypes: element types of its data.
    """

    convert: Converter
    emits: tuple[str, ...]
    dtypes: tuple[str, ...] = ("float32",)


ANY = ("float32", "int8", "uint8")
"""Element types of operators that only move or select elements."""
