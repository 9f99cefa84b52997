"""Convolutions and matrix products: weights, bias and multipliers per output channel."""

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.passes.integer.match import (
    INT8_MAX,
    INT8_MIN,
    Quantized,
    Site,
    constant_real,
    quantized,
)

ACCUMULATOR_LIMIT = 2**31 - 1
BIAS_LIMIT = 2**30

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


def conv2d(site: Site) -> ir.Value | None:
    """nn.conv2d -> qnn.conv2d."""
    op = site.op
    return _contraction(
        site,
        "qnn.conv2d",
        strides=access.ints(op, "strides"),
        padding=access.ints(op, "padding"),
        dilations=access.ints(op, "dilations"),
        groups=access.integer(op, "groups"),
    )


def fully_connected(site: Site) -> ir.Value | None:
    """nn.fully_connected -> qnn.fully_connected."""
    return _contraction(site, "qnn.fully_connected")


def batch_matmul(site: Site) -> ir.Value | None:
    """nn.batch_matmul -> qnn.batch_matmul."""
    a, b = (quantized(operand) for operand in site.op.operands)
    if a is None or b is None:
        return None
    depth = access.shape(a.value)[-1]
    _check_accumulator(site, np.array([depth * a.reach * b.reach]))
    multiplier, shift = site.encode(a.scale * b.scale / site.output.scale)
    return site.emit(
        "qnn.batch_matmul",
        [a.value, b.value],
        a_zero_point=a.zero_point,
        b_zero_point=b.zero_point,
        multiplier=multiplier,
        shift=shift,
        **site.output.attributes,
    )


def _contraction(site: Site, name: str, **attributes: object) -> ir.Value | None:
    x = quantized(site.op.operands[0])
    weights = _weights(site.op)
    if x is None or weights is None:
        return None
    raw, scales = weights
    original = raw
    bias = _bias(site.op, x.scale * scales)
    if bias is None:
        return None
    raw, bias, scales = _make_room(raw, bias, scales)
    _check_accumulator(site, np.abs(bias) + _product_bound(raw, x))
    pairs = [site.encode(x.scale * float(s) / site.output.scale) for s in scales]
    same = np.array_equal(raw, original)
    weight = _dequantize_of(site.op).operands[0] if same else site.constant(raw.astype(np.int8))
    operands = [
        x.value,
        weight,
        site.constant(bias.astype(np.int32)),
        site.constant(np.array([m for m, _ in pairs], np.int32)),
        site.constant(np.array([r for _, r in pairs], np.int32)),
    ]
    return site.emit(
        name, operands, input_zero_point=x.zero_point, **attributes, **site.output.attributes
    )


def _dequantize_of(op: ir.Operation) -> ir.Operation:
    found = access.defining_op(op.operands[1])
    assert found is not None, "_weights has looked already"
    return found


def _weights(op: ir.Operation) -> tuple[Int64, Float64] | None:
    """The raw weights and one scale per output channel; None when they are not an int8 constant."""
    found = access.defining_op(op.operands[1])
    if found is None or found.name != "nn.dequantize":
        return None
    if not access.is_constant(found.operands[0]) or access.element_type(found.operands[0]) != "i8":
        return None
    scales = np.array(access.floats(found, "scales"))
    zero_points = access.ints(found, "zero_points")
    if any(zero_points):
        raise TinyireeError(
            f"{access.describe(op)}: expected int8 weights with zero point 0, found zero point "
            f"{next(z for z in zero_points if z)}; quantize the weights symmetrically"
        )
    if scales.size > 1 and access.integer(found, "axis") != 0:
        raise TinyireeError(
            f"{access.describe(op)}: expected weight scales along axis 0, the output channel, "
            f"found axis {access.integer(found, 'axis')}; quantize per output channel or per tensor"
        )
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        raise TinyireeError(
            f"{access.describe(op)}: expected finite weight scales above zero, found "
            f"{scales.min()} to {scales.max()}; give channels without weights a scale of 1"
        )
    raw = access.constant(found.operands[0]).astype(np.int64)
    return raw, np.broadcast_to(scales, raw.shape[:1])


def _bias(op: ir.Operation, scales: Float64) -> Int64 | None:
    """The bias in steps of the given scales; zeros when there is none; None when not constant."""
    if len(op.operands) < 3:
        return np.zeros(scales.shape, np.int64)
    real = constant_real(op.operands[2])
    if real is None:
        return None
    # Rounding also takes away the last bits by which a float32 product of scales differs.
    steps: Float64 = np.rint(real / scales)
    if not (np.abs(steps) < 2.0**62).all():
        raise TinyireeError(
            f"{access.describe(op)}: expected a bias near the range of input times weight, found "
            f"{np.abs(real).max():g} against scales down to {scales.min():g}; check the weights, "
            "or keep the layer in float"
        )
    return steps.astype(np.int64)


def _make_room(raw: Int64, bias: Int64, scales: Float64) -> tuple[Int64, Int64, Float64]:
    """Give channels with (nearly) no weights coarser steps, so that their bias fits in int32.

    Training leaves channels whose weights are all but zero; the scale of such weights is as good as
    nothing, and a usual bias is more than 2**30 of its steps. With steps coarser by
    ``f = |bias| / 2**30`` the weights change by at most half a step of 2**-30 of the bias.
    """
    coarser = np.maximum(np.abs(bias) / BIAS_LIMIT, 1.0)
    if (coarser == 1).all():
        return raw, bias, scales
    by_channel = coarser.reshape(-1, *[1] * (raw.ndim - 1))
    return (
        np.rint(raw / by_channel).astype(np.int64),
        np.rint(bias / coarser).astype(np.int64),
        scales * coarser,
    )


def _product_bound(raw: Int64, x: Quantized) -> Int64:
    """Per output channel, the greatest ``|sum((x - zp) * w)|`` of any int8 input."""
    low, high = raw * (INT8_MIN - x.zero_point), raw * (INT8_MAX - x.zero_point)
    axes = tuple(range(1, raw.ndim))
    most, least = np.maximum(low, high).sum(axes), np.minimum(low, high).sum(axes)
    result: Int64 = np.maximum(most, -least)
    return result


def _check_accumulator(site: Site, bounds: Int64) -> None:
    worst = int(bounds.argmax())
    if bounds[worst] > ACCUMULATOR_LIMIT:
        raise TinyireeError(
            f"{access.describe(site.op)}: its 32-bit accumulator may overflow: output channel "
            f"{worst} can reach {int(bounds[worst])}, the limit is {ACCUMULATOR_LIMIT}; "
            "split the layer, or keep it in float"
        )
