"""Rescaling against exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyiree.ir.fixedpoint import (
    MAX_SHIFT,
    encode,
    encode_all,
    rescale,
    rescale_even,
    rescale_twice,
    round_divide,
)

INT32 = st.integers(-(2**31), 2**31 - 1)


@given(st.floats(2.0**-30, 2.0**29))
def test_encode_is_within_half_a_unit_of_31_bits(factor: float) -> None:
    multiplier, shift = encode(factor)
    assert 2**30 <= multiplier < 2**31
    assert 1 <= shift <= MAX_SHIFT
    error = abs(Fraction(multiplier, 2**shift) - Fraction(factor))
    assert error <= Fraction(1, 2 ** (shift + 1))


@pytest.mark.parametrize("factor", [0.0, 2.0**-40, 2.0**-70, 5e-324])
def test_tiny_factors_use_the_largest_shift(factor: float) -> None:
    multiplier, shift = encode(factor)
    assert 0 <= multiplier < 2**31
    assert abs(multiplier * 2.0**-shift - factor) <= 2.0 ** -(MAX_SHIFT + 1)


def test_a_mantissa_that_rounds_up_to_the_next_power() -> None:
    assert encode(1 - 2.0**-40) == encode(1.0) == (2**30, 30)


@pytest.mark.parametrize("factor", [-1.0, float("nan"), float("inf"), 2.0**29 + 1])
def test_impossible_factors_are_refused(factor: float) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 2\*\*29\]"):
        encode(factor)


@given(INT32, st.integers(0, 2**31 - 1), st.integers(1, MAX_SHIFT))
def test_rescale_rounds_half_up_once(acc: int, multiplier: int, shift: int) -> None:
    exact = Fraction(acc * multiplier, 2**shift)
    assert int(rescale(acc, multiplier, shift)) == (exact + Fraction(1, 2)).__floor__()


@given(INT32, st.integers(0, 2**31 - 1), st.integers(33, MAX_SHIFT))
def test_the_high_word_is_enough_from_shift_33(acc: int, multiplier: int, shift: int) -> None:
    high = (acc * multiplier) >> 32
    assert (high + (1 << (shift - 33))) >> (shift - 32) == int(rescale(acc, multiplier, shift))


def test_arrays_keep_their_shape_and_broadcast() -> None:
    multipliers, shifts = encode_all([[0.5, 0.25]])
    assert multipliers.shape == shifts.shape == (1, 2)
    assert multipliers.dtype == shifts.dtype == np.int32
    assert rescale([[8], [16]], multipliers, shifts).tolist() == [[4, 2], [8, 4]]


def gemmlowp(acc: int, multiplier: int, shift: int) -> int:
    """The two functions of gemmlowp's fixedpoint.h in exact arithmetic, as they are defined."""
    left, right = max(31 - shift, 0), max(shift - 31, 0)
    product = (acc << left) * multiplier
    nudge = 2**30 if product >= 0 else 1 - 2**30
    high = int(Fraction(product + nudge, 2**31).__trunc__())
    remainder = high & (2**right - 1)
    threshold = ((2**right - 1) >> 1) + (1 if high < 0 else 0)
    return (high >> right) + (1 if remainder > threshold else 0)


@given(st.integers(-(2**20), 2**20), st.integers(0, 2**31 - 1), st.integers(21, 62))
def test_rescale_twice_is_gemmlowp(acc: int, multiplier: int, shift: int) -> None:
    assert int(rescale_twice(acc, multiplier, shift)) == gemmlowp(acc, multiplier, shift)


@given(st.integers(-(2**15), 2**15), st.integers(1, 3), st.sampled_from([1, 2, 3, 4, 6, 7, 36, 64]))
def test_rescale_even_is_pythons_round(total: int, ratio: int, count: int) -> None:
    assert int(rescale_even(total, *encode(ratio / count))) == round(Fraction(total * ratio, count))


@pytest.mark.parametrize(
    ("x", "exponent", "expected"),
    [(3, 1, 2), (-3, 1, -2), (1, 1, 1), (-1, 1, -1), (5, 2, 1), (-6, 2, -2), (-7, 0, -7)],
)
def test_round_divide(x: int, exponent: int, expected: int) -> None:
    assert int(round_divide(x, exponent)) == expected
