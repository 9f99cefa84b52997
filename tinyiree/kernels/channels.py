"""Per-channel constants: bias, multiplier and shift of each output channel."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access

Int64 = npt.NDArray[np.int64]

MAX_PACKED_SHIFT = 22
"""(2 * zero_point + 1) << shift has to stay below 2**31 together with the product's high word."""
BITS = 24
"""Of a sum, and of a bias, in a ``tinyiree_channel_t``."""
WIDE_BITS = 30
"""Of the sums that kernels with `WIDE_SCALE` take."""
WIDE_SCALE = 2


@dataclass(frozen=True)
class Channels:
    """Operands 2 to 4 of a convolution or linear layer, as int64 arrays of shape [O]."""

    bias: Int64
    multiplier: Int64
    shift: Int64
    rounding: str

    @staticmethod
    def of(op: ir.Operation) -> "Channels":
        """Of an op with the operands (x, w, bias, multiplier, shift)."""
        bias, multiplier, shift = (
            access.constant(op.operands[i]).astype(np.int64) for i in (2, 3, 4)
        )
        return Channels(bias, multiplier, shift, access.rounding(op))

    def shifts(self, scale: int) -> tuple[Int64, Int64]:
        """Multipliers and the shifts that follow the high word, for sums that are `scale`-fold.

        R is the same for twice the multiplier and one more shift. The last bit is shifted out
        together with the saturation, hence one less.
        """
        multiplier, shift = self.multiplier.copy(), self.shift.copy()
        if self.rounding == "double":
            return multiplier, shift - 32
        lost = scale.bit_length() - 1
        for _ in range(33):
            grow = (shift + lost < 33) & (np.abs(multiplier) < 2**30)
            multiplier, shift = np.where(grow, 2 * multiplier, multiplier), shift + grow
        return multiplier, shift + lost - 33

    def problem(self, scale: int) -> str | None:
        """Why the channels do not fit ``tinyiree_channel_t``; None when they do."""
        multiplier, shifts = self.shifts(scale)
        if np.abs(multiplier).max() >= 2**31:
            return "a multiplier of more than 32 bits"
        if shifts.min() < 0:
            return f"a rescaling factor too large (shift {int(self.shift.min())})"
        if shifts.max() > MAX_PACKED_SHIFT:
            return f"a rescaling factor too small (shift {int(self.shift.max())})"
        return None

    def packed(self, bias: Int64, scale: int, multiple_of: int) -> npt.NDArray[np.int32]:
        """``tinyiree_channel_t[]``, int32 [padded O, 2], for a bias with all folded in.

        The bias is taken modulo 2**24.
        """
        multiplier, shifts = self.shifts(scale)
        wrapped = np.remainder(bias + 2 ** (BITS - 1), 2**BITS) - 2 ** (BITS - 1)
        result = np.zeros((-(-len(bias) // multiple_of) * multiple_of, 2), np.int32)
        result[: len(bias), 0] = wrapped * 256 + shifts
        result[: len(bias), 1] = multiplier
        return result

    def wide_packed(self, bias: Int64, multiple_of: int) -> npt.NDArray[np.int32]:
        """``tinyiree_wide_channel_t[]``, int32 [padded O, 3], shifts as in `packed`.

        The sums are 2-fold (`WIDE_SCALE`) when they are rescaled.
        """
        multiplier, shifts = self.shifts(WIDE_SCALE)
        result = np.zeros((-(-len(bias) // multiple_of) * multiple_of, 3), np.int32)
        result[: len(bias)] = np.stack([bias, multiplier, shifts], axis=1)
        return result

    def wide(self) -> npt.NDArray[np.int32]:
        """``tinyiree_wide_channel_t[]``, int32 [O, 3]."""
        return np.stack([self.bias, self.multiplier, self.shift], axis=1).astype(np.int32)


def wide_problem(channels: Channels) -> str | None:
    """Why the channels do not fit ``tinyiree_wide_channel_t``; None when they do."""
    if np.abs(channels.multiplier).max() >= 2**31:
        return "a multiplier of more than 32 bits"
    return None


def sum_problem(weights: Int64, bias: Int64, zero_point: int, bits: int = BITS) -> str | None:
    """Why a sum could leave `bits` for some input; `weights` is [O, K]; None when none can."""
    high = np.where(weights > 0, 127 - zero_point, -128 - zero_point) * weights
    low = np.where(weights > 0, -128 - zero_point, 127 - zero_point) * weights
    limit = 2 ** (bits - 1)
    most, least = int((high.sum(1) + bias).max()), int((low.sum(1) + bias).min())
    if most >= limit or least < -limit:
        return f"sums of products need more than {bits} bits ({least} .. {most})"
    return None


def output(op: ir.Operation) -> Mapping[str, int | str]:
    """``tinyiree_output_t`` of an op with the attributes Q of tinyiree/ir/README.md."""
    return {
        "zero_point": access.integer(op, "output_zero_point"),
        "clamp_min": access.integer(op, "clamp_min"),
        "clamp_max": access.integer(op, "clamp_max"),
        "double_rounding": int("rounding" in op.attributes and access.rounding(op) == "double"),
    }
