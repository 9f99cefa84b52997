"""How ``integerize`` reads the QDQ form: what a value stands for, and where it is quantized."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.ir.fixedpoint import encode

INT8_MIN, INT8_MAX = -128, 127

EXPLICIT = "tiny.explicit"
"""On a quantize, or a requantize made of it: its rounding is part of what the model computes."""


@dataclass(frozen=True)
class Quantized:
    """An int8 tensor and the real numbers it stands for: ``(value - zero_point) * scale``."""

    value: ir.Value
    scale: float
    zero_point: int

    def real(self, raw: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The real numbers that raw integers of this tensor stand for."""
        return (raw - self.zero_point).astype(np.float64) * self.scale

    @property
    def reach(self) -> int:
        """The greatest ``|value - zero_point|``."""
        return max(INT8_MAX - self.zero_point, self.zero_point - INT8_MIN)


@dataclass(frozen=True)
class Output:
    """Where a result goes: its quantization, and the bounds of its raw integers."""

    scale: float
    zero_point: int
    clamp_min: int
    clamp_max: int

    @property
    def attributes(self) -> dict[str, int]:
        """The attributes that README.md calls Q."""
        return {
            "output_zero_point": self.zero_point,
            "clamp_min": self.clamp_min,
            "clamp_max": self.clamp_max,
        }

    def raw(self, real: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
        """Real numbers quantized and clamped."""
        steps = np.rint(real / self.scale) + self.zero_point
        result: npt.NDArray[np.int8] = np.clip(steps, self.clamp_min, self.clamp_max).astype(
            np.int8
        )
        return result


@dataclass(frozen=True)
class Site:
    """An op whose result, through clamps of a single use, is quantized.

    Attributes:
        op: the float op.
        output: of the quantize, with the clamps as bounds.
        quantize: the op whose result an integer op takes the place of.
    """

    op: ir.Operation
    output: Output
    quantize: ir.Operation

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return access.shape(self.op.results[0])

    @property
    def is_explicit(self) -> bool:
        """True when the model's file has the quantize."""
        return is_explicit(self.quantize)

    def encode(self, factor: float) -> tuple[int, int]:
        """``fixedpoint.encode`` with an error that names the layer."""
        try:
            return encode(factor)
        except ValueError as error:
            raise TinyireeError(
                f"{access.describe(self.op)}: its scales cannot be brought together: {error}; "
                "calibrate this layer with data of its real range, or keep it in float"
            ) from error

    def emit(self, name: str, operands: Sequence[ir.Value], **attributes: Any) -> ir.Value:
        """An int8 op with the result's shape, in the place and at the location of the op."""
        with self.at():
            return build.op(name, operands, self.shape, "i8", **attributes)

    def constant(self, array: npt.NDArray[Any]) -> ir.Value:
        """A constant in the place of the op."""
        with self.at():
            return build.constant(array)

    def at(self) -> "Place":
        """The insertion point and location of the op."""
        return Place(self.op)


class Place:
    """A context manager: insert before an op, with its location."""

    def __init__(self, op: ir.Operation) -> None:
        self._managers = (ir.InsertionPoint(op), op.location)

    def __enter__(self) -> None:
        for manager in self._managers:
            manager.__enter__()

    def __exit__(self, *error: object) -> None:
        for manager in reversed(self._managers):
            manager.__exit__(*error)


Rule = Callable[[Site], ir.Value | None]
"""The int8 value that takes the place of ``site.quantize``; None when an input is not quantized."""


def keeps_float(op: ir.Operation) -> bool:
    """True when the layer was asked to stay in float."""
    return "tiny.keep_float" in op.attributes


def is_explicit(op: ir.Operation) -> bool:
    """True for a quantize of the model's file, whose result is defined to the byte."""
    return EXPLICIT in op.attributes


def parameters(op: ir.Operation) -> tuple[float, int] | None:
    """Scale and zero point of a quantize or dequantize; None when they are per channel."""
    scales, zero_points = access.floats(op, "scales"), access.ints(op, "zero_points")
    if len(scales) != 1 or len(zero_points) != 1:
        return None
    if not (math.isfinite(scales[0]) and scales[0] > 0):
        raise TinyireeError(
            f"{access.describe(op)}: expected a finite scale above zero, found {scales[0]}; "
            "calibrate with data that is not all zero or not finite"
        )
    return scales[0], zero_points[0]


def quantized(value: ir.Value) -> Quantized | None:
    """The int8 tensor behind a dequantize, if that is what the value is."""
    op = access.defining_op(value)
    if op is None or op.name != "nn.dequantize" or access.element_type(op.operands[0]) != "i8":
        return None
    found = parameters(op)
    return None if found is None else Quantized(op.operands[0], *found)


def constant_real(value: ir.Value) -> npt.NDArray[np.float64] | None:
    """A constant, or a dequantized constant, in float64; None when it is neither."""
    if access.is_constant(value):
        return access.constant(value).astype(np.float64)
    op = access.defining_op(value)
    if op is None or op.name != "nn.dequantize" or not access.is_constant(op.operands[0]):
        return None
    raw = access.constant(op.operands[0]).astype(np.float64)
    scales = np.array(access.floats(op, "scales"))
    zero_points = np.array(access.ints(op, "zero_points"), np.float64)
    if scales.size > 1:
        extents = [1] * raw.ndim
        extents[access.integer(op, "axis")] = -1
        scales, zero_points = scales.reshape(extents), zero_points.reshape(extents)
    result: npt.NDArray[np.float64] = (raw - zero_points) * scales
    return result


def site_of(op: ir.Operation) -> Site | None:
    """The site of an op; None when its result is not quantized as a whole."""
    low, high = -math.inf, math.inf
    user = op if op.name == "nn.quantize" else access.only_user(op.results[0])
    if op.name == "nn.clamp":
        low, high = access.number(op, "min"), access.number(op, "max")
    while user is not None and user.name == "nn.clamp" and not keeps_float(user):
        # clamp(clamp(x, a, b), c, d): the outer bounds win where they cross.
        outer = access.number(user, "min"), access.number(user, "max")
        low, high = min(max(low, outer[0]), outer[1]), min(max(high, outer[0]), outer[1])
        user = access.only_user(user.results[0])
    if user is None or user.name != "nn.quantize":
        return None
    found = parameters(user)
    if found is None:
        return None
    scale, zero_point = found
    whole = Output(scale, zero_point, INT8_MIN, INT8_MAX)
    bounds = whole.raw(np.array([low, high]))
    return Site(op, Output(scale, zero_point, int(bounds[0]), int(bounds[1])), user)
