"""Elementwise float functions in operations that every core has: no libm."""

import math
from collections.abc import Callable

from tinyiree.passes.lower.text import Scalar, Writer

Function = Callable[[Writer, Scalar], Scalar]


def exponential(b: Writer, x: Scalar) -> Scalar:
    """e^x."""
    return b.math("exp", x)


def logarithm(b: Writer, x: Scalar) -> Scalar:
    """Ln x of a positive number."""
    return b.math("log", x)


def _sigmoid(b: Writer, x: Scalar) -> Scalar:
    one = b.number(1.0, "f32")
    return b.arith("divf", one, b.arith("addf", exponential(b, _negative(b, x)), one))


def _negative(b: Writer, x: Scalar) -> Scalar:
    return b.scalar(f"arith.negf {x.name} : f32", "f32")


def _hard_sigmoid(b: Writer, x: Scalar) -> Scalar:
    inner = b.clamp_float(b.arith("addf", x, 3.0), 0.0, 6.0)
    return b.arith("mulf", inner, 1 / 6)


def _gelu(b: Writer, x: Scalar) -> Scalar:
    erf = b.math("erf", b.arith("mulf", x, math.sqrt(0.5)))
    return b.arith("mulf", b.arith("mulf", x, 0.5), b.arith("addf", erf, 1.0))


def _elu(b: Writer, x: Scalar, alpha: float) -> Scalar:
    below = b.clamp_float(x, -math.inf, 0.0)
    curve = b.arith("mulf", b.arith("subf", exponential(b, below), 1.0), alpha)
    return b.select(b.compare("ogt", x, 0.0), x, curve)


def _leaky_relu(b: Writer, x: Scalar, alpha: float) -> Scalar:
    return b.select(b.compare("oge", x, 0.0), x, b.arith("mulf", x, alpha))


def unary_function(name: str, alpha: float) -> Function:
    """The function of ``nn.unary`` by its name; ``alpha`` is the parameter of those that have one."""
    functions: dict[str, Function] = {
        "sigmoid": _sigmoid,
        "tanh": lambda b, x: b.math("tanh", x),
        "hard_swish": lambda b, x: b.arith("mulf", x, _hard_sigmoid(b, x)),
        "hard_sigmoid": _hard_sigmoid,
        "leaky_relu": lambda b, x: _leaky_relu(b, x, alpha),
        "silu": lambda b, x: b.arith("mulf", x, _sigmoid(b, x)),
        "gelu": _gelu,
        "elu": lambda b, x: _elu(b, x, alpha),
        "abs": lambda b, x: b.math("absf", x),
        "neg": _negative,
        "exp": exponential,
        "sqrt": lambda b, x: b.math("sqrt", x),
    }
    return functions[name]
