"""What an emitter is given: one op of the normal form and the tensors it reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.passes.lower.text import Array, Tensor, Writer


@dataclass(frozen=True)
class Layer:
    """One op of the normal form that is being lowered.

    Attributes:
        op: the op.
        values: SSA values of the normal form that exist already, with their tensors.
        constants: values of the normal form that are known at compile time.
    """

    op: ir.Operation
    values: Mapping[ir.Value, Tensor]
    constants: Mapping[ir.Value, Array]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result."""
        return access.shape(self.op.results[0])

    @property
    def element(self) -> str:
        """Element type of the result."""
        return access.element_type(self.op.results[0])

    def operand_shape(self, index: int) -> tuple[int, ...]:
        """Shape of an operand."""
        return access.shape(self.op.operands[index])

    def has(self, index: int) -> bool:
        """True when the op has that many operands."""
        return index < len(self.op.operands)

    def tensor(self, w: Writer, index: int) -> Tensor:
        """An operand as a tensor; a constant is written where it is asked for."""
        value = self.op.operands[index]
        if value in self.constants:
            return w.constant(self.constants[value])
        return self.values[value]

    def constant(self, index: int) -> Array | None:
        """An operand's value, None for an activation."""
        return self.constants.get(self.op.operands[index])

    def array(self, index: int, what: str) -> Array:
        """An operand that must be a constant.

        Raises:
            TinyireeError: it is computed at run time.
        """
        array = self.constant(index)
        if array is None:
            raise TinyireeError(
                f"{access.describe(self.op)}: the {what} must be constant, found a value that is "
                "computed at run time; use nn.batch_matmul for a product of two activations, or "
                "make the value a parameter of the model"
            )
        return array

    def integers(self, index: int, what: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
        """``array`` as int64, for exact arithmetic at compile time."""
        return self.array(index, what).astype(np.int64)


Emitter = Callable[[Writer, Layer], Tensor]
"""Writes one op inside a dispatch region and gives its result."""
