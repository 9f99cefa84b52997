"""Fixed-point rescaling of accumulators to int8: R of ``tinyiree/ir/README.md`` in the form that costs least.

``R(acc; m, r) = (acc * m + 2^(r-1)) >> r`` over 64-bit products. For r >= 33 the rounding constant leaves
the low word of the product alone, so that the high word is enough::

    R = (hi32(acc * m) + 2^(r-33)) >> (r-32)

which is one multiplication (``smmul``, ``mulh``), one addition and one shift on a 32-bit core. For a smaller r
the accumulator is first shifted left by ``33 - r``, as long as its bound allows that: the product and r grow
alike, and R stays the same bit for bit. The output zero point joins the rounding constant when the
sum cannot overflow.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.passes.lower.text import Scalar, Tensor, Writer

Int64 = npt.NDArray[np.int64]

_HIGH_WORD_SHIFT = 33
_WORD_LIMIT = 2**31 - 1


@dataclass(frozen=True)
class Output:
    """Where int8 results lie: zero point and clamp bounds."""

    zero_point: int
    low: int
    high: int

    @staticmethod
    def of(op: ir.Operation) -> "Output":
        """The attributes ``output_zero_point``, ``clamp_min`` and ``clamp_max`` of an op."""
        return Output(
            access.integer(op, "output_zero_point"),
            access.integer(op, "clamp_min"),
            access.integer(op, "clamp_max"),
        )


@dataclass(frozen=True)
class Rescaling:
    """How to get from an accumulator to int8; arrays have the shape of the multipliers.

    Attributes:
        wide: compute in 64 bits (no bound permits the high-word form).
        before: left shift of the accumulator.
        multiplier: int32 values.
        rounding: what is added before the last shift, the output zero point included where it fits.
        shift: the last right shift, of the high word or, when wide, of the product.
        zero_point: what is left to add after the shift.
        output: the clamp bounds.
    """

    wide: bool
    before: Int64
    multiplier: Int64
    rounding: Int64
    shift: Int64
    zero_point: int
    output: Output

    def columns(self) -> tuple[Int64, ...]:
        """The arrays in the order in which ``Operands`` hands them to ``apply``."""
        return (self.before, self.multiplier, self.rounding, self.shift)


def plan(
    multiplier: npt.ArrayLike, shift: npt.ArrayLike, bound: npt.ArrayLike, output: Output
) -> Rescaling:
    """Choose the form of R.

    Args:
        multiplier: int32 multipliers of any shape.
        shift: right shifts in [1, 62], same shape.
        bound: greatest absolute value of the accumulator, same shape or a scalar.
        output: zero point and clamp of the result.
    """
    m = np.asarray(multiplier, np.int64)
    r = np.where(m == 0, _HIGH_WORD_SHIFT, np.asarray(shift, np.int64))
    most = np.broadcast_to(np.asarray(bound, np.int64), m.shape)
    before = np.maximum(_HIGH_WORD_SHIFT - r, 0)
    # A shift by 32 or more fits only a zero; the comparison below would overflow for it.
    fits = (before < 32) & (most << np.minimum(before, 31) <= _WORD_LIMIT)
    if not fits.all():
        rounding = np.int64(1) << (r - 1)
        return Rescaling(True, np.zeros_like(m), m, rounding, r, output.zero_point, output)
    r = r + before
    after, rounding = r - 32, np.int64(1) << (r - 33)
    with_zero_point = rounding + (np.int64(output.zero_point) << after)
    high_word = ((most << before) * np.abs(m) >> 32) + 1
    if (high_word + np.abs(with_zero_point) <= _WORD_LIMIT).all():
        return Rescaling(False, before, m, with_zero_point, after, 0, output)
    return Rescaling(False, before, m, rounding, after, output.zero_point, output)


@dataclass(frozen=True)
class Operands:
    """A rescaling in a generic: constants where all values are equal, else one more input each."""

    rescaling: Rescaling
    inputs: tuple[Tensor, ...]

    @staticmethod
    def write(w: Writer, rescaling: Rescaling, axis_shape: tuple[int, ...]) -> "Operands":
        """Write the tensors of the values that differ, reshaped to ``axis_shape``."""
        dtype = np.int64 if rescaling.wide else np.int32
        varying = [column for column in rescaling.columns() if not _uniform(column)]
        return Operands(
            rescaling, tuple(w.constant(c.astype(dtype).reshape(axis_shape)) for c in varying)
        )

    def apply(self, w: Writer, accumulator: Scalar, elements: list[Scalar]) -> Scalar:
        """The int8 value of an i32 accumulator; ``elements`` are those of ``inputs``."""
        rescaling = self.rescaling
        type_ = "i64" if rescaling.wide else "i32"
        rest = iter(elements)
        before, multiplier, rounding, shift = (
            w.number(int(column.ravel()[0]), type_) if _uniform(column) else next(rest)
            for column in rescaling.columns()
        )
        if rescaling.before.any():
            accumulator = w.arith("shli", accumulator, before)
        left, right = (w.cast("extsi", value, "i64") for value in (accumulator, multiplier))
        product = w.arith("muli", left, right)
        if not rescaling.wide:
            product = w.cast("trunci", w.arith("shrsi", product, 32), "i32")
        value = w.arith("shrsi", w.arith("addi", product, rounding), shift)
        if rescaling.zero_point:
            value = w.arith("addi", value, rescaling.zero_point)
        value = w.clamp_integer(value, rescaling.output.low, rescaling.output.high)
        return w.cast("trunci", value, "i8")


def _uniform(column: Int64) -> bool:
    return bool((column == column.ravel()[0]).all())


def of_op(op: ir.Operation, bound: int) -> Rescaling:
    """The rescaling of an op with scalar attributes ``multiplier`` and ``shift``."""
    multiplier, shift = access.integer(op, "multiplier"), access.integer(op, "shift")
    return plan([multiplier], [shift], bound, Output.of(op))
