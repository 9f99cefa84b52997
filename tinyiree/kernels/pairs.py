"""Weights whose bytes come in pairs, as ``targets/kernels/armv7em/columns.h`` explains.

A halfword is ``256 * -w0 + w1``. With inputs made to match, two SMLAD and one SXTB16 multiply four
inputs by four weights, and the sum comes out 256-fold.
"""

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

SCALE = 256
STEP = 8
"""Inputs that the kernels take at a time."""


def problem(weights: Int64) -> str | None:
    """Why weights cannot be paired; they are [O, K]."""
    even = np.pad(weights, ((0, 0), (0, weights.shape[1] % 2)))
    if (even[:, 1::2] - 256 * even[:, 0::2] > 32767).any():
        return "a weight of -128 before one that is not negative: their pair needs 17 bits"
    return None


def offset(weights: Int64) -> Int64:
    """What the products have less than the sum of x * w, [O]: it goes into the bias."""
    result: Int64 = 128 * weights[:, 0::2].sum(1) - weights[:, 1::2].sum(1)
    return result


def pack(weights: Int64, block: int) -> npt.NDArray[np.int16]:
    """Weights [O, K] in the order of the kernels: [O / block, K / 4, block, 2] halfwords.

    Both O and K are padded with zeros, K to a multiple of 8.
    """
    outputs, depth = weights.shape
    padded = np.zeros((-(-outputs // block) * block, -(-depth // STEP) * STEP), np.int64)
    padded[:outputs, :depth] = weights
    halves = 256 * -padded[:, 0::2] + padded[:, 1::2]
    blocks = halves.reshape(len(padded) // block, block, -1, 2)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3)).astype(np.int16)
