"""Averages: a sum of centred int8 values, rescaled by one over how many there are.

The sum over a count is often half an integer. Where the model's file has the quantize, such halves
are rounded to even, as ONNX and PyTorch do.
"""

import math

import numpy as np
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.ir.fixedpoint import EVEN_BITS, MIN_SHIFT
from tinyiree.ir.interpret_layout import padded, windows
from tinyiree.passes.integer.match import Quantized, Site, quantized


def mean(site: Site) -> ir.Value | None:
    """nn.mean -> qnn.mean."""
    x = quantized(site.op.operands[0])
    if x is None:
        return None
    axes = access.ints(site.op, "axes")
    count = math.prod(access.shape(x.value)[axis] for axis in axes)
    _check_sum(site, x, count)
    factor = x.scale / (count * site.output.scale)
    multiplier, shift = site.encode(factor)
    return site.emit(
        "qnn.mean",
        [x.value],
        axes=axes,
        input_zero_point=x.zero_point,
        multiplier=multiplier,
        shift=shift,
        **_rounding(site, x, factor * count),
        **site.output.attributes,
    )


def avg_pool2d(site: Site) -> ir.Value | None:
    """nn.avg_pool2d -> qnn.avg_pool2d; one multiplier when all windows divide by the same count."""
    op = site.op
    x = quantized(op.operands[0])
    if x is None:
        return None
    kernel, strides = access.ints(op, "kernel"), access.ints(op, "strides")
    padding = access.ints(op, "padding")
    area = kernel[0] * kernel[1]
    _check_sum(site, x, area)
    counts = np.array([[area]])
    if not access.boolean(op, "count_include_pad"):
        height, width = access.shape(x.value)[1:3]
        real = padded(np.ones((1, height, width, 1), np.int64), padding, 0)
        counts = windows(real, kernel, strides).sum(axis=(4, 5))[0, :, :, 0]
        if (counts == counts[0, 0]).all():
            counts = counts[:1, :1]
    rounding = _rounding(site, x, x.scale / site.output.scale)
    pairs = [_reciprocal(site, x, int(count)) for count in counts.ravel()]
    multipliers = np.array([m for m, _ in pairs], np.int32).reshape(counts.shape)
    shifts = np.array([r for _, r in pairs], np.int32).reshape(counts.shape)
    return site.emit(
        "qnn.avg_pool2d",
        [x.value, site.constant(multipliers), site.constant(shifts)],
        kernel=kernel,
        strides=strides,
        padding=padding,
        input_zero_point=x.zero_point,
        **rounding,
        **site.output.attributes,
    )


def _rounding(site: Site, x: Quantized, factor: float) -> dict[str, str]:
    """E of README.md has no factors of 2**14 and more; with such all but a few sums saturate."""
    return {"rounding": "even"} if site.is_explicit and x.reach * factor < 2**15 - 1 else {}


def _reciprocal(site: Site, x: Quantized, count: int) -> tuple[int, int]:
    # A window of padding alone has the real average 0.
    if count == 0:
        return 0, EVEN_BITS + MIN_SHIFT
    return site.encode(x.scale / (count * site.output.scale))


def _check_sum(site: Site, x: Quantized, count: int) -> None:
    if count * x.reach >= 2**31:
        raise TinyireeError(
            f"{access.describe(site.op)}: its 32-bit sum may overflow: {count} values of up to "
            f"{x.reach}, the limit is 2147483647; average in two steps, or keep it in float"
        )
