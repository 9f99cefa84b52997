"""Elementwise ops: sums and products of two tensors, and tables for functions of one."""

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.ir.fixedpoint import rescale
from tinyiree.ir.functions import FUNCTIONS
from tinyiree.passes.integer.match import (
    EXPLICIT,
    INT8_MAX,
    INT8_MIN,
    Output,
    Quantized,
    Site,
    constant_real,
    quantized,
)

Float64 = npt.NDArray[np.float64]

EVERY_INT8: npt.NDArray[np.int64] = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64)
MAX_SUM_SHIFT = 30


def add(site: Site) -> ir.Value | None:
    """nn.add -> qnn.add, or qnn.lookup when one operand is the same constant everywhere."""
    return _lookup_with_scalar(site, lambda a, b: a + b) or _sum(site, 1)


def sub(site: Site) -> ir.Value | None:
    """nn.sub -> qnn.add with a negative multiplier, or qnn.lookup."""
    return _lookup_with_scalar(site, lambda a, b: a - b) or _sum(site, -1)


def mul(site: Site) -> ir.Value | None:
    """nn.mul -> qnn.mul, or qnn.lookup when one operand is the same constant everywhere."""
    found = _lookup_with_scalar(site, lambda a, b: a * b)
    operands = _operands(site)
    if found is not None or operands is None:
        return found
    a, b = operands
    multiplier, shift = site.encode(a.scale * b.scale / site.output.scale)
    return site.emit(
        "qnn.mul",
        [a.value, b.value],
        a_zero_point=a.zero_point,
        b_zero_point=b.zero_point,
        multiplier=multiplier,
        shift=shift,
        **site.output.attributes,
    )


def unary(site: Site) -> ir.Value | None:
    """nn.unary -> qnn.lookup: the exact function of float64, rounded half to even."""
    x = quantized(site.op.operands[0])
    function = FUNCTIONS[access.string(site.op, "fn")]
    alpha = access.number(site.op, "alpha")
    return None if x is None else lookup(site, x, lambda real: function(real, alpha))


def clamp(site: Site) -> ir.Value | None:
    """A clamp that no other op took: qnn.clamp, or qnn.requantize with bounds."""
    return requantize(site)


def requantize(site: Site) -> ir.Value | None:
    """nn.dequantize -> nn.quantize: nothing, qnn.clamp or qnn.requantize."""
    x = quantized(site.op.operands[0])
    return None if x is None else _requantized(site, x)


def _requantized(site: Site, x: Quantized) -> ir.Value:
    """An int8 tensor, which may be one of several operands, in steps of the site's result."""
    out = site.output
    if (x.scale, x.zero_point) == (out.scale, out.zero_point):
        if (out.clamp_min, out.clamp_max) == (INT8_MIN, INT8_MAX):
            return x.value
        return _of_one(site, "qnn.clamp", x, clamp_min=out.clamp_min, clamp_max=out.clamp_max)
    multiplier, shift = site.encode(x.scale / out.scale)
    if site.is_explicit:
        steps = rescale(EVERY_INT8 - x.zero_point, multiplier, shift) + out.zero_point
        table = _float32_table(x, out)
        if (np.clip(steps, out.clamp_min, out.clamp_max) != table).any():
            return _of_one(site, "qnn.lookup", x, site.constant(table))
    scaling = {"input_zero_point": x.zero_point, "multiplier": multiplier, "shift": shift}
    result = _of_one(site, "qnn.requantize", x, **scaling, **out.attributes)
    if site.is_explicit:
        result.owner.attributes[EXPLICIT] = ir.UnitAttr.get()
    return result


def _of_one(
    site: Site, name: str, x: Quantized, *more: ir.Value, **attributes: build.Attribute
) -> ir.Value:
    with site.at():
        return build.op(name, [x.value, *more], access.shape(x.value), "i8", **attributes)


def _float32_table(x: Quantized, out: Output) -> npt.NDArray[np.int8]:
    """DequantizeLinear and QuantizeLinear of every int8, in float32 as ONNX defines them."""
    real = (EVERY_INT8 - x.zero_point).astype(np.float32) * np.float32(x.scale)
    steps = np.rint(real / np.float32(out.scale)) + out.zero_point
    table: npt.NDArray[np.int8] = np.clip(steps, out.clamp_min, out.clamp_max).astype(np.int8)
    return table


def extremum(site: Site) -> ir.Value | None:
    """nn.maximum, nn.minimum -> the same on int8, of operands in steps of the result.

    Exact: the greater of two numbers is the greater of them quantized, and clamped.
    """
    function = np.maximum if site.op.name == "nn.maximum" else np.minimum
    found = _lookup_with_scalar(site, function)
    if found is not None:
        return found
    operands = [_in_steps_of_result(site, operand) for operand in site.op.operands]
    values = [value for value in operands if value is not None]
    return site.emit(site.op.name, values) if len(values) == len(operands) else None


def _in_steps_of_result(site: Site, operand: ir.Value) -> ir.Value | None:
    real = constant_real(operand)
    if real is not None:
        return site.constant(site.output.raw(real))
    x = quantized(operand)
    return None if x is None else _requantized(site, x)


def lookup(site: Site, x: Quantized, function: Callable[[Float64], Float64]) -> ir.Value:
    """A table of a function of one int8 tensor."""
    with np.errstate(all="ignore"):
        real = function(x.real(EVERY_INT8))
    # A function without a value there, such as the root of -0.1, gives the real number 0.
    table = site.output.raw(np.where(np.isnan(real), 0.0, real))
    return site.emit("qnn.lookup", [x.value, site.constant(table)])


def sum_multipliers(
    first: float, second: float, first_reach: int, second_reach: int
) -> tuple[int, int, int] | None:
    """The two multipliers and the shift of qnn.add: as many bits as 32-bit sums leave room for.

    With scales of one size the multipliers have 22 bits, and the error before rounding is under
    ``255 * 2**-shift``, a ten-thousandth of an output step.

    Args:
        first: what a step of the first operand is in steps of the output; may be negative.
        second: the same of the second operand.
        first_reach: greatest ``|a - zero_point|``.
        second_reach: the same of the second operand.

    Returns:
        Multipliers and shift, or None when the factors are too large for any shift.
    """
    for shift in range(MAX_SUM_SHIFT, 0, -1):
        a, b = round(first * 2**shift), round(second * 2**shift)
        if first_reach * abs(a) + second_reach * abs(b) + 2 ** (shift - 1) < 2**31:
            return a, b, shift
    return None


def _sum(site: Site, sign: int) -> ir.Value | None:
    operands = _operands(site)
    if operands is None:
        return None
    a, b = operands
    scale = site.output.scale
    found = sum_multipliers(a.scale / scale, sign * b.scale / scale, a.reach, b.reach)
    if found is None:
        raise TinyireeError(
            f"{access.describe(site.op)}: expected input scales below 2**21 output scales, found "
            f"{a.scale:g} and {b.scale:g} for an output scale of {scale:g}; calibrate this layer "
            "with data of its real range"
        )
    first, second, shift = found
    return site.emit(
        "qnn.add",
        [a.value, b.value],
        a_zero_point=a.zero_point,
        b_zero_point=b.zero_point,
        a_multiplier=first,
        b_multiplier=second,
        shift=shift,
        **site.output.attributes,
    )


def _lookup_with_scalar(
    site: Site, function: Callable[[Float64, Float64], Float64]
) -> ir.Value | None:
    for position in (0, 1):
        x = quantized(site.op.operands[position])
        other = _scalar(site.op.operands[1 - position])
        if x is None or other is None or access.shape(x.value) != site.shape:
            continue
        constant = np.array(other)
        of_x = (
            partial(_swapped, function, constant) if position == 0 else partial(function, constant)
        )
        return lookup(site, x, of_x)
    return None


def _swapped(
    function: Callable[[Float64, Float64], Float64], second: Float64, first: Float64
) -> Float64:
    return function(first, second)


def _scalar(value: ir.Value) -> float | None:
    real = constant_real(value)
    return float(real.flat[0]) if real is not None and np.ptp(real) == 0 else None


def _operands(site: Site) -> tuple[Quantized, Quantized] | None:
    a, b = (quantized(operand) or _as_int8(site, operand) for operand in site.op.operands)
    return None if a is None or b is None else (a, b)


def _as_int8(site: Site, value: ir.Value) -> Quantized | None:
    """A constant that is one number everywhere is an int8 tensor without loss."""
    scalar = _scalar(value)
    if scalar is None:
        return None
    shape = access.shape(value)
    if scalar == 0:
        return Quantized(site.constant(np.zeros(shape, np.int8)), 1.0, 0)
    raw = np.full(shape, INT8_MAX if scalar > 0 else -INT8_MAX, np.int8)
    return Quantized(site.constant(raw), abs(scalar) / INT8_MAX, 0)
