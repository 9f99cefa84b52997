"""Batch normalization in eval mode is a scale and an offset for each channel."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.passes.base import PassContext

Float64 = npt.NDArray[np.float64]

_FOLDS_INTO = ("nn.conv2d", "nn.fully_connected")
_KEEPS_CHANNELS = ("nn.slice", "nn.reshape", "nn.upsample_nearest")


@dataclass(frozen=True)
class FoldBatchNorm:
    """Fold batch normalization into the layer before it.

    ::

        batch_norm(conv2d(x, w, b))   ->   conv2d(x, w * s, b * s + o)
        batch_norm(x [N,H,W,C])       ->   conv2d(x, s [C,1,1,1], o, groups = C)
        batch_norm(x)                 ->   add(mul(x, s), o)

    with ``s = scale / sqrt(variance + epsilon)`` and ``o = offset - mean * s`` (Jacob et al.,
    2018, section 3.2), in float64, rounded once to float32. It folds into a ``conv2d`` or
    ``fully_connected`` with constant float weights whose result nothing else uses, also through a
    slice of rows.
    """

    name: ClassVar[str] = "fold-batch-norm"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Rewrite the module.

        Raises:
            TinyireeError: a batch normalization whose parameters are not constants.
        """
        with module.context:
            for op in access.named(module, "nn.batch_norm"):
                _fold(op)
            build.erase_dead(module)


def _fold(op: ir.Operation) -> None:
    scale, offset = _scale_and_offset(op)
    producer = _producer(op)
    if producer is not None:
        _absorb(producer, scale, offset)
        build.replace(op, op.operands[0])
        return
    with ir.InsertionPoint(op), op.location:
        if len(access.shape(op.results[0])) == 4:
            build.replace(op, _depthwise(op, scale, offset))
        else:
            build.replace(op, _multiply_add(op, scale, offset))


def _scale_and_offset(op: ir.Operation) -> tuple[Float64, Float64]:
    for operand in list(op.operands)[1:]:
        if not access.is_constant(operand):
            raise TinyireeError(
                f"{access.describe(op)}: expected constant parameters and running statistics, "
                "found computed ones; make them parameters and buffers of the module"
            )
    parameters = [access.constant(v).astype(np.float64) for v in list(op.operands)[1:]]
    scale, offset, mean, variance = parameters
    factor: Float64 = scale / np.sqrt(variance + access.number(op, "epsilon"))
    return factor, offset - mean * factor


def _producer(op: ir.Operation) -> ir.Operation | None:
    """The layer to fold into, also behind ops that move elements within their channel."""
    channels = access.shape(op.results[0])[-1]
    producer = access.defining_op(op.operands[0])
    while producer is not None and access.only_user(producer.results[0]) is not None:
        if producer.name in _FOLDS_INTO:
            constant = all(access.is_constant(v) for v in list(producer.operands)[1:])
            return producer if constant else None
        whole = access.shape(producer.operands[0])[-1:] == (channels,)
        if producer.name not in _KEEPS_CHANNELS or not whole:
            return None
        producer = access.defining_op(producer.operands[0])
    return None


def _absorb(producer: ir.Operation, scale: Float64, offset: Float64) -> None:
    """Replace the layer by one with other weights and a bias; the old one is dead after that."""
    x, *parameters = list(producer.operands)
    weights = access.constant(parameters[0]).astype(np.float64)
    weights = weights * scale.reshape(-1, *[1] * (weights.ndim - 1))
    bias = offset
    if len(parameters) > 1:
        bias = access.constant(parameters[1]).astype(np.float64) * scale + offset
    with ir.InsertionPoint(producer), producer.location:
        folded = ir.Operation.create(
            producer.name,
            results=[producer.results[0].type],
            operands=[x, _constant(weights), _constant(bias)],
            attributes={name: producer.attributes[name] for name in producer.attributes},
        )
    producer.results[0].replace_all_uses_with(folded.result)


def _depthwise(op: ir.Operation, scale: Float64, offset: Float64) -> ir.Value:
    weights = _constant(scale.reshape(-1, 1, 1, 1))
    return build.op(
        "nn.conv2d",
        [op.operands[0], weights, _constant(offset)],
        access.shape(op.results[0]),
        "f32",
        strides=[1, 1],
        padding=[0, 0, 0, 0],
        dilations=[1, 1],
        groups=scale.size,
    )


def _multiply_add(op: ir.Operation, scale: Float64, offset: Float64) -> ir.Value:
    shape = access.shape(op.results[0])
    channels = [*[1] * (len(shape) - 1), scale.size]
    product = build.op("nn.mul", [op.operands[0], _constant(scale.reshape(channels))], shape, "f32")
    return build.op("nn.add", [product, _constant(offset.reshape(channels))], shape, "f32")


def _constant(array: Float64) -> ir.Value:
    return build.constant(array.astype(np.float32))
