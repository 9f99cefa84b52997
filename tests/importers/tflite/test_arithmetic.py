import math

import numpy as np
import pytest

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.arithmetic import (
    activation_range,
    exponential_on_negatives,
    quantize_multiplier,
    round_away,
    softmax_table,
)


@pytest.mark.parametrize(
    ("x", "expected"), [(0.5, 1), (-0.5, -1), (2.5, 3), (1.49, 1), (math.nextafter(0.5, 0), 0)]
)
def test_round_away(x: float, expected: int) -> None:
    assert round_away(x) == expected


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (1.0, (2**30, 30)),
        (0.5, (2**30, 31)),
        (0.75, (3 * 2**29, 31)),
        (0.0, (0, 31)),
        (1 - 2.0**-40, (2**30, 30)),  # rounds up to 2**31, which is halved
        (2.0**-31, (2**30, 61)),
        (2.0**-33, (0, 31)),  # too small to shift: the kernels take it for zero
        (3.0, (3 * 2**29, 29)),
    ],
)
def test_quantize_multiplier(factor: float, expected: tuple[int, int]) -> None:
    assert quantize_multiplier(factor) == expected


@pytest.mark.parametrize("factor", [-1.0, math.inf, math.nan, 2.0**40])
def test_a_factor_that_cannot_be_used(factor: float) -> None:
    with pytest.raises(Unsupported, match="rescaling factor"):
        quantize_multiplier(factor)


def test_activation_range() -> None:
    assert activation_range("NONE", 0.1, 5) == (-128, 127)
    assert activation_range("RELU", 0.1, 5) == (5, 127)
    assert activation_range("RELU6", 0.1, -128) == (-128, -68)
    assert activation_range("RELU_N1_TO_1", 0.5, 0) == (-2, 2)
    assert activation_range("RELU6", 0.001, -128) == (-128, 127)


def test_exponential() -> None:
    x = np.concatenate([[0], -np.logspace(0, 31, 200, base=2).astype(np.int64)])
    x = np.maximum(x, -(2**31))
    expected = np.minimum(np.exp(x / 2.0**26) * 2**31, 2**31 - 1)
    assert np.abs(exponential_on_negatives(x) - expected).max() < 2**31 * 1e-6


def test_softmax_table_ends_where_the_kernel_stops() -> None:
    table = softmax_table(1.0, 1.0)
    assert table[0] == 2**31 - 1
    assert (np.diff(table[:12]) < 0).all()
    assert not table[32:].any()
