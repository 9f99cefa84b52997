"""Observers agree with numpy on all the values at once."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyiree.passes.qdq.ranges import (
    BINS,
    Histogram,
    MeanSquaredError,
    MinMax,
    Observer,
    Percentile,
    make_observer,
)
from tinyiree.passes.settings import RangeMethod

METHODS: tuple[RangeMethod, ...] = ("min-max", "percentile", "mse")
Floats = npt.NDArray[np.float32]


def observed(observer: Observer, *samples: npt.ArrayLike) -> tuple[float, float]:
    for sample in samples:
        observer.update(np.asarray(sample, np.float32))
    return observer.range()


def error(values: Floats, low: float, high: float) -> float:
    """Mean squared error of 8-bit quantization to [low, high]."""
    scale = (high - low) / 255
    zero_point = np.rint(-128 - low / scale)
    steps = np.clip(np.rint(values / scale) + zero_point, -128, 127)
    return float(np.mean(((steps - zero_point) * scale - values.astype(np.float64)) ** 2))


def test_min_max_is_the_hull_of_all_samples_and_zero() -> None:
    assert observed(MinMax(), [[1, 2]], [[-3.5, 0]]) == (-3.5, 2)
    assert observed(MinMax(), [2, 3]) == (0, 3)
    assert observed(MinMax(), [-2, -3]) == (-3, 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 1.0, -3e-8, 1e30])
def test_a_constant_tensor(method: RangeMethod, value: float) -> None:
    observer = make_observer(method, 99.9)
    low, high = observed(observer, np.full(7, value), np.full(3, value))
    assert low <= 0 <= high
    assert high - low == pytest.approx(abs(value), rel=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_samples_does_not_matter(method: RangeMethod) -> None:
    random = np.random.default_rng(5)
    samples = [random.normal(size=50) * 10.0**power for power in (-3, 2, 0, -1)]
    forward = observed(make_observer(method, 99), *samples)
    assert forward == observed(make_observer(method, 99), *samples[::-1])
    assert forward == observed(make_observer(method, 99), np.concatenate(samples))


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60), st.integers(1, 5))
def test_a_histogram_counts_what_it_saw(values: list[float], parts: int) -> None:
    array = np.array(values, np.float32)
    histogram = Histogram()
    for part in np.array_split(array, parts):
        if part.size:
            histogram.update(part)
    assert histogram.counts.sum() == array.size
    assert histogram.counts.size <= BINS
    assert histogram.zeros == np.sum(array == 0)
    index = np.floor(array.astype(np.float64) / histogram.width).astype(int) - histogram.first
    assert np.array_equal(np.bincount(index, minlength=histogram.counts.size), histogram.counts)


def test_memory_is_bounded_when_the_range_grows() -> None:
    histogram = Histogram()
    for power in range(-40, 30):
        histogram.update(np.array([0, 2.0**power, -(2.0**power)], np.float32))
        assert histogram.counts.size <= BINS
    assert histogram.counts.sum() == 210
    assert histogram.width <= 2 * 2.0**30 / BINS * 2


@pytest.mark.parametrize("percentile", [90.0, 99.0, 99.9])
def test_percentile_agrees_with_numpy(percentile: float) -> None:
    values = np.random.default_rng(1).standard_t(3, size=(40, 1000)).astype(np.float32)
    low, high = observed(Percentile(percentile), *values)
    cut = (100 - percentile) / 2
    # Within a bin, or between the neighbours in rank where these lie further apart.
    shares = np.array([cut, 100 - cut])
    below, above = np.percentile(values, [shares - 0.005, shares + 0.005])
    width = (values.max() - values.min()) / BINS * 2
    assert (below - width <= [low, high]).all()
    assert ([low, high] <= above + width).all()


def test_percentile_100_is_min_max() -> None:
    values = np.random.default_rng(1).normal(size=1000).astype(np.float32)
    assert observed(Percentile(100), values) == (float(values.min()), float(values.max()))


def test_mse_cuts_outliers_off_and_has_the_lower_error() -> None:
    values = np.random.default_rng(2).normal(size=500_000).astype(np.float32)
    values[0] = 20
    low, high = observed(MeanSquaredError(), values)
    assert high < 0.9 * values.max()
    assert error(values, low, high) < 0.9 * error(values, *observed(MinMax(), values))


def test_mse_is_near_the_best_of_a_search_on_the_values_themselves() -> None:
    values = np.maximum(np.random.default_rng(3).laplace(size=20_000), 0).astype(np.float32)
    low, high = observed(MeanSquaredError(), values)
    assert low == 0
    best = min(error(values, 0, values.max() * share) for share in np.linspace(0.2, 1, 81))
    assert error(values, low, high) <= 1.05 * best


def test_mse_keeps_the_range_of_evenly_spread_values() -> None:
    values = np.linspace(-1, 3, 10_001, dtype=np.float32)
    assert observed(MeanSquaredError(), values) == pytest.approx((-1, 3), abs=0.05)
