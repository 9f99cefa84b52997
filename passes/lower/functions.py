"""Elementwise float functions in operations that every core has: no libm."""

import math
from collections.abc import Callable

from tinyiree.passes.lower.text import Scalar, Writer

# 1.5 * 2^23: adding it rounds a float32 of magnitude below 2^22 to an integer, half to even,
# and leaves that integer in the low bits (Warren, "Hacker's Delight", 2nd ed., section 17-2).
ROUNDER = 12582912.0
ROUNDER_BITS = 0x4B400000

# ln 2 in nine bits (355/512): its product with n is exact.
_LN2_HIGH = 0.693359375
# Where 2^n underflows, and where e^x has overflowed.
_EXP_LEAST, _EXP_MOST = -87.5, 89.0

Function = Callable[[Writer, Scalar], Scalar]


def exponential(b: Writer, x: Scalar) -> Scalar:
    """e^x, to a relative error of about 3e-7.

    e^x = 2^n * e^r with n = round(x / ln 2), ``|r| <= ln 2 / 2``: a Taylor polynomial of degree 7
    (error below 6e-9) in r, which two constants for ln 2 keep exact (Cody and Waite, "Software
    Manual for the Elementary Functions", chapter 6). Underflow gives 0, overflow infinity. IREE's
    own expansion of math.exp calls floorf.
    """
    x = b.clamp_float(x, _EXP_LEAST, _EXP_MOST)
    shifted = b.arith("addf", b.arith("mulf", x, 1 / math.log(2)), ROUNDER)
    whole = b.arith("subf", shifted, ROUNDER)
    rest = b.arith("subf", x, b.arith("mulf", whole, _LN2_HIGH))
    rest = b.arith("subf", rest, b.arith("mulf", whole, math.log(2) - _LN2_HIGH))
    total = b.number(1 / math.factorial(7), "f32")
    for degree in range(6, -1, -1):
        total = b.arith("addf", b.arith("mulf", total, rest), 1 / math.factorial(degree))
    # 2^n as 2^(n-1) * 2: n reaches 128, one more than the exponent of a float32 does.
    exponent = b.arith("subi", b.cast("bitcast", shifted, "i32"), ROUNDER_BITS - 126)
    power = b.cast("bitcast", b.arith("shli", exponent, 23), "f32")
    return b.arith("mulf", b.arith("mulf", total, power), 2.0)


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
    """The function of ``nn.unary`` by its name; ``alpha`` is for those that have a parameter."""
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
        "log": logarithm,
        "rsqrt": lambda b, x: b.arith("divf", b.number(1.0, "f32"), b.math("sqrt", x)),
    }
    return functions[name]
