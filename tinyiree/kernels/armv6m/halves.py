"""Two sums in one word: how many products may be added before they have to be told apart."""

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

STEPS = (2, 4, 8)
"""Inputs between two splits, as the kernels have loops for them."""
LIMIT = 32767


def padded(weights: Int64, multiple: int) -> Int64:
    """Weights [O, K] with zeros up to a multiple of K."""
    result: Int64 = np.pad(weights, ((0, 0), (0, -weights.shape[1] % multiple)))
    return result


def fits(weights: Int64, step: int) -> npt.NDArray[np.bool_]:
    """For which channels no sum of `step` products leaves 16 bits, whatever the inputs; bool [O].

    K has to be a multiple of `step`.
    """
    blocks = weights.reshape(len(weights), -1, step)
    positive, negative = np.maximum(blocks, 0).sum(2), np.maximum(-blocks, 0).sum(2)
    reach = np.maximum(127 * positive + 128 * negative, 128 * positive + 127 * negative)
    result: npt.NDArray[np.bool_] = (reach <= LIMIT).all(1)
    return result


def problem(weights: Int64) -> str | None:
    """Why not even two products can be added."""
    if not fits(padded(weights, STEPS[0]), STEPS[0]).all():
        return "neighbours of weights that are both -128"
    return None


def modes(weights: Int64) -> Int64:
    """The best of STEPS for each channel, as an index, int64 [O]; K is a multiple of 4."""
    result = np.zeros(len(weights), np.int64)
    for index, step in enumerate(STEPS):
        if weights.shape[1] % step == 0:
            result = np.where(fits(weights, step), index, result)
    return result


def interleaved(weights: Int64, group: int) -> npt.NDArray[np.int8]:
    """Weights [O, K] as [O / group, K, group], padded with zeros in O."""
    outputs, depth = weights.shape
    full = np.pad(weights, ((0, -outputs % group), (0, 0)))
    blocks = full.reshape(-1, group, depth).transpose(0, 2, 1)
    return np.ascontiguousarray(blocks).astype(np.int8)
