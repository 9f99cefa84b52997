"""Int8 weights, int32 biases and int8 constants, each followed by its ``nn.dequantize``."""

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.qdq.parameters import Parameters, from_range, parameters_behind

Doubles = npt.NDArray[np.float64]

WEIGHT_MAX = 127
BIAS_LIMIT = 2**29
"""Largest int32 bias: leaves the sum of products three quarters of the accumulator."""


def constant(array: npt.NDArray[np.generic], scales: Doubles, axis: int = 0) -> ir.Value:
    """A symmetric integer constant and its dequantize, at the current insertion point."""
    return build.op(
        "nn.dequantize",
        [build.constant(array)],
        array.shape,
        "f32",
        scales=[float(scale) for scale in scales],
        zero_points=[0] * len(scales),
        axis=axis,
    )


def weight_scales(
    weight: Doubles, bias: Doubles | None, x_scale: float, per_channel: bool
) -> Doubles:
    """Symmetric scales of a weight ``[O, ...]``: ``[O]`` values, or one.

    The largest weight of a channel becomes 127 (Krishnamoorthi, "Quantizing deep convolutional
    networks for efficient inference", 2018, section 3.1.4). A channel whose weights are so small
    that the bias would not fit in an int32 counted in ``x_scale * scale`` gets a larger scale: its
    weights are then below the resolution of its bias.
    """
    largest = np.abs(weight.reshape(len(weight), -1)).max(axis=1)
    scales = largest / WEIGHT_MAX
    if not per_channel:
        scales = scales.max(keepdims=True)
    scales = scales.astype(np.float32).astype(np.float64)
    scales = np.maximum(scales, _least(scales, bias, x_scale))
    return np.where(scales > 0, scales, 1.0)


def _least(scales: Doubles, bias: Doubles | None, x_scale: float) -> Doubles:
    """The least scale of each channel with which its bias fits."""
    if bias is None:
        return np.zeros_like(scales)
    least: Doubles = np.abs(bias) / (x_scale * BIAS_LIMIT)
    return least.max(keepdims=True) if len(scales) == 1 else least


def quantize_weight(op: ir.Operation, per_channel: bool) -> None:
    """Write the weight and the bias of an op whose operand 0 is dequantized from int8."""
    x = parameters_behind(op.operands[0])
    if x is None or not access.is_constant(op.operands[1]):
        return
    weight = access.constant(op.operands[1]).astype(np.float64)
    bias = _float_bias(op)
    scales = weight_scales(weight, bias, x.scale, per_channel)
    with build.before(op), op.location:
        op.operands[1] = _weight(weight, scales)
        if bias is not None:
            op.operands[2] = _bias(bias, x.scale * scales)


def complete_bias(op: ir.Operation) -> None:
    """Write a float bias of an op whose operands 0 and 1 are dequantized already.

    A channel whose scale is too small for its bias gets a larger one, see ``weight_scales``.
    """
    x, bias, read = parameters_behind(op.operands[0]), _float_bias(op), _integer_weight(op)
    if x is None or bias is None or read is None:
        return
    weight, scales = read
    least = np.maximum(scales, _least(scales, bias, x.scale))
    with build.before(op), op.location:
        if (least > scales).any():
            shape = (-1, *[1] * (weight.ndim - 1))
            op.operands[1] = _weight(weight * scales.reshape(shape), least)
        op.operands[2] = _bias(bias, x.scale * least)


def _weight(weight: Doubles, scales: Doubles) -> ir.Value:
    steps = np.rint(weight / scales.reshape(-1, *[1] * (weight.ndim - 1)))
    return constant(np.clip(steps, -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8), scales)


def _bias(bias: Doubles, scales: Doubles) -> ir.Value:
    steps = np.rint(bias / scales)
    return constant(np.clip(steps, -BIAS_LIMIT, BIAS_LIMIT).astype(np.int32), scales)


def _float_bias(op: ir.Operation) -> Doubles | None:
    if len(op.operands) < 3 or not access.is_constant(op.operands[2]):
        return None
    return access.constant(op.operands[2]).astype(np.float64)


def _integer_weight(op: ir.Operation) -> tuple[Doubles, Doubles] | None:
    """Integer weight and its scales, when it is symmetric int8 along axis 0."""
    source = access.defining_op(op.operands[1])
    if source is None or source.name != "nn.dequantize":
        return None
    scales = np.array(access.floats(source, "scales"))
    axis_is_right = len(scales) == 1 or access.integer(source, "axis") == 0
    if not axis_is_right or any(access.ints(source, "zero_points")):
        return None
    if not access.is_constant(source.operands[0]):
        return None
    return access.constant(source.operands[0]).astype(np.float64), scales


def quantize_operands(op: ir.Operation, shared: dict[ir.Value, Parameters]) -> None:
    """Write the float constants among an op's operands as int8, asymmetric, per tensor.

    Args:
        op: any op but a convolution or a linear layer.
        shared: parameters that a constant must have; others get those of their own range.
    """
    for i, operand in enumerate(op.operands):
        if not access.is_constant(operand) or access.element_type(operand) != "f32":
            continue
        array = access.constant(operand)
        own = from_range(float(array.min()), float(array.max()))
        parameters = shared.get(operand, own)
        with build.before(op), op.location:
            op.operands[i] = build.op(
                "nn.dequantize",
                [build.constant(parameters.quantize(array))],
                array.shape,
                "f32",
                scales=[parameters.scale],
                zero_points=[parameters.zero_point],
                axis=0,
            )
