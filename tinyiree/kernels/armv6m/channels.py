"""What follows a sum, as ``targets/kernels/armv6m/requantize.h`` wants it."""

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels.channels import BITS, Channels, Int64, sum_problem

MIN_SHIFT = {"single": 25, "double": 32}
MAX_SHIFT = 46
"""zero_point << (shift - 24) and the product >> 24 then stay below 2**30 together."""
MODE_BIT = 5
"""Where a number of the kernel's own stands above the shift."""


def folded(channels: Channels, weights: Int64, zero_point: int) -> Int64:
    """The bias with the input's zero point in it, [O]; `weights` is [O, K]."""
    result: Int64 = channels.bias - zero_point * weights.sum(1)
    return result


def problem(channels: Channels) -> str | None:
    """Why the rescaling cannot be computed; None when it can."""
    if channels.rounding not in MIN_SHIFT:
        return f"rounding {channels.rounding}"
    if channels.multiplier.min() < 0 or channels.multiplier.max() >= 2**31:
        return "a multiplier that is negative or has more than 31 bits"
    least, most = int(channels.shift.min()), int(channels.shift.max())
    if least < MIN_SHIFT[channels.rounding]:
        return f"a rescaling factor too large (shift {least})"
    if most > MAX_SHIFT:
        return f"a rescaling factor too small (shift {most})"
    return None


def weighted_problem(op: ir.Operation, weights: Int64) -> str | None:
    """Why the sums of an op with the operands (x, w, bias, ...) cannot be computed."""
    channels, zero_point = Channels.of(op), access.integer(op, "input_zero_point")
    found = problem(channels) or sum_problem(weights, channels.bias, zero_point)
    if found is None and np.abs(folded(channels, weights, zero_point)).max() >= 2 ** (BITS - 1):
        return f"a bias of more than {BITS} bits"
    return found


def pack(channels: Channels, bias: Int64, modes: Int64 | int = 0) -> npt.NDArray[np.int32]:
    """``tinyiree_channel_t[]``, int32 [O, 2]."""
    words = bias * 256 + (modes << MODE_BIT) + channels.shift - 25
    return np.stack([words, channels.multiplier], axis=1).astype(np.int32)
