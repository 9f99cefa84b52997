"""Conv, Gemm, MatMul and BatchNormalization."""

import math

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.importers import emit
from tinyiree.importers.call import Array, Call, Result, Tensor, Unsupported, materialize, shape_of
from tinyiree.importers.converters.convolution import (
    convolution,
    fully_connected,
    is_weight,
    matrix_product,
)
from tinyiree.importers.onnx.node import Entry, Node
from tinyiree.importers.onnx.windows import window
from tinyiree.ir import access, build
from tinyiree.passes.qdq.constants import quantize_weight

Float64 = npt.NDArray[np.float64]


def _conv(node: Node) -> Result:
    """Conv(x, w, bias): channels first."""
    x, weights = node.real(0), _weights(node)
    shape = shape_of(weights)
    if len(shape_of(x)) != len(shape):
        raise Unsupported(
            f"an input of rank {len(shape_of(x))} and weights of rank {len(shape)}",
            "export the model again",
        )
    found = window(node, shape_of(x)[2:], shape[2:])
    bias = [node.real(2)] if node.given(2) else []
    call = Call("onnx.Conv", (x, weights, *bias), ())
    return convolution(
        call,
        found.strides,
        found.before,
        found.after,
        found.dilations,
        node.integer_attribute("group", 1),
    )


def _gemm(node: Node) -> Result:
    """Gemm(a, b, c): alpha * a' @ b' + beta * c."""
    a, b = node.real(0), _weights(node)
    alpha, beta = node.float_attribute("alpha", 1.0), node.float_attribute("beta", 1.0)
    if alpha != 1 and not isinstance(b, np.ndarray):
        raise Unsupported(f"alpha {alpha:g}", "scale the weights instead")
    if alpha != 1 and isinstance(b, np.ndarray):
        b = _scaled(b, alpha)
    if node.integer_attribute("transA", 0):
        a = emit.transpose(a, (1, 0))
    # Rows are output channels, as in nn.fully_connected.
    rows = b if node.integer_attribute("transB", 0) else emit.transpose(b, (1, 0))
    c = node.real(2) if node.given(2) and beta != 0 else None
    if c is not None and beta != 1:
        c = _scaled(c, beta) if isinstance(c, np.ndarray) else _times(c, beta)
    if is_weight(rows):
        if c is None or (is_weight(c) and _is_bias(c, shape_of(rows)[0])):
            return fully_connected(a, rows, None if c is None else _bias(c, shape_of(rows)[0]))
        return emit.binary("nn.add", fully_connected(a, rows, None), c)
    product = matrix_product(a, emit.transpose(rows, (1, 0)))
    return product if c is None else emit.binary("nn.add", product, c)


def _matmul(node: Node) -> Result:
    """MatMul(a, b), as numpy.matmul."""
    return matrix_product(node.real(0), _weights(node))


def _scaled(array: Array, factor: float) -> Array:
    scaled: Array = (array.astype(np.float64) * factor).astype(np.float32)
    return scaled


def _times(x: Tensor, factor: float) -> ir.Value:
    return emit.binary("nn.mul", x, emit.scalar(factor))


def _is_bias(c: Tensor, outputs: int) -> bool:
    """True when c adds one number to each output channel."""
    shape = shape_of(c)
    return math.prod(shape[:-1]) == 1 and (not shape or shape[-1] in (1, outputs))


def _bias(c: Tensor, outputs: int) -> Tensor:
    if isinstance(c, np.ndarray):
        flat: Array = np.broadcast_to(c.reshape(-1), (outputs,)).copy()
        return flat
    if math.prod(shape_of(c)) != outputs:
        raise Unsupported("one bias for all outputs", "give one bias for each output")
    return emit.reshape(c, (outputs,))


def _weights(node: Node) -> Tensor:
    """Input 1, its int8 constant without a zero point when that can be had without loss.

    Integer kernels take symmetric weights. A zero point is taken out of the constant where the
    difference still fits in int8.
    """
    weights = node.real(1)
    op = access.defining_op(weights) if isinstance(weights, ir.Value) else None
    if op is None or op.name != "nn.dequantize" or not access.is_constant(op.operands[0]):
        return weights
    zero_points = access.ints(op, "zero_points")
    if not any(zero_points):
        return weights
    raw = access.constant(op.operands[0]).astype(np.int64)
    extents = [1] * raw.ndim
    if len(zero_points) > 1:
        extents[access.integer(op, "axis")] = -1
    centred = raw - np.array(zero_points).reshape(extents)
    if centred.min() < -128 or centred.max() > 127:
        raise Unsupported(
            f"weights with the zero point {next(z for z in zero_points if z)} (as int8)",
            "quantize the weights symmetrically (onnxruntime: weight_type=QuantType.QInt8)",
        )
    return build.op(
        "nn.dequantize",
        [build.constant(centred.astype(np.int8))],
        raw.shape,
        "f32",
        scales=access.floats(op, "scales"),
        zero_points=[0] * len(zero_points),
        axis=access.integer(op, "axis"),
    )


def _batch_norm(node: Node) -> Result:
    """BatchNormalization(x, scale, offset, mean, variance) of an inference model."""
    if node.integer_attribute("training_mode", 0):
        raise Unsupported("training_mode", "export the model in eval mode")
    x = node.real(0)
    if len(shape_of(x)) < 2:
        raise Unsupported("an input of rank 1", "give it rank 2 or more: batch, channels, ...")
    names = ("the scale", "the offset", "the mean", "the variance")
    parameters = [
        materialize(node.constant(i, what).reshape(-1)) for i, what in enumerate(names, 1)
    ]
    epsilon = node.float_attribute("epsilon", 1e-5)
    quantized = access.defining_op(x) if isinstance(x, ir.Value) else None
    if quantized is not None and quantized.name == "nn.dequantize":
        scale, offset, mean, variance = (access.constant(p).astype(np.float64) for p in parameters)
        factor = scale / np.sqrt(variance + epsilon)
        return _quantized_affine(quantized, factor, offset - mean * factor)
    last = materialize(emit.axis_last(x, 1))
    y = build.op(
        "nn.batch_norm",
        [last, *parameters],
        access.shape(last),
        "f32",
        epsilon=epsilon,
    )
    return emit.axis_from_last(y, 1)


def _quantized_affine(op: ir.Operation, factor: Float64, offset: Float64) -> Tensor:
    """``x * factor + offset`` for each channel of an int8 tensor: a depthwise 1x1 convolution.

    Its int8 weights are 127 or -127 with a scale of their own each, which is exact; a product with
    an int8 constant of one scale for all channels would not be.

    Args:
        op: the DequantizeLinear of x ``[N, C, ...]``.
        factor: ``[C]``.
        offset: ``[C]``.
    """
    last = materialize(emit.axis_last(op.operands[0], 1))
    shape = access.shape(last)
    rows = materialize(emit.reshape(last, (math.prod(shape[:-1]), 1, 1, shape[-1])))
    real = build.op(
        "nn.dequantize",
        [rows],
        access.shape(rows),
        "f32",
        scales=access.floats(op, "scales"),
        zero_points=access.ints(op, "zero_points"),
        axis=0,
    )
    weights = factor.reshape(-1, 1, 1, 1).astype(np.float32)
    y = build.op(
        "nn.conv2d",
        [real, build.constant(weights), build.constant(offset.astype(np.float32))],
        access.shape(rows),
        "f32",
        strides=[1, 1],
        padding=[0, 0, 0, 0],
        dilations=[1, 1],
        groups=shape[-1],
    )
    convolution_op = access.defining_op(y)
    if convolution_op is not None:
        quantize_weight(convolution_op, per_channel=True)
    return emit.axis_from_last(emit.reshape(y, shape), 1)


_MATMUL = ("nn.fully_connected", "nn.batch_matmul")
_SYMMETRIC = "quantize to the QDQ format with static int8 (onnxruntime: QuantFormat.QDQ)"

ENTRIES: dict[str, Entry] = {
    "Conv": Entry(_conv, ("nn.conv2d",)),
    "Gemm": Entry(_gemm, (*_MATMUL, "nn.add")),
    "MatMul": Entry(_matmul, _MATMUL),
    "BatchNormalization": Entry(_batch_norm, ("nn.batch_norm", "nn.conv2d")),
}

REMEDIES: dict[str, str] = {
    "ConvTranspose": "use a nearest-neighbour Resize followed by a Conv",
    "LayerNormalization": "use BatchNormalization, which costs nothing after folding",
    "GroupNormalization": "use BatchNormalization, which costs nothing after folding",
    "InstanceNormalization": "use BatchNormalization, which costs nothing after folding",
    "ConvInteger": _SYMMETRIC,
    "MatMulInteger": _SYMMETRIC,
    "QLinearConv": _SYMMETRIC,
    "QLinearMatMul": _SYMMETRIC,
}
