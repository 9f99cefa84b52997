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
LONG_BITS, MAX_LONG_SHIFT = 62, 94
"""The multiplier of ``fit_long``, and the greatest shift that 64 bits of the product's 96 allow."""
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
    k, threshold = _steps(step, factor, low, high, bound)
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


def fit_long(step: Step, factor: float, low: int, high: int, bound: int) -> tuple[int, int]:
    """``fit`` for results of 16 bits, whose many steps need a multiplier of more bits.

    A multiplier of 62 bits, as exact as the factor, is tried on every step.

    Raises:
        Unsupported: none that was tried gives it, or an accumulator of more than 32 bits matters.
    """
    try:
        return fit(step, factor, low, high, bound)
    except Unsupported as error:
        k, threshold = _steps(step, factor, low, high, bound)
        mantissa, exponent = math.frexp(factor)
        shift = LONG_BITS - exponent
        # What is beyond is clamped.
        if shift > MAX_LONG_SHIFT or 2 * max(abs(low), high) + 3 > 2 * factor * _WORD:
            raise error
        exact = int(mantissa * 2**53) << (LONG_BITS - 53)
        for more in (1, 0, -1, 2**6, -(2**6)):
            reached = _long(threshold, exact + more, shift) >= k
            if (reached & (_long(threshold - 1, exact + more, shift) < k)).all():
                return exact + more, shift
        raise error


def _long(acc: Int64, multiplier: int, shift: int) -> Int64:
    """R of accumulators of 32 bits and a multiplier of 62, for a shift above 32."""
    high = acc * (multiplier >> 32) + ((acc * (multiplier & 0xFFFFFFFF)) >> 32)
    result: Int64 = (high + (np.int64(1) << (shift - 33))) >> (shift - 32)
    return result


def _steps(step: Step, factor: float, low: int, high: int, bound: int) -> tuple[Int64, Int64]:
    """Each result above ``low`` that is reached and the least accumulator that reaches it."""
    k = np.arange(low + 1, high + 1, dtype=np.int64)
    # Invariant: step(below) < k <= step(above), where the ends stand for unreachable.
    with np.errstate(over="ignore"):
        guess = np.clip((k - 0.5) / max(factor, 1e-300), -bound - 1, bound + 1).astype(np.int64)
    below, above = np.maximum(guess - 2, -bound - 1), np.minimum(guess + 2, bound + 1)
    below = np.where((below > -bound - 1) & (step(below) >= k), -bound - 1, below)
    above = np.where((above < bound + 1) & (step(above) < k), bound + 1, above)
    while ((above - below) > 1).any():
        middle = (below + above) >> 1
        reached = step(middle) >= k
        above = np.where(reached, middle, above)
        below = np.where(reached, below, middle)
    inside = (above > -bound) & (above <= bound)
    return k[inside], above[inside]


def _interval(k: Int64, threshold: Int64, shift: int) -> tuple[int, int]:
    """The multipliers, from 0 on, that satisfy the bounds of the module docstring; perhaps none."""
    if len(k) and shift + int(np.abs(k).max()).bit_length() < 62:
        return _interval_of_words(k, threshold, shift)
    return _interval_of_integers(k.tolist(), threshold.tolist(), shift)


def _interval_of_words(k: Int64, acc: Int64, shift: int) -> tuple[int, int]:
    """``_interval`` where nothing passes 64 bits, all steps at once."""
    line = (k << shift) - (np.int64(1) << (shift - 1))
    if ((acc == 0) & (line > 0)).any() or ((acc == 1) & (line < 1)).any():
        return 1, 0
    positive, negative = acc > 0, acc < 0
    after, before = acc > 1, acc < 1
    least = [
        np.zeros(1, np.int64),
        -(-line[positive] // acc[positive]),
        -((line[before] - 1) // (1 - acc[before])),
    ]
    most = [
        np.full(1, 2**62),
        line[negative] // acc[negative],
        (line[after] - 1) // (acc[after] - 1),
    ]
    return int(np.concatenate(least).max()), int(np.concatenate(most).min())


def _interval_of_integers(k: list[int], threshold: list[int], shift: int) -> tuple[int, int]:
    """``_interval`` with Python's integers."""
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
