"""Convolutions, matrix products and batch normalization."""

import math

import numpy as np
from iree.compiler import ir

from tinyiree.importers import emit
from tinyiree.importers.call import Call, Entry, Result, Tensor, Unsupported, materialize, shape_of
from tinyiree.ir import access, build


def convolution(
    call: Call,
    strides: list[int],
    before: list[int],
    after: list[int],
    dilations: list[int],
    groups: int,
) -> Result:
    """A 1-D or 2-D convolution of channels first.

    Args:
        call: x, weights ``[O, C/G, (H,) W]`` and perhaps a bias ``[O]``.
        strides: one for each spatial axis, as are the others.
        before: padding at the top and left.
        after: padding at the bottom and right.
        dilations: of the kernel.
        groups: G.
    """
    spatial = len(shape_of(call.raw(1))) - 2
    if spatial not in (1, 2):
        raise Unsupported(f"a {spatial}-D convolution", "use Conv1d or Conv2d")
    if min(before + after) < 0:
        raise Unsupported("a negative padding", "crop the input with a slice")
    weights = call.raw(1)
    if spatial == 1:
        strides, dilations = [1, *strides], [1, *dilations]
        before, after = [0, *before], [0, *after]
        out, channels, width = shape_of(weights)
        weights = emit.reshape(weights, (out, channels, 1, width))
    x, like = emit.to_images(call.raw(0), spatial)
    w = materialize(emit.transpose(weights, (0, 2, 3, 1)))
    operands = [x, w, *([call.tensor(2)] if call.given(2) else [])]
    n, height, width, _ = access.shape(x)
    channels, *kernel, _ = access.shape(w)
    extent = [
        (size + low + high - dilation * (k - 1) - 1) // stride + 1
        for size, low, high, dilation, k, stride in zip(
            (height, width), before, after, dilations, kernel, strides, strict=True
        )
    ]
    y = build.op(
        "nn.conv2d",
        operands,
        (n, *extent, channels),
        "f32",
        strides=strides,
        padding=[*before, *after],
        dilations=dilations,
        groups=groups,
    )
    return emit.from_images(y, spatial, like)


def _conv(call: Call) -> Result:
    """aten.conv1d / conv2d(x, w, bias, stride, padding, dilation, groups)."""
    spatial = len(shape_of(call.raw(1))) - 2
    padding = call.integers(4, spatial)
    return convolution(
        call,
        call.integers(3, spatial),
        padding,
        padding,
        call.integers(5, spatial),
        call.integer(6, 1),
    )


def _conv_named_padding(call: Call) -> Result:
    """The same with padding 'same' or 'valid'; the odd element goes to the end, as in torch."""
    kernel = shape_of(call.raw(1))[2:]
    dilations = call.integers(5, len(kernel))
    total = [0] * len(kernel)
    if call.text(4) == "same":
        total = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
    before = [t // 2 for t in total]
    after = [t - t // 2 for t in total]
    strides = call.integers(3, len(kernel))
    return convolution(call, strides, before, after, dilations, call.integer(6, 1))


def _general_convolution(call: Call) -> Result:
    """aten.convolution(x, w, bias, stride, padding, dilation, transposed, out_padding, groups)."""
    if call.boolean(6):
        return _refuse_transposed(call)
    spatial = len(shape_of(call.raw(1))) - 2
    padding = call.integers(4, spatial)
    return convolution(
        call,
        call.integers(3, spatial),
        padding,
        padding,
        call.integers(5, spatial),
        call.integer(8, 1),
    )


def _refuse_transposed(call: Call) -> Result:
    raise Unsupported(
        "a transposed convolution", "use nn.Upsample(mode='nearest') followed by a convolution"
    )


def is_weight(tensor: Tensor) -> bool:
    """True for a constant, or a constant behind a dequantize and layout ops."""
    while isinstance(tensor, ir.Value):
        op = access.defining_op(tensor)
        if op is None or op.name not in (
            "nn.dequantize",
            "nn.transpose",
            "nn.reshape",
            "arith.constant",
        ):
            return False
        if op.name == "arith.constant":
            return True
        tensor = op.operands[0]
    return True


def fully_connected(x: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
    """From x [..., K] and weights [O, K] to [..., O]."""
    *outer, inner = shape_of(x)
    flat = emit.reshape(x, (math.prod(outer), inner))
    operands = [materialize(flat), materialize(weights)]
    if bias is not None:
        operands.append(materialize(bias))
    out = shape_of(weights)[0]
    y = build.op("nn.fully_connected", operands, (math.prod(outer), out), "f32")
    return emit.reshape(y, (*outer, out))


def _linear(call: Call) -> Result:
    if not is_weight(call.raw(1)):
        product = matrix_product(call.raw(0), emit.transpose(call.raw(1), (1, 0)))
        return emit.binary("nn.add", product, call.raw(2)) if call.given(2) else product
    return fully_connected(call.raw(0), call.raw(1), call.raw(2) if call.given(2) else None)


def _matmul(call: Call) -> Result:
    return matrix_product(call.raw(0), call.raw(1))


def matrix_product(a: Tensor, b: Tensor) -> Tensor:
    """torch.matmul for the shapes that a layer can have."""
    if len(shape_of(a)) == 1:
        y = matrix_product(emit.reshape(a, (1, *shape_of(a))), b)
        return emit.reshape(y, (*shape_of(y)[:-2], shape_of(y)[-1]))
    if len(shape_of(b)) == 1:
        y = matrix_product(a, emit.reshape(b, (*shape_of(b), 1)))
        return emit.reshape(y, shape_of(y)[:-1])
    if len(shape_of(b)) == 2 and is_weight(b):
        return fully_connected(a, emit.transpose(b, (1, 0)), None)
    if len(shape_of(a)) == 2 and len(shape_of(b)) == 2 and is_weight(a):
        return emit.transpose(fully_connected(emit.transpose(b, (1, 0)), a, None), (1, 0))
    if len(shape_of(b)) == 2:
        *outer, inner = shape_of(a)
        flat = emit.reshape(a, (1, math.prod(outer), inner))
        y = _batch_matmul(flat, emit.reshape(b, (1, *shape_of(b))))
        return emit.reshape(y, (*outer, shape_of(b)[1]))
    if len(shape_of(a)) == 2:
        a = emit.reshape(a, (1, *shape_of(a)))
    batch = np.broadcast_shapes(shape_of(a)[:-2], shape_of(b)[:-2])
    if math.prod(shape_of(a)[:-2]) != math.prod(shape_of(b)[:-2]):
        raise Unsupported(
            f"a matrix product of {list(shape_of(a))} and {list(shape_of(b))}",
            "give both the same leading axes",
        )
    y = _batch_matmul(
        emit.reshape(a, (math.prod(batch), *shape_of(a)[-2:])),
        emit.reshape(b, (math.prod(batch), *shape_of(b)[-2:])),
    )
    return emit.reshape(y, (*batch, *shape_of(y)[-2:]))


def _batch_matmul(a: Tensor, b: Tensor) -> Tensor:
    shape = (*shape_of(a)[:2], shape_of(b)[2])
    return build.op("nn.batch_matmul", [materialize(a), materialize(b)], shape, "f32")


def _addmm(call: Call) -> Result:
    """aten.addmm(bias, a, b, beta, alpha)."""
    if call.number(3, 1) != 1 or call.number(4, 1) != 1:
        raise Unsupported("addmm with beta or alpha other than 1", "scale the weights instead")
    bias, a, b = call.raw(0), call.raw(1), call.raw(2)
    if is_weight(b) and is_weight(bias) and shape_of(bias) == (shape_of(b)[1],):
        return fully_connected(a, emit.transpose(b, (1, 0)), bias)
    return emit.binary("nn.add", matrix_product(a, b), bias)


def _batch_norm(call: Call) -> Result:
    """aten.batch_norm(x, weight, bias, mean, variance, training, momentum, epsilon, cudnn)."""
    if not call.given(3) or not call.given(4):
        raise Unsupported(
            "batch normalization without running statistics", "use track_running_stats=True"
        )
    if call.boolean(5):
        raise Unsupported("batch normalization in training mode", "call model.eval() first")
    return _normalize(call, call.number(7))


def _batch_norm_inference(call: Call) -> Result:
    """The same in a functional program: (x, weight, bias, mean, variance, momentum, epsilon)."""
    return [_normalize(call, call.number(6))]


def _normalize(call: Call, epsilon: float) -> Tensor:
    x = call.raw(0)
    channels = shape_of(x)[1]
    scale = call.raw(1) if call.given(1) else np.ones(channels, np.float32)
    offset = call.raw(2) if call.given(2) else np.zeros(channels, np.float32)
    statistics = [call.constant(3, "the running mean"), call.constant(4, "the running variance")]
    last = materialize(emit.axis_last(x, 1))
    operands = [last, *(materialize(v) for v in (scale, offset, *statistics))]
    y = build.op("nn.batch_norm", operands, access.shape(last), "f32", epsilon=epsilon)
    return emit.axis_from_last(y, 1)


_CONV2D = ("nn.conv2d",)
_MATMUL = ("nn.fully_connected", "nn.batch_matmul")

ENTRIES: dict[str, Entry] = {
    "aten.conv1d": Entry(_conv, _CONV2D),
    "aten.conv2d": Entry(_conv, _CONV2D),
    "aten.conv1d.padding": Entry(_conv_named_padding, _CONV2D),
    "aten.conv2d.padding": Entry(_conv_named_padding, _CONV2D),
    "aten.convolution": Entry(_general_convolution, _CONV2D),
    "aten._convolution": Entry(_general_convolution, _CONV2D),
    "aten.linear": Entry(_linear, ("nn.fully_connected", "nn.batch_matmul", "nn.add")),
    "aten.mm": Entry(_matmul, _MATMUL),
    "aten.bmm": Entry(_matmul, _MATMUL),
    "aten.matmul": Entry(_matmul, _MATMUL),
    "aten.addmm": Entry(_addmm, (*_MATMUL, "nn.add")),
    "aten.batch_norm": Entry(_batch_norm, ("nn.batch_norm",)),
    "aten._native_batch_norm_legit_no_training": Entry(_batch_norm_inference, ("nn.batch_norm",)),
}

REMEDIES: dict[str, str] = {
    "aten.conv_transpose1d": "use nn.Upsample(mode='nearest') followed by a convolution",
    "aten.conv_transpose2d.input": "use nn.Upsample(mode='nearest') followed by a convolution",
    "aten.conv3d": "use Conv1d or Conv2d",
    "aten.layer_norm": "use BatchNorm, which costs nothing after folding",
    "aten.group_norm": "use BatchNorm, which costs nothing after folding",
    "aten.instance_norm": "use BatchNorm, which costs nothing after folding",
}
