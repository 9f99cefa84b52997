"""Observers: the range of a tensor from many samples of it, in bounded memory.

Every range includes 0, so that zero padding and the zeros of a relu are exact in int8.
"""

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tinyiree.passes.settings import RangeMethod

Values = npt.NDArray[np.float32]
Range = tuple[float, float]

BINS = 8192
"""Most bins of a histogram: 32 or more for each of the 256 steps of int8."""

_SHRINK = np.arange(1, 129) / 128
_STEPS = 255
_LEAST = -1074  # exponent of the smallest positive float64


class Observer(Protocol):
    """Sees all values of one tensor, a sample at a time, and then names a range."""

    def update(self, values: Values) -> None:
        """See the tensor of one more sample: finite float32 of any shape, at least one value."""

    def range(self) -> Range:
        """The range [low, high] to quantize, with low <= 0 <= high."""


def make_observer(method: RangeMethod, percentile: float) -> Observer:
    """The observer of a method; ``percentile`` only matters to the method of that name."""
    if method == "percentile":
        return Percentile(percentile)
    return MeanSquaredError() if method == "mse" else MinMax()


class MinMax:
    """The smallest and the largest value seen."""

    def __init__(self) -> None:
        self.low = 0.0
        self.high = 0.0

    def update(self, values: Values) -> None:
        """See one more sample."""
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))

    def range(self) -> Range:
        """The smallest and the largest value, or 0."""
        return self.low, self.high


class Histogram:
    """Counts of values in at most ``BINS`` bins, whose width doubles when the range outgrows them.

    Bin i counts the values v with ``floor(v / width) == i``, and the width is a power of two: twice
    the width merges bins exactly, so the counts do not depend on the order of the samples.
    """

    def __init__(self) -> None:
        self.low = math.inf
        self.high = -math.inf
        self.zeros = 0
        self.exponent = _LEAST
        self.first = 0
        self.counts = np.zeros(0, np.int64)

    @property
    def width(self) -> float:
        """Width of a bin."""
        return math.ldexp(1.0, self.exponent)

    def update(self, values: Values) -> None:
        """Count the values of one more sample."""
        low, high = float(values.min()), float(values.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.zeros += int(values.size - np.count_nonzero(values))
        self._widen(max(_exponent(self.low, self.high), self.exponent))
        scaled = np.ldexp(values.astype(np.float64).ravel(), -self.exponent)
        self._add(np.floor(scaled).astype(np.int64), None)

    def _widen(self, exponent: int) -> None:
        old, self.counts = self.counts, np.zeros(0, np.int64)
        by, self.exponent = min(exponent - self.exponent, 63), exponent
        if old.size:
            self._add((self.first + np.arange(old.size)) >> by, old)

    def _add(self, index: npt.NDArray[np.int64], weights: npt.NDArray[np.int64] | None) -> None:
        first, last = int(index.min()), int(index.max())
        if self.counts.size:
            last = max(last, self.first + self.counts.size - 1)
            before = max(self.first - first, 0)
            after = last - (self.first + self.counts.size - 1)
            self.counts = np.pad(self.counts, (before, after))
            first = self.first - before
        else:
            self.counts = np.zeros(last - first + 1, np.int64)
        self.first = first
        np.add.at(self.counts, index - first, 1 if weights is None else weights)

    def centers(self) -> npt.NDArray[np.float64]:
        """The middle of each bin, kept within the values seen."""
        middle = (self.first + np.arange(self.counts.size) + 0.5) * self.width
        return np.clip(middle, self.low, self.high)

    def quantile(self, share: float) -> float:
        """The value below which a share of all values lies, interpolated within its bin."""
        sums = np.cumsum(self.counts)
        wanted = share * float(sums[-1])
        i = min(int(np.searchsorted(sums, wanted)), self.counts.size - 1)
        inside = (wanted - float(sums[i] - self.counts[i])) / max(int(self.counts[i]), 1)
        return min(max((self.first + i + inside) * self.width, self.low), self.high)


class Percentile:
    """The range that covers a share of all values, with half of the rest cut off on either side."""

    def __init__(self, percentile: float) -> None:
        self.cut = (100.0 - percentile) / 200.0
        self.histogram = Histogram()

    def update(self, values: Values) -> None:
        """See one more sample."""
        self.histogram.update(values)

    def range(self) -> Range:
        """The two quantiles, or 0."""
        low, high = self.histogram.quantile(self.cut), self.histogram.quantile(1 - self.cut)
        return min(low, 0.0), max(high, 0.0)


class MeanSquaredError:
    """The range whose 8-bit quantization has the least mean squared error.

    Tries every pair of 128 shrunken low and 128 shrunken high ends. A value in the range has the
    error of uniform rounding, step^2 / 12 (Widrow and Kollar, "Quantization Noise", chapter 5; an
    exact zero has none), a value outside its squared distance to the range.
    """

    def __init__(self) -> None:
        self.histogram = Histogram()

    def update(self, values: Values) -> None:
        """See one more sample."""
        self.histogram.update(values)

    def range(self) -> Range:
        """The best pair of ends."""
        histogram = self.histogram
        lows = _candidates(min(histogram.low, 0.0))
        highs = _candidates(max(histogram.high, 0.0))
        centers, counts = histogram.centers(), histogram.counts
        below, below_error = _beyond(-centers, counts, -lows)
        above, above_error = _beyond(centers, counts, highs)
        inside = counts.sum() - histogram.zeros - below[:, None] - above[None, :]
        step = (highs[None, :] - lows[:, None]) / _STEPS
        error = below_error[:, None] + above_error[None, :] + np.maximum(inside, 0) * step**2 / 12
        i, j = np.unravel_index(int(error.argmin()), error.shape)
        return float(lows[i]), float(highs[j])


def _candidates(end: float) -> npt.NDArray[np.float64]:
    return end * _SHRINK if end else np.zeros(1)


def _beyond(
    centers: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """For each end: how many values lie beyond it, and their squared distances to it, summed."""
    order = np.argsort(centers, kind="stable")
    centers, weights = centers[order], counts[order].astype(np.float64)
    start = np.searchsorted(centers, ends, side="right")

    def tail(terms: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        sums: npt.NDArray[np.float64] = np.append(np.cumsum(terms[::-1])[::-1], 0.0)[start]
        return sums

    count, first, second = tail(weights), tail(weights * centers), tail(weights * centers**2)
    return count, np.maximum(second - 2 * ends * first + ends**2 * count, 0.0)


def _exponent(low: float, high: float) -> int:
    """The least exponent of a bin width with which [low, high] and 0 fit in the bins."""
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return _LEAST
    exponent = math.frexp(high - low)[1] - BINS.bit_length()
    while math.floor(math.ldexp(high, -exponent)) - math.floor(math.ldexp(low, -exponent)) >= BINS:
        exponent += 1
    return exponent
