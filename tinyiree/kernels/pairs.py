"""Weights whose bytes come in pairs, as ``targets/kernels/armv7em/pairs.h`` explains.

A halfword is ``256 * w0 + w1``. With inputs made to match, two SMLAD and one SXTB16 multiply four
inputs by four weights, and the sum comes out 256-fold.
"""

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

SCALE = 256
STEP = 4
"""Inputs of a word of weights."""


def problem(weights: Int64) -> str | None:
    """Why weights cannot be paired; they are [O, K]."""
    even = np.pad(weights, ((0, 0), (0, weights.shape[1] % 2)))
    if (256 * even[:, 0::2] + even[:, 1::2] < -32768).any():
        return "a weight of -128 before a negative one: their pair needs 17 bits"
    return None


def column_offset(weights: Int64) -> Int64:
    """What the products with columns have less than the sum of x * w, [O]; for the bias.

    The Y of a column is less by 127, which makes the difference a multiple of 256.
    """
    result: Int64 = 127 * weights[:, 0::2].sum(1)
    return result


def offset(weights: Int64, shift: Int64) -> Int64:
    """What the products have less than the sum of x * w, [O], when the shift lies below the bias.

    The sum starts from the word with both, and its low byte is cleared in the end. What was
    added to it is known, and so is what it carries.
    """
    result: Int64 = -((127 * weights[:, 1::2].sum(1) + shift) >> 8)
    return result


def pack(weights: Int64, block: int, step: int = STEP) -> npt.NDArray[np.int16]:
    """Weights [O, K] in the order of the kernels: [O / block, K / 4, block, 2] halfwords.

    Both O and K are padded with zeros, K to a multiple of `step`.
    """
    outputs, depth = weights.shape
    padded = np.zeros((-(-outputs // block) * block, -(-depth // step) * step), np.int64)
    padded[:outputs, :depth] = weights
    halves = 256 * padded[:, 0::2] + padded[:, 1::2]
    blocks = halves.reshape(len(padded) // block, block, halves.shape[1] // 2, 2)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3)).astype(np.int16)
