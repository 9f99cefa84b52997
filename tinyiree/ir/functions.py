"""The elementwise functions of ``nn.unary`` in float64."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


def _logistic(x: Float64) -> Float64:
    # exp of a non-positive number only: no overflow, full precision in both tails.
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _hard_sigmoid(x: Float64) -> Float64:
    return np.clip(x + 3, 0, 6) / 6


def _gelu(x: Float64) -> Float64:
    # Hendrycks & Gimpel, "Gaussian Error Linear Units", in its exact form.
    erf: Float64 = np.array([math.erf(v / math.sqrt(2)) for v in x.ravel()]).reshape(x.shape)
    return 0.5 * x * (1 + erf)


FUNCTIONS: dict[str, Callable[[Float64, float], Float64]] = {
    "sigmoid": lambda x, alpha: _logistic(x),
    "tanh": lambda x, alpha: np.tanh(x),
    "hard_swish": lambda x, alpha: x * _hard_sigmoid(x),
    "hard_sigmoid": lambda x, alpha: _hard_sigmoid(x),
    "leaky_relu": lambda x, alpha: np.where(x >= 0, x, alpha * x),
    "silu": lambda x, alpha: x * _logistic(x),
    "gelu": lambda x, alpha: _gelu(x),
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "abs": lambda x, alpha: np.abs(x),
    "neg": lambda x, alpha: -x,
    "exp": lambda x, alpha: np.exp(x),
    "sqrt": lambda x, alpha: np.sqrt(x),
    "log": lambda x, alpha: np.log(x),
    "rsqrt": lambda x, alpha: 1 / np.sqrt(x),
}
"""By name: the function of x and alpha (slope of ``leaky_relu``, factor of ``elu``)."""
