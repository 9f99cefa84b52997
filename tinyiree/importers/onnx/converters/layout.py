"""Ops that move elements (Reshape, Transpose, Slice, Pad, Concat, Resize), or do nothing."""

import math

import numpy as np

from tinyiree.importers import emit
from tinyiree.importers.call import Result, Tensor, Unsupported, materialize, shape_of
from tinyiree.importers.converters.layout import cut
from tinyiree.importers.onnx.converters.resize import resize
from tinyiree.importers.onnx.node import ANY, Entry, Node, front_axis
from tinyiree.ir import access


def _same(node: Node) -> Result:
    return node.raw(0)


def _cast(node: Node) -> Result:
    """Cast and CastLike of an activation: only to the element type that it has."""
    x = node.real(0)
    # TensorProto.DataType.FLOAT (onnx.proto)
    wanted = node.integer_attribute("to", 1)
    if wanted != 1 or (node.op_type == "CastLike" and node.dtype(1) != "f32"):
        raise Unsupported("a conversion to another element type", "keep the model in float32")
    return x


def _shape(node: Node) -> Result:
    """Shape(x): known, as all shapes are."""
    shape = node.shape(0)
    start, end = node.integer_attribute("start", 0), node.integer_attribute("end", len(shape))
    return np.array(shape[slice(start, end)], np.int64)


def _size(node: Node) -> Result:
    return np.array(math.prod(node.shape(0)), np.int64)


def _reshape(node: Node) -> Result:
    """Reshape(x, shape): 0 keeps an extent (without allowzero), -1 is what remains."""
    before, wanted = node.shape(0), node.integers(1, "the shape")
    if not node.integer_attribute("allowzero", 0):
        wanted = [
            before[i] if extent == 0 and i < len(before) else extent
            for i, extent in enumerate(wanted)
        ]
    known = math.prod(extent for extent in wanted if extent != -1)
    if wanted.count(-1) == 1 and known and math.prod(before) % known == 0:
        wanted[wanted.index(-1)] = math.prod(before) // known
    if min(wanted, default=1) < 1 or math.prod(wanted) != math.prod(before):
        raise Unsupported(
            f"a reshape of {list(before)} to {wanted}",
            "export the model for one fixed input shape, batch 1",
        )
    return emit.reshape(node.raw(0), wanted)


def _flatten(node: Node) -> Result:
    shape = node.shape(0)
    # The axis may be the rank: everything, and an axis of extent 1.
    axis = node.integer_attribute("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    return emit.reshape(node.raw(0), (math.prod(shape[:axis]), math.prod(shape[axis:])))


def _squeeze(node: Node) -> Result:
    shape = node.shape(0)
    if node.given(1):
        axes = {front_axis(axis, len(shape)) for axis in node.integers(1, "the axes")}
    else:
        axes = {i for i, extent in enumerate(shape) if extent == 1}
    if any(shape[axis] != 1 for axis in axes):
        raise Unsupported(f"a squeeze of the axes {sorted(axes)} of {list(shape)}", _AGAIN)
    return emit.reshape(node.raw(0), [n for i, n in enumerate(shape) if i not in axes])


def _unsqueeze(node: Node) -> Result:
    shape, listed = list(node.shape(0)), node.integers(1, "the axes")
    for axis in sorted(front_axis(axis, len(shape) + len(listed)) for axis in listed):
        shape.insert(axis, 1)
    return emit.reshape(node.raw(0), shape)


def _transpose(node: Node) -> Result:
    rank = len(node.shape(0))
    order = node.integers_attribute("perm", list(reversed(range(rank))))
    if sorted(order) != list(range(rank)):
        raise Unsupported(f"the permutation {order} of {rank} axes", _AGAIN)
    return emit.transpose(node.raw(0), order)


def _concat(node: Node) -> Result:
    parts = [node.value(i) for i in range(len(node.inputs))]
    if len({access.element_type(part) for part in parts}) > 1:
        raise Unsupported("parts of different element types", "give all parts one element type")
    return emit.concat(parts, node.axis(0, len(access.shape(parts[0]))))


def _split(node: Node) -> Result:
    """Split(x, sizes), or into equal parts of which the last may be smaller."""
    x = node.raw(0)
    axis = node.axis(0, len(shape_of(x)))
    extent = shape_of(x)[axis]
    if node.given(1):
        sizes = node.integers(1, "the sizes")
    else:
        count = node.integer_attribute("num_outputs", node.outputs)
        size = math.ceil(extent / max(count, 1))
        sizes = [max(0, min(size, extent - i * size)) for i in range(count)]
    if sum(sizes) != extent or min(sizes, default=0) < 1:
        raise Unsupported(f"a split of {extent} elements into {sizes}", _AGAIN)
    return cut(x, axis, sizes)


def _slice(node: Node) -> Result:
    """Slice(x, starts, ends, axes, steps), bounds clipped as in Python."""
    x = node.raw(0)
    starts, ends = node.integers(1, "the starts"), node.integers(2, "the ends")
    axes = node.integers(3, "the axes") if node.given(3) else list(range(len(starts)))
    steps = node.integers(4, "the steps") if node.given(4) else [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise Unsupported("starts, ends, axes and steps of different lengths", _AGAIN)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step < 1:
            raise Unsupported(f"a step of {step}", "use positive steps")
        index = front_axis(axis, len(shape_of(x)))
        first, last, _ = slice(start, end, step).indices(shape_of(x)[index])
        x = emit.slice_axis(x, index, first, max(first, last), step)
    return x


def _gather(node: Node) -> Result:
    """Gather(x, indices) where the indices are evenly spaced: a slice."""
    x = node.raw(0)
    if isinstance(x, np.ndarray):
        raise Unsupported("a table that is looked up", "look it up before the model")
    indices = node.constant(1, "the indices")
    axis = node.axis(0, len(shape_of(x)))
    extent = shape_of(x)[axis]
    listed = [i + extent if i < 0 else i for i in node.integers(1, "the indices")]
    step = listed[1] - listed[0] if len(listed) > 1 else 1
    even = step > 0 and all(i == listed[0] + n * step for n, i in enumerate(listed))
    if indices.ndim > 1 or not listed or not even or listed[0] < 0 or listed[-1] >= extent:
        raise Unsupported(f"the indices {listed[:8]}", "use a Slice: evenly spaced, in range")
    y = emit.slice_axis(x, axis, listed[0], listed[-1] + 1, step)
    if indices.ndim == 0:
        shape = shape_of(y)
        return emit.reshape(y, (*shape[:axis], *shape[axis + 1 :]))
    return y


def _pad(node: Node) -> Result:
    """Pad(x, pads, value, axes); a negative amount crops."""
    mode = node.text_attribute("mode", "constant")
    if mode != "constant":
        raise Unsupported(f"the padding mode '{mode}'", "pad with a constant")
    x: Tensor = node.raw(0)
    rank, pads = len(shape_of(x)), node.integers(1, "the pads")
    value = node.number(2, "the value", 0.0)
    if node.dtype(0) == "ui8":
        value -= 128
    axes = node.integers(3, "the axes") if node.given(3) else list(range(rank))
    if len(pads) != 2 * len(axes):
        raise Unsupported(f"{len(pads)} pads for {len(axes)} axes", _AGAIN)
    low, high = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        index, before, after = front_axis(axis, rank), pads[i], pads[len(axes) + i]
        x = emit.slice_axis(x, index, max(0, -before), shape_of(x)[index] - max(0, -after))
        low[index], high[index] = max(0, before), max(0, after)
    return emit.pad(materialize(x), low, high, value) if any(low + high) else x


def _expand(node: Node) -> Result:
    """Expand(x, shape): only when it adds axes or nothing."""
    before = node.shape(0)
    shape = np.broadcast_shapes(before, tuple(node.integers(1, "the shape")))
    if math.prod(shape) != math.prod(before):
        raise Unsupported(
            "an Expand that repeats elements",
            "rely on broadcasting in the arithmetic that follows",
        )
    return emit.reshape(node.raw(0), shape)


def _depth_to_space(node: Node) -> Result:
    """DepthToSpace(x): [N, C*b*b, H, W] -> [N, C, H*b, W*b]."""
    n, channels, height, width = _four(node)
    b = node.integer_attribute("blocksize", 1)
    rows = (n, channels // (b * b), height * b, width * b)
    if node.text_attribute("mode", "DCR") == "CRD":
        x = emit.reshape(node.raw(0), (n, channels // (b * b), b, b, height, width))
        return emit.reshape(emit.transpose(x, (0, 1, 4, 2, 5, 3)), rows)
    x = emit.reshape(node.raw(0), (n, b, b, channels // (b * b), height, width))
    return emit.reshape(emit.transpose(x, (0, 3, 4, 1, 5, 2)), rows)


def _space_to_depth(node: Node) -> Result:
    """SpaceToDepth(x): [N, C, H*b, W*b] -> [N, b*b*C, H, W]."""
    n, channels, height, width = _four(node)
    b = node.integer_attribute("blocksize", 1)
    x = emit.reshape(node.raw(0), (n, channels, height // b, b, width // b, b))
    shape = (n, channels * b * b, height // b, width // b)
    return emit.reshape(emit.transpose(x, (0, 3, 5, 1, 2, 4)), shape)


def _four(node: Node) -> tuple[int, int, int, int]:
    shape = node.shape(0)
    if len(shape) != 4:
        raise Unsupported(f"an input of rank {len(shape)}", "give it rank 4")
    return shape[0], shape[1], shape[2], shape[3]


def _constant(node: Node) -> Result:
    """Only a kind of constant that folding does not compute comes here."""
    raise Unsupported("a constant that is no dense tensor", "use a dense tensor of numbers")


_AGAIN = "export the model again"
_NOTHING, _RESHAPE = Entry(_same, (), ANY), ("nn.reshape",)

ENTRIES: dict[str, Entry] = {
    "Reshape": Entry(_reshape, _RESHAPE, ANY),
    "Flatten": Entry(_flatten, _RESHAPE, ANY),
    "Squeeze": Entry(_squeeze, _RESHAPE, ANY),
    "Unsqueeze": Entry(_unsqueeze, _RESHAPE, ANY),
    "Expand": Entry(_expand, _RESHAPE, ANY),
    "Transpose": Entry(_transpose, ("nn.transpose",), ANY),
    "DepthToSpace": Entry(_depth_to_space, ("nn.reshape", "nn.transpose"), ANY),
    "SpaceToDepth": Entry(_space_to_depth, ("nn.reshape", "nn.transpose"), ANY),
    "Concat": Entry(_concat, ("nn.concat",), ANY),
    "Split": Entry(_split, ("nn.slice",), ANY),
    "Slice": Entry(_slice, ("nn.slice",), ANY),
    "Gather": Entry(_gather, ("nn.slice", "nn.reshape"), ANY),
    "Pad": Entry(_pad, ("nn.pad", "nn.slice"), ANY),
    "Resize": Entry(resize, ("nn.upsample_nearest",), ANY),
    "Shape": Entry(_shape, (), ANY),
    "Size": Entry(_size, (), ANY),
    "Constant": Entry(_constant, (), ANY),
    "Cast": Entry(_cast, ()),
    "CastLike": Entry(_cast, ()),
    "Identity": _NOTHING,
    "Dropout": _NOTHING,
}

REMEDIES: dict[str, str] = {
    "Upsample": "export with opset 13 or newer, which has Resize",
    "Tile": "rely on broadcasting in the arithmetic that follows",
    "Where": "compute both branches outside, or use Clip",
    "GatherElements": "look the rows up before the model",
    "If": "export the model for one branch (in eval mode, with constant conditions)",
    "Loop": "unroll the loop, or run one step of it for each invocation",
    "Scan": "unroll the loop, or run one step of it for each invocation",
    "LSTM": "use convolutions over time (a temporal convolutional network)",
    "GRU": "use convolutions over time (a temporal convolutional network)",
    "RNN": "use convolutions over time (a temporal convolutional network)",
    "SequenceConstruct": "return tensors instead of sequences",
}
