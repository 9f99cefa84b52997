"""Weights and channels as ``targets/kernels/mve`` reads them: eight output channels at a time."""

import numpy as np
import numpy.typing as npt

from tinyiree.kernels.channels import Channels

Int64 = npt.NDArray[np.int64]

LANES = 16
"""Inputs that one instruction multiplies."""
BLOCK = 8
"""Output channels that are requantized at a time: the even ones in one vector, then the odd."""
PAIRS = (0, 2, 1, 3, 4, 6, 5, 7)
"""Order of a block's channels in the weights of a convolution, two at a time."""
HIGH_WORD = 32
WORD = 2**31


def padded(array: Int64, axis: int, multiple_of: int) -> Int64:
    """With zeros up to a multiple along an axis."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, -array.shape[axis] % multiple_of)
    return np.pad(array, widths)


def left_shift(channels: Channels) -> int:
    """By how many bits all sums are shifted so that rounding is beyond the high word (R only)."""
    if channels.rounding == "double":
        return 0
    return max(0, HIGH_WORD + 1 - int(channels.shift.min()))


def range_problem(channels: Channels, reach: int) -> str | None:
    """Why sums of up to +-`reach` cannot be requantized; None when they can."""
    if np.abs(channels.multiplier).max() >= WORD:
        return "a multiplier of more than 32 bits"
    if channels.rounding == "double" and channels.shift.min() < HIGH_WORD - 1:
        return f"a rescaling factor of 1 or more (shift {int(channels.shift.min())})"
    if reach << left_shift(channels) >= WORD:
        return f"sums of up to {reach} before a factor of 1/4 or more"
    return None


def problem(channels: Channels, weights: Int64, zero_point: int) -> str | None:
    """Why channels with weights [O, K] cannot be requantized; None when they can."""
    high = np.where(weights > 0, 127 - zero_point, -128 - zero_point) * weights
    low = np.where(weights > 0, -128 - zero_point, 127 - zero_point) * weights
    sums = (high.sum(1) + channels.bias, low.sum(1) + channels.bias)
    return range_problem(channels, max(int(np.abs(each).max()) for each in sums))


def wrapped(bias: Int64) -> Int64:
    """Modulo 2**32, as int32 has it."""
    result: Int64 = np.remainder(bias + WORD, 2 * WORD) - WORD
    return result


def shifts(channels: Channels) -> Int64:
    """What VRSHL shifts by after the high word: negative, as it goes to the right."""
    base = HIGH_WORD if channels.rounding == "single" else HIGH_WORD - 1
    return base - left_shift(channels) - channels.shift


def pack_channels(channels: Channels, bias: Int64) -> npt.NDArray[np.uint8]:
    """What ``mve/requantize.h`` describes, for a bias with all folded in (modulo 2**32)."""
    columns = (wrapped(bias), channels.multiplier, shifts(channels))
    blocks = [padded(column, 0, BLOCK).reshape(-1, BLOCK // 2, 2) for column in columns]
    parts: list[bytes] = [np.int32(left_shift(channels)).tobytes()]
    for block in range(len(blocks[0])):
        for odd in range(2):
            for values, kind in zip(blocks, (np.int32, np.int32, np.int8), strict=True):
                parts.append(values[block, :, odd].astype(kind).tobytes())
    return np.frombuffer(b"".join(parts), np.uint8)


def pack_pairs(weights: Int64) -> npt.NDArray[np.int8]:
    """Weights [O, K] for ``mve/conv2d.c``: for each pair and each 16 inputs, those of both.

    O is padded to a multiple of four, K to a multiple of 16.
    """
    rows = padded(padded(weights, 0, BLOCK // 2), 1, LANES)
    order = [
        block + channel
        for block in range(0, len(rows), BLOCK)
        for channel in PAIRS
        if block + channel < len(rows)
    ]
    steps = rows[order].reshape(len(rows) // 2, 2, -1, LANES).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(steps).astype(np.int8)
