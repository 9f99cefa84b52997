"""Rescaling by the high word of a product: what ``targets/kernels/rv32im/rescale.h`` computes.

``(mulh(sum << s, m) + c) >> (e + 1)`` with ``c = ((2 * zero_point + 1) << e) + add`` is

- R(sum; m, r) for ``e = r + s - 33 >= 0`` and ``add = 0``: floors compose, and the rounding
  constant ``2**(r - 1)`` is a multiple of what the low word loses;
- D(sum; m, r) for ``s = 2``, ``e = r - 31 >= 1``, ``add = 1``: the high word is then
  ``floor(sum * m / 2**30)``, half of it plus one is the first rounding, and halves go away from
  zero because a negative sum adds -2, of which the shift makes one. Where results below the zero
  point are clamped to it anyhow, negative sums need nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels.channels import BITS, Channels, Int64, sum_problem

MAX_E = 21
"""(2 * zero_point + 1) << e has to stay below 2**31 together with the high word."""
MAX_SHIFT = 32 - BITS
DOUBLE_SHIFT = 2


@dataclass(frozen=True, eq=False)
class Rescale:
    """Members of ``tinyiree_mulh_t``, and e and the multiplier of each channel."""

    shift: int
    add: int
    add_if_negative: int
    e: Int64
    multiplier: Int64
    rounding: str

    @staticmethod
    def of(channels: Channels, positive: bool) -> "Rescale":
        """Of channels; `positive`: results below the zero point need not be right."""
        multiplier, shift = channels.multiplier, channels.shift
        if channels.rounding == "double":
            negative = 0 if positive else -2
            return Rescale(DOUBLE_SHIFT, 1, negative, shift - 31, multiplier, channels.rounding)
        scale = max(0, 33 - int(shift.min()))
        return Rescale(scale, 0, 0, shift + scale - 33, multiplier, channels.rounding)

    def problem(self) -> str | None:
        """Why the kernels cannot rescale so; None when they can."""
        if self.rounding not in ("single", "double"):
            return f"the rounding {self.rounding}"
        if np.abs(self.multiplier).max() >= 2**31 or (self.add and self.multiplier.min() < 0):
            return "a multiplier of more than 32 bits"
        if self.shift > MAX_SHIFT or self.e.min() < self.add:
            return "a rescaling factor too large"
        if self.e.max() > MAX_E:
            return "a rescaling factor too small"
        return None

    def fields(self) -> Mapping[str, int]:
        """``tinyiree_mulh_t``."""
        return {"shift": self.shift, "add": self.add, "add_if_negative": self.add_if_negative}

    def packed(self, bias: Int64, multiple_of: int = 1) -> npt.NDArray[np.int32]:
        """``tinyiree_channel_t[]``, int32 [padded O, 2], for a bias with all folded in."""
        result = np.zeros((-(-len(bias) // multiple_of) * multiple_of, 2), np.int32)
        result[: len(bias), 0] = bias * 256 + self.e
        result[: len(bias), 1] = self.multiplier
        return result


def rescale(op: ir.Operation, channels: Channels) -> Rescale:
    """For an op with the attributes Q."""
    zero_point, low = (access.integer(op, name) for name in ("output_zero_point", "clamp_min"))
    return Rescale.of(channels, positive=low >= zero_point)


def folded(op: ir.Operation, weights: Int64) -> Int64:
    """The bias less the input zero point times the weights, [O]; `weights` is [O, K]."""
    zero_point = access.integer(op, "input_zero_point")
    bias: Int64 = Channels.of(op).bias - zero_point * weights.sum(1)
    return bias


def problem(op: ir.Operation, weights: Int64) -> str | None:
    """Why sums or factors do not fit; `weights` is [O, K]."""
    channels, zero_point = Channels.of(op), access.integer(op, "input_zero_point")
    if np.abs(folded(op, weights)).max() >= 2 ** (BITS - 1):
        return f"a bias of more than {BITS} bits"
    found = sum_problem(weights, channels.bias, zero_point)
    return found or rescale(op, channels).problem()
