"""Softmax and log-softmax in 32-bit integers.

Both start from ``e[i] = exp_table[max - x[i]]`` with ``exp_table[d] = round(exp(-d * input_scale)
* 2**q)``, so ``exp_table[0]`` is exactly ``2**q``, and from ``S = sum(e)`` with ``2**q <= S <= K *
2**q < 2**32``.

**qnn.softmax**: ``inverse = numerator / S`` (unsigned, truncating), ``y = zp + ((e * inverse +
2**(shift-1)) >> shift)``, clamped. ``numerator = round(2**shift / output_scale)``, with the largest
shift up to 31 for which ``numerator + 2**(shift-1) < 2**32``: as ``e <= S``, every intermediate
value fits an unsigned 32-bit integer. The error before the last rounding, in steps of the output:

    K / 2**(q+1) / output_scale     the table's rounding: half a step in e and in K-1 terms of S
    + 2**q / 2**shift               the truncated inverse
    + 2**-shift                     the rounded numerator

q is the one that makes this smallest. Together with the last rounding the result is within one
step of the correctly rounded one as long as the sum is at most 1/2; a layer where it is not (K
above some 3,000 at the usual output scale of 1/256) is refused.

**qnn.log_softmax**: numbers are in steps of ``2**-F``. S is ``2**n * (1 + f)`` with ``n =
floor(log2(S))`` and ``fraction = f * 2**31``:

    index = fraction >> 23                              8 bits
    rest  = (fraction >> 8) & (2**15 - 1)               15 bits
    step  = log_table[index+1] - log_table[index]
    log   = log_table[index] + ((step * rest + 2**14) >> 15) + n * log_base
    y     = zp + R((x - max) * input_multiplier - log; multiplier, shift), clamped

with ``input_multiplier = round(input_scale * 2**F)``, ``log_base = round(ln(2) * 2**F)`` and
``log_table[i] = round((ln(1 + i/256) - q * ln(2)) * 2**F)``: the table takes back the 2**q of the
exponentials. F is at most 22, and small enough for ``(255 * input_scale + 32) * 2**F < 2**31``:
signed 32-bit integers hold all of it. The error before the last rounding, as a real number, is at
most

    (K-1) / 2**(q+1) + 2**-19 + 160 * 2**-F

(table of exponentials; linear interpolation in steps of 1/256, whose error is 2**-19; the rounding
of input_multiplier times 255, of log_base times 31 and of the rest). Divided by output_scale it
must be at most 1/2, or the layer is refused.
"""

import math

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.passes.integer.match import Quantized, Site, quantized

MAX_TABLE_BITS = 30
MAX_LOG_BITS = 22


def softmax(site: Site) -> ir.Value | None:
    """nn.softmax -> qnn.softmax."""
    x = quantized(site.op.operands[0])
    if x is None:
        return None
    count, scale = site.shape[-1], site.output.scale
    shift = softmax_shift(scale)
    if shift < 1:
        raise TinyireeError(_refusal(site, math.inf))
    numerator = round(2**shift / scale)
    bits = min(range(most_bits(count) + 1), key=lambda q: softmax_error(count, scale, q, shift))
    error = softmax_error(count, scale, bits, shift)
    if error > 0.5:
        raise TinyireeError(_refusal(site, error))
    return site.emit(
        "qnn.softmax",
        [x.value, site.constant(exp_table(x, bits))],
        numerator=numerator,
        shift=shift,
        **site.output.attributes,
    )


def log_softmax(site: Site) -> ir.Value | None:
    """nn.log_softmax -> qnn.log_softmax."""
    x = quantized(site.op.operands[0])
    if x is None:
        return None
    count, bits = site.shape[-1], most_bits(site.shape[-1])
    room = math.floor(math.log2(2**31 / (255 * x.scale + 32)) - 1e-9)
    unit = min(MAX_LOG_BITS, room)
    error = log_softmax_error(count, bits, unit) / site.output.scale
    if unit < 0 or error > 0.5:
        raise TinyireeError(_refusal(site, error))
    one = 2**unit
    steps = np.log1p(np.arange(257) / 256) - bits * math.log(2)
    multiplier, shift = site.encode(1 / (one * site.output.scale))
    log_table = np.rint(steps * one).astype(np.int32)
    return site.emit(
        "qnn.log_softmax",
        [x.value, site.constant(exp_table(x, bits)), site.constant(log_table)],
        input_multiplier=round(x.scale * one),
        log_base=round(math.log(2) * one),
        multiplier=multiplier,
        shift=shift,
        **site.output.attributes,
    )


def softmax_shift(scale: float) -> int:
    """The largest shift up to 31 whose numerator leaves room for rounding; 0 when there is none."""
    shifts = range(31, 0, -1)
    return next((s for s in shifts if round(2**s / scale) + 2 ** (s - 1) < 2**32), 0)


def most_bits(count: int) -> int:
    """The greatest q for which ``count`` exponentials sum below 2**32."""
    return min(MAX_TABLE_BITS, math.floor(math.log2((2**32 - 1) / count)))


def softmax_error(count: int, scale: float, bits: int, shift: int) -> float:
    """The bound of the module docstring, in steps of the output."""
    return count * 0.5 ** (bits + 1) / scale + (2.0**bits + 1) * 0.5**shift


def log_softmax_error(count: int, bits: int, unit: int) -> float:
    """The bound of the module docstring, as a real number."""
    return (count - 1) * 0.5 ** (bits + 1) + 2.0**-19 + 160 * 2.0**-unit


def exp_table(x: Quantized, bits: int) -> npt.NDArray[np.int32]:
    """``exp(-d * scale)`` for d = 0..255 in steps of ``2**-bits``."""
    table: npt.NDArray[np.int32] = np.rint(np.exp(-np.arange(256) * x.scale) * 2**bits).astype(
        np.int32
    )
    return table


def _refusal(site: Site, error: float) -> str:
    return (
        f"{access.describe(site.op)}: over {site.shape[-1]} values at an output scale of "
        f"{site.output.scale:g} the integer result could be {error + 0.5:.1f} steps off, "
        "expected at most 1; choose a larger output scale, or keep the layer in float"
    )
