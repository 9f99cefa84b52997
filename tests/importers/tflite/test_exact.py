import numpy as np
import pytest

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.exact import fit, round_product, round_quotient
from tinyiree.ir.fixedpoint import rescale


def every(bound: int) -> np.ndarray:
    return np.arange(-bound, bound + 1)


@pytest.mark.parametrize("count", [*range(1, 50), 64, 125, 196, 1024])
def test_averages_for_every_sum(count: int) -> None:
    multiplier, shift = fit(round_quotient(count), 1 / count, -128, 127, 128 * count)
    sums = every(128 * count)
    expected = np.array([int(np.trunc(s / count + np.copysign(0.5, s))) for s in sums.tolist()])
    np.testing.assert_array_equal(rescale(sums, multiplier, shift), expected)
    assert multiplier < 2**31


@pytest.mark.parametrize("factor", [2.0**-k for k in range(1, 14)] + [3 * 2.0**-9, 0.3, 5.5])
def test_halves_go_away_from_zero_for_every_accumulator(factor: float) -> None:
    low, high = -200, 90
    bound = 2**17
    multiplier, shift = fit(round_product(factor), factor, low, high, bound)
    accumulators = every(bound)
    # The same in integers: twice the product, for factors that are exact in binary.
    expected = np.clip(round_product(factor)(accumulators), low, high)
    found = np.clip(rescale(accumulators, multiplier, shift), low, high)
    np.testing.assert_array_equal(found, expected)
    assert multiplier < 2**31


def test_round_product_is_c_round() -> None:
    accumulators = np.array([-3, -2, -1, 0, 1, 2, 3])
    np.testing.assert_array_equal(round_product(0.5)(accumulators), [-2, -1, -1, 0, 1, 1, 2])
    # Just below a half: adding a half and truncating would round it up.
    assert round_product(np.nextafter(0.5, 0))(np.array([1]))[0] == 0


@pytest.mark.parametrize(("factor", "wide"), [(3.76071617213602e-05, True), (0.0123456789, False)])
def test_a_multiplier_beyond_32_bits_only_where_none_below_will_do(
    factor: float, wide: bool
) -> None:
    low, high, bound = -255, 255, 2**24
    steps = round_product(factor)
    multiplier, shift = fit(steps, factor, low, high, bound)
    assert (multiplier >= 2**31) == wide
    # Around every step, where the two could differ.
    edges = np.round((np.arange(low, high + 2) - 0.5) / factor).astype(np.int64)
    accumulators = (edges[:, None] + np.arange(-3, 4)).ravel()
    accumulators = accumulators[np.abs(accumulators) <= bound]
    np.testing.assert_array_equal(
        np.clip(rescale(accumulators, multiplier, shift), low, high),
        np.clip(steps(accumulators), low, high),
    )


def test_no_multiplier_at_all() -> None:
    def kinked(acc: np.ndarray) -> np.ndarray:
        return np.where(acc < 0, acc // 4, acc)

    with pytest.raises(Unsupported) as error:
        fit(kinked, 1.0, -50, 50, 1000)
    assert "no fixed-point multiplier" in error.value.remedy
