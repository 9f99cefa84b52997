"""One torch op on its way into the normal form: its arguments as Python values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access, build

Array = npt.NDArray[np.generic]
Tensor: TypeAlias = ir.Value | Array
"""An activation, or a constant that is not in the module yet."""

Argument: TypeAlias = "bool | int | float | str | ir.Value | Array | list[Argument] | None"
Result: TypeAlias = Tensor | Sequence[Tensor]
"""One tensor; or the results of an op that has several, or a list of tensors (split, chunk)."""


class Unsupported(Exception):
    """This op cannot be imported.

    Args:
        problem: what about it, such as ``divisor_override=3``.
        remedy: what the model's author can do.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class TensorKind:
    """Static shape and torch element type (``f32``, ``si8``, ``si64``, ...) of a tensor."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Call:
    """A torch op with its arguments resolved.

    Attributes:
        name: without ``torch.``, such as ``aten.conv2d`` or ``aten.add.Tensor``.
        arguments: in the order of the op's schema, defaults filled in.
        kinds: what torch says of each result; empty for a list of tensors.
    """

    name: str
    arguments: tuple[Argument, ...]
    kinds: tuple[TensorKind, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first result."""
        return self.kinds[0].shape

    def _argument(self, index: int) -> Argument:
        return self.arguments[index] if index < len(self.arguments) else None

    def _wrong(self, index: int, expected: str) -> Unsupported:
        found = type(self._argument(index)).__name__
        return Unsupported(
            f"argument {index} should be {expected}, found {found}",
            "write the layer with values known when the model is exported",
        )

    def given(self, index: int) -> bool:
        """True when the argument is there and not None."""
        return self._argument(index) is not None

    def tensor(self, index: int) -> ir.Value:
        """A tensor argument as a value; a constant is put into the module."""
        return materialize(self.raw(index))

    def raw(self, index: int) -> Tensor:
        """A tensor argument, constant or not."""
        argument = self._argument(index)
        if isinstance(argument, ir.Value | np.ndarray):
            return argument
        raise self._wrong(index, "a tensor")

    def tensors(self, index: int) -> list[ir.Value]:
        """A list of tensors."""
        argument = self._argument(index)
        if isinstance(argument, list):
            found = [item for item in argument if isinstance(item, ir.Value | np.ndarray)]
            if len(found) == len(argument) and found:
                return [materialize(item) for item in found]
        raise self._wrong(index, "a list of tensors")

    def constant(self, index: int, what: str) -> Array:
        """A tensor argument that has to be a constant."""
        argument = self._argument(index)
        if isinstance(argument, np.ndarray):
            return argument
        raise Unsupported(
            f"{what} is not a constant", "make it a parameter or a buffer of the module"
        )

    def integer(self, index: int, default: int | None = None) -> int:
        """An int argument."""
        argument = self._argument(index)
        if argument is None and default is not None:
            return default
        if isinstance(argument, bool) or not isinstance(argument, int):
            raise self._wrong(index, "an integer")
        return argument

    def number(self, index: int, default: float | None = None) -> float:
        """An int or float argument."""
        argument = self._argument(index)
        if argument is None and default is not None:
            return default
        if isinstance(argument, np.ndarray) and argument.size == 1:
            return float(argument.reshape(-1)[0].item())
        if not isinstance(argument, int | float):
            raise self._wrong(index, "a number")
        return float(argument)

    def boolean(self, index: int, default: bool = False) -> bool:
        """A bool argument; None gives the default."""
        argument = self._argument(index)
        return default if argument is None else bool(argument)

    def text(self, index: int) -> str:
        """A str argument."""
        argument = self._argument(index)
        if not isinstance(argument, str):
            raise self._wrong(index, "a text")
        return argument

    def integers(self, index: int, length: int | None = None) -> list[int]:
        """A list of int; one number stands for all when ``length`` is given; None is empty."""
        argument = self._argument(index)
        if argument is None:
            return []
        items = argument if isinstance(argument, list) else [argument]
        found = [item for item in items if isinstance(item, int)]
        if len(found) != len(items):
            raise self._wrong(index, "a list of integers")
        return found * length if length is not None and len(found) == 1 else found


Converter = Callable[[Call], Result]


@dataclass(frozen=True)
class Entry:
    """A row of the table of supported ops: the converter, and the ops it writes."""

    convert: Converter
    emits: tuple[str, ...]


def materialize(tensor: Tensor) -> ir.Value:
    """A value for a tensor; a constant becomes an ``arith.constant``, int64 as int32.

    Raises:
        Unsupported: an element type that the normal form does not have.
    """
    if isinstance(tensor, ir.Value):
        return tensor
    array = tensor
    if array.dtype == np.int64 and np.array_equal(array.astype(np.int32), array):
        array = array.astype(np.int32)
    if str(array.dtype) not in ("float32", "int8", "int32"):
        raise Unsupported(
            f"a constant of type {array.dtype}", "use float32 (module.float()) or int8 tensors"
        )
    return build.constant(array)


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """The static shape of a tensor."""
    return access.shape(tensor) if isinstance(tensor, ir.Value) else tensor.shape
