"""Rescaling of accumulators to int8: R of ``tinyiree/ir/README.md``, in its cheapest form.

``R(acc; m, r) = (acc * m + 2^(r-1)) >> r`` over 64-bit products. For r >= 33 the rounding constant
leaves the low word of the product alone, so that the high word is enough::

    R = (hi32(acc * m) + 2^(r-33)) >> (r-32)

which is one multiplication (``smmul``, ``mulh``), one addition and one shift on a 32-bit core. For
a smaller r the accumulator is first shifted left by ``33 - r``, as long as its bound allows that:
the product and r grow alike, and R stays the same bit for bit. The output zero point joins the
rounding constant when the sum cannot overflow.

D, which rounds twice, is ``h = (2 * acc * m + 2^31) >> 32`` and then
``(h + 2^(e-1) - (h < 0)) >> e`` with ``e = r - 31``. Its first half is one rounding multiplication
(``smmulr``). Where the clamp begins at the zero point or above, as after a ReLU, the result of a
negative h does not matter and its correction goes.

E, which rounds halves to even, is R with 16 fractional bits and then three more additions and
shifts; the zero point joins the last of them.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.ir.fixedpoint import EVEN_BITS
from tinyiree.passes.lower.text import Scalar, Tensor, Writer

Int64 = npt.NDArray[np.int64]

_HIGH_WORD_SHIFT = 33
_D_SHIFT = 31
_WORD_LIMIT = 2**31 - 1
_LONG_BITS = 62


@dataclass(frozen=True)
class Output:
    """Where results lie: zero point, clamp bounds, and their element type."""

    zero_point: int
    low: int
    high: int
    element: str = "i8"

    @staticmethod
    def of(op: ir.Operation) -> "Output":
        """The attributes ``output_zero_point``, ``clamp_min`` and ``clamp_max`` of an op."""
        return Output(
            access.integer(op, "output_zero_point"),
            access.integer(op, "clamp_min"),
            access.integer(op, "clamp_max"),
            access.element_type(op.results[0]),
        )


_WITHOUT_END = Output(0, -(2**7), 2**7 - 1)


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
        twice: D in place of R: the high word is rounded, too.
        correction: of D: -1 where the sign of the high word joins the rounding constant, else 0.
        even: E in place of R: the rest gives 16 fractional bits, which are rounded away last.
        long: R with products of more than 64 bits, whose low word makes no difference: `before` and
            `multiplier` are the two words of the multiplier, and the accumulator is clamped to 32
            bits, beyond which the result is.
    """

    wide: bool
    before: Int64
    multiplier: Int64
    rounding: Int64
    shift: Int64
    zero_point: int
    output: Output
    twice: bool = False
    correction: Int64 = field(default_factory=lambda: np.zeros(1, np.int64))
    even: bool = False
    long: bool = False

    def columns(self) -> tuple[Int64, ...]:
        """The arrays in the order in which ``Operands`` hands them to ``apply``."""
        return (self.before, self.multiplier, self.rounding, self.shift, self.correction)


def plan(
    multiplier: npt.ArrayLike,
    shift: npt.ArrayLike,
    bound: npt.ArrayLike,
    output: Output,
    rounding: str = "single",
) -> Rescaling:
    """Choose the form of R, of D or of E.

    Args:
        multiplier: int32 multipliers of any shape; greater ones are multiplied in 64 bits.
        shift: right shifts in [1, 62], for E in [17, 62]; same shape.
        bound: greatest absolute value of the accumulator, same shape or a scalar.
        output: zero point and clamp of the result.
        rounding: ``single`` for R, ``double`` for D, ``even`` for E.
    """
    if rounding == "even":
        steps = plan(multiplier, np.asarray(shift, np.int64) - EVEN_BITS, bound, _WITHOUT_END)
        return replace(steps, zero_point=output.zero_point, output=output, even=True)
    if rounding == "double" and (np.asarray(shift) > _D_SHIFT).any():
        return _plan_twice(multiplier, shift, bound, output)
    m = np.asarray(multiplier, np.int64)
    r = np.where(m == 0, _HIGH_WORD_SHIFT, np.asarray(shift, np.int64))
    most = np.broadcast_to(np.asarray(bound, np.int64), m.shape)
    before = np.maximum(_HIGH_WORD_SHIFT - r, 0)
    # A shift by 32 or more fits only a zero; the comparison below would overflow for it.
    fits = (before < 32) & (most <= _WORD_LIMIT >> np.minimum(before, 31))
    if int(np.abs(m).max()) * int(most.max()) >= 2**_LONG_BITS:
        low_word, half = m & (2**32 - 1), np.int64(1) << (r - _HIGH_WORD_SHIFT)
        return Rescaling(
            True, low_word, m >> 32, half, r - 32, output.zero_point, output, long=True
        )
    if not fits.all() or (np.abs(m) > _WORD_LIMIT).any():
        half = np.int64(1) << (r - 1)
        return Rescaling(True, np.zeros_like(m), m, half, r, output.zero_point, output)
    r = r + before
    after, half = r - 32, np.int64(1) << (r - 33)
    high_word = ((most << before) * np.abs(m) >> 32) + 1
    half, zero_point = _join(half, after, high_word, output)
    return Rescaling(False, before, m, half, after, zero_point, output)


def _join(half: Int64, after: Int64, most: Int64, output: Output) -> tuple[Int64, int]:
    """The zero point inside the rounding constant if there is room, and what is left of it."""
    joined = half + (np.int64(output.zero_point) << after)
    if (most + np.abs(joined) <= _WORD_LIMIT).all():
        return joined, 0
    return half, output.zero_point


def _plan_twice(
    multiplier: npt.ArrayLike, shift: npt.ArrayLike, bound: npt.ArrayLike, output: Output
) -> Rescaling:
    m, r = np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    left, after = np.maximum(_D_SHIFT - r, 0), np.maximum(r - _D_SHIFT, 0)
    most = np.broadcast_to(np.asarray(bound, np.int64), m.shape)
    # One more bit to the left, so that the high word is what is left after the shift by 31.
    wide = bool((most << np.minimum(left + 1, 31) > _WORD_LIMIT).any())
    high_word = ((most << np.minimum(left, 31)) * np.abs(m) >> _D_SHIFT) + 2
    half, zero_point = _join((np.int64(1) << after) >> 1, after, high_word, output)
    corrected = output.low < output.zero_point
    correction = np.where(after > 0, -1, 0) if corrected else np.zeros_like(m)
    before = left if wide else left + 1
    return Rescaling(wide, before, m, half, after, zero_point, output, True, correction)


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
        """The result of an accumulator; ``elements`` are those of ``inputs``."""
        rescaling = self.rescaling
        type_ = "i64" if rescaling.wide else "i32"
        rest = iter(elements)
        before, multiplier, rounding, shift, correction = (
            w.number(int(column.ravel()[0]), type_) if _uniform(column) else next(rest)
            for column in rescaling.columns()
        )
        if rescaling.twice:
            high = self._rounded_product(w, accumulator, before, multiplier)
            value = w.arith("addi", high, self._narrow(w, rounding))
            if rescaling.correction.any():
                negative = w.arith("shrsi", high, 31)
                if not _uniform(rescaling.correction):
                    negative = w.arith("andi", negative, self._narrow(w, correction))
                value = w.arith("addi", value, negative)
            return self._finish(w, w.arith("shrsi", value, self._narrow(w, shift)))
        if rescaling.long:
            product = _long_product(w, accumulator, before, multiplier)
            value = w.arith("shrsi", w.arith("addi", product, rounding), shift)
            return self._finish(w, value)
        if rescaling.before.any():
            accumulator = w.arith("shli", accumulator, before)
        left, right = (w.cast("extsi", value, "i64") for value in (accumulator, multiplier))
        product = w.arith("muli", left, right)
        if not rescaling.wide:
            product = w.cast("trunci", w.arith("shrsi", product, 32), "i32")
        value = w.arith("shrsi", w.arith("addi", product, rounding), shift)
        return self._finish_even(w, value) if rescaling.even else self._finish(w, value)

    def _rounded_product(
        self, w: Writer, accumulator: Scalar, before: Scalar, multiplier: Scalar
    ) -> Scalar:
        """The first half of D."""
        wide = self.rescaling.wide
        if wide:
            accumulator = w.cast("extsi", accumulator, "i64")
        if self.rescaling.before.any():
            accumulator = w.arith("shli", accumulator, before)
        left, right = (w.cast("extsi", value, "i64") for value in (accumulator, multiplier))
        bits = _D_SHIFT if wide else _D_SHIFT + 1
        rounded = w.arith("addi", w.arith("muli", left, right), 1 << (bits - 1))
        return self._narrow(w, w.arith("shrsi", rounded, bits))

    @staticmethod
    def _narrow(w: Writer, x: Scalar) -> Scalar:
        return w.cast("trunci", x, "i32")

    def _finish(self, w: Writer, value: Scalar) -> Scalar:
        """Add what is left of the zero point, clamp, truncate."""
        if self.rescaling.zero_point:
            value = w.arith("addi", value, self.rescaling.zero_point)
        return self._clamp(w, value)

    def _finish_even(self, w: Writer, value: Scalar) -> Scalar:
        """Round fractional bits away, halves to even; add the zero point, clamp, truncate."""
        odd = w.arith("andi", w.arith("shrsi", value, EVEN_BITS), 1)
        below_half = (1 << (EVEN_BITS - 1)) - 1 + (self.rescaling.zero_point << EVEN_BITS)
        value = w.arith("addi", w.arith("addi", value, below_half), odd)
        return self._clamp(w, w.arith("shrsi", value, EVEN_BITS))

    def _clamp(self, w: Writer, value: Scalar) -> Scalar:
        output = self.rescaling.output
        return w.cast("trunci", w.clamp_integer(value, output.low, output.high), output.element)


def _long_product(w: Writer, accumulator: Scalar, low: Scalar, high: Scalar) -> Scalar:
    """The high 64 of the 96 bits of a 32-bit accumulator times two words."""
    if accumulator.type == "i64":
        accumulator = w.clamp_integer(accumulator, -_WORD_LIMIT, _WORD_LIMIT)
    wide = w.cast("extsi", accumulator, "i64")
    carried = w.arith("shrsi", w.arith("muli", wide, low), 32)
    return w.arith("addi", w.arith("muli", wide, high), carried)


def _uniform(column: Int64) -> bool:
    return bool((column == column.ravel()[0]).all())


def of_op(op: ir.Operation, bound: int) -> Rescaling:
    """The rescaling of an op with scalar attributes ``multiplier`` and ``shift``."""
    multiplier, shift = access.integer(op, "multiplier"), access.integer(op, "shift")
    return plan([multiplier], [shift], bound, Output.of(op), access.rounding(op))
