"""Finding the fixed-point multiplier that gives exactly what another rounding gives.

A kernel that rounds ``acc * factor`` in its own way is a step function of the accumulator, and its
int8 result has at most 255 steps. ``R(acc; m, r)`` is one, too, with its steps where ``acc * m``
crosses ``(2k - 1) * 2**(r-1)``. So the two agree on every accumulator if, for each k between the
clamp bounds and T the least accumulator that gives k,

    T * m + 2**(r-1) >= k * 2**r        and        (T - 1) * m + 2**(r-1) < k * 2**r

which are two linear bounds on m: the feasible m are one interval, found exactly.

A sum of two int8 tensors has only 65,536 different operands. There the multipliers around the
nearest ones are tried, and the first with which ``qnn.add`` gives the wanted result for all of
them is taken.
"""

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt

from tinyiree.importers.call import Unsupported
from tinyiree.passes.integer.elementwise import sum_multipliers

Int64 = npt.NDArray[np.int64]
Step = Callable[[Int64], Int64]
"""Monotone, on int64 arrays: accumulators to results before the output zero point."""

_WORD = 2**31 - 1
_INT8 = np.arange(-128, 128, dtype=np.int64)
_NEARBY = sorted(product(range(-8, 9), repeat=2), key=lambda pair: pair[0] ** 2 + pair[1] ** 2)


def round_product(factor: float) -> Step:
    """``round(double(acc) * factor)``, halves away from zero, as C's ``round`` does."""

    def step(acc: Int64) -> Int64:
        product = acc.astype(np.float64) * factor
        whole = np.trunc(product)
        away = np.sign(product) * (np.abs(product - whole) >= 0.5)
        result: Int64 = (whole + away).astype(np.int64)
        return result

    return step


def round_quotient(count: int) -> Step:
    """``acc / count`` as an integer pooling kernel rounds it: halves away from zero."""

    def step(acc: Int64) -> Int64:
        result: Int64 = np.sign(acc) * ((np.abs(acc) + count // 2) // count)
        return result

    return step


def fit(step: Step, factor: float, low: int, high: int, bound: int) -> tuple[int, int]:
    """The ``(m, r)`` nearest to a factor for which R equals a step function.

    Args:
        step: the function to match; close to ``acc * factor``.
        factor: positive, below 2**30.
        low: least result that matters: everything below is clamped to it.
        high: greatest result that matters.
        bound: greatest absolute value of the accumulator.

    Returns:
        m below 2**31 where there is one; else a greater one, for products of 64 bits.

    Raises:
        Unsupported: no 64-bit product gives it either.
    """
    k, threshold = _steps(step, low, high, bound)
    _, exponent = math.frexp(factor)
    # More bits than 31 only where they are needed, and as many as a 64-bit product has room for.
    room = 62 - max(bound, 1).bit_length() - 31
    for bits in (31, *range(32, 31 + room)):
        shift = min(bits - exponent, 62)
        least, most = _interval(k, threshold, shift)
        wanted = round(factor * 2.0**shift)
        chosen = min(max(wanted, least), most)
        if least <= chosen <= most and (chosen <= _WORD or bits > 31):
            return chosen, shift
    raise Unsupported(
        f"a rescaling factor of {factor} over accumulators up to {bound}",
        "quantize with other scales: no fixed-point multiplier rounds it as the kernel does",
    )


def _steps(step: Step, low: int, high: int, bound: int) -> tuple[list[int], list[int]]:
    """Each result above ``low`` that is reached and the least accumulator that reaches it."""
    k = np.arange(low + 1, high + 1, dtype=np.int64)
    # Invariant: step(below) < k <= step(above), where the ends stand for unreachable.
    below = np.full_like(k, -bound - 1)
    above = np.full_like(k, bound + 1)
    while ((above - below) > 1).any():
        middle = (below + above) >> 1
        reached = step(middle) >= k
        above = np.where(reached, middle, above)
        below = np.where(reached, below, middle)
    inside = (above > -bound) & (above <= bound)
    return [int(v) for v in k[inside]], [int(v) for v in above[inside]]


def _interval(k: list[int], threshold: list[int], shift: int) -> tuple[int, int]:
    """The multipliers, from 0 on, that satisfy the bounds of the module docstring; perhaps none."""
    least, most = 0, 2**62
    half = 1 << (shift - 1)
    for value, acc in zip(k, threshold, strict=True):
        line = (value << shift) - half
        # acc * m >= line
        if acc > 0:
            least = max(least, -(-line // acc))
        elif acc < 0:
            most = min(most, line // acc)
        elif line > 0:
            return 1, 0
        # (acc - 1) * m <= line - 1
        if acc > 1:
            most = min(most, (line - 1) // (acc - 1))
        elif acc < 1:
            least = max(least, -((line - 1) // (1 - acc)))
        elif line < 1:
            return 1, 0
    return least, most


def fit_sum(
    wanted: Int64,
    factors: tuple[float, float],
    zero_points: tuple[int, int],
    output: tuple[int, int, int],
) -> tuple[int, int, int] | None:
    """Multipliers and shift with which ``qnn.add`` gives what is wanted for all pairs of operands.

    Args:
        wanted: ``[256, 256]``, the results for a and b in -128, ..., 127.
        factors: what a step of a, and of b, is in steps of the output; negative for a difference.
        zero_points: of a and b.
        output: zero point and clamp bounds of the result.

    Returns:
        a_multiplier, b_multiplier and shift; None when there are none nearby.
    """
    a, b = (_INT8 - zero_point for zero_point in zero_points)
    reach = int(np.abs(a).max()), int(np.abs(b).max())
    found = sum_multipliers(*factors, *reach)
    if found is None:
        return None
    zero_point, low, high = output
    shift = found[2]
    for more_a, more_b in _NEARBY:
        ma, mb = found[0] + more_a, found[1] + more_b
        if reach[0] * abs(ma) + reach[1] * abs(mb) + (1 << (shift - 1)) > _WORD:
            continue
        total = (a * ma + (1 << (shift - 1)))[:, None] + (b * mb)[None]
        if np.array_equal(np.clip((total >> shift) + zero_point, low, high), wanted):
            return ma, mb, shift
    return None
