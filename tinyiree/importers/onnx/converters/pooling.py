"""Pooling, global pooling, reductions and ArgMax."""

import math

from iree.compiler import ir

from tinyiree.importers import emit
from tinyiree.importers.call import Result, Tensor, Unsupported, shape_of
from tinyiree.importers.onnx.node import ANY, Entry, Node, front_axis
from tinyiree.importers.onnx.windows import Window, window
from tinyiree.ir import access, build


def _max_pool(node: Node) -> Result:
    """MaxPool(x): float or int8."""
    kernel = node.integers_attribute("kernel_shape", [])
    found = window(node, node.shape(0)[2:], kernel)
    return _max(node.raw(0), found)


def _max(x: Tensor, found: Window) -> Tensor:
    spatial = len(found.kernel)
    images, like = emit.to_images(x, spatial)
    found = found.two()
    n, _, _, channels = access.shape(images)
    after = [a + e for a, e in zip(found.after, found.extra, strict=True)]
    y = build.op(
        "nn.max_pool2d",
        [images],
        (n, *found.extent, channels),
        access.element_type(images),
        kernel=found.kernel,
        strides=found.strides,
        padding=[*found.before, *after],
        dilations=found.dilations,
    )
    return emit.from_images(y, spatial, like)


def _average_pool(node: Node) -> Result:
    """AveragePool(x)."""
    kernel = node.integers_attribute("kernel_shape", [])
    found = window(node, node.shape(0)[2:], kernel)
    if found.dilations != [1] * len(kernel):
        raise Unsupported("an average pool with dilations", "use dilations of 1")
    spatial = len(kernel)
    x, like = emit.to_images(node.real(0), spatial)
    found = found.two()
    before, after = found.before, found.after
    include = node.integer_attribute("count_include_pad", 0) != 0
    if include and any(found.extra):
        # The padding counts, but not what ceil_mode adds: pad first, then count real elements.
        if any(before + after):
            x = emit.pad(x, [0, *before, 0], [0, *after, 0], 0.0)
        before, after, include = [0, 0], [0, 0], False
    padding = [*before, *(a + e for a, e in zip(after, found.extra, strict=True))]
    y = build.op(
        "nn.avg_pool2d",
        [x],
        (access.shape(x)[0], *found.extent, access.shape(x)[3]),
        "f32",
        kernel=found.kernel,
        strides=found.strides,
        padding=padding,
        count_include_pad=include or not any(padding),
    )
    return emit.from_images(y, spatial, like)


def _global_average_pool(node: Node) -> Result:
    """GlobalAveragePool(x): the mean over all spatial axes, which stay with extent 1."""
    x = node.activation(0)
    return emit.mean(x, range(2, len(access.shape(x))), keep=True)


def _global_max_pool(node: Node) -> Result:
    """GlobalMaxPool(x): one window over everything."""
    return _max(node.raw(0), _whole(node.shape(0)[2:]))


def _whole(size: tuple[int, ...]) -> Window:
    if len(size) not in (1, 2):
        raise Unsupported(f"{len(size)} spatial axes", "use a 1-D or 2-D layer")
    none, ones = [0] * len(size), [1] * len(size)
    return Window(list(size), ones, ones, none, none, none, ones)


def _axes(node: Node) -> list[int]:
    """The axes of a reduction: an attribute, or an input since opset 18 (13 for ReduceSum)."""
    rank = len(node.shape(0))
    attribute = node.integers_attribute("axes", [])
    listed = node.integers(1, "the axes") if node.given(1) else attribute
    if not listed and not node.integer_attribute("noop_with_empty_axes", 0):
        return list(range(rank))
    return sorted({front_axis(axis, rank) for axis in listed})


def _reduce_mean(node: Node) -> Result:
    """ReduceMean(x, axes)."""
    axes = _axes(node)
    if not axes:
        return node.real(0)
    return emit.mean(node.activation(0), axes, keep=node.integer_attribute("keepdims", 1) != 0)


def _reduce_sum(node: Node) -> Result:
    """ReduceSum(x, axes): the mean, times how many."""
    axes = _axes(node)
    if not axes:
        return node.real(0)
    x = node.activation(0)
    mean = emit.mean(x, axes, keep=node.integer_attribute("keepdims", 1) != 0)
    return emit.binary("nn.mul", mean, emit.scalar(math.prod(access.shape(x)[i] for i in axes)))


def _reduce_max(node: Node) -> Result:
    """ReduceMax(x, axes) over all the spatial axes: one window over everything."""
    axes, shape = _axes(node), node.shape(0)
    if axes != list(range(2, len(shape))) or len(shape) not in (3, 4):
        raise Unsupported(f"a maximum over the axes {axes}", "take it over all spatial axes")
    y = _max(node.raw(0), _whole(shape[2:]))
    return y if node.integer_attribute("keepdims", 1) else emit.reshape(y, shape_of(y)[:2])


def _argmax(node: Node) -> Result:
    """ArgMax(x): int64 in ONNX, int32 here."""
    if node.integer_attribute("select_last_index", 0):
        raise Unsupported("select_last_index", "take the first of equal maxima")
    x: ir.Value = node.value(0)
    shape = list(access.shape(x))
    index = node.axis(0, len(shape))
    kept = [1] if node.integer_attribute("keepdims", 1) else []
    return build.op(
        "nn.argmax", [x], [*shape[:index], *kept, *shape[index + 1 :]], "i32", axis=index
    )


_MAX, _MEAN = ("nn.max_pool2d",), ("nn.mean",)

ENTRIES: dict[str, Entry] = {
    "MaxPool": Entry(_max_pool, _MAX, ANY),
    "GlobalMaxPool": Entry(_global_max_pool, _MAX, ANY),
    "ReduceMax": Entry(_reduce_max, _MAX, ANY),
    "AveragePool": Entry(_average_pool, ("nn.avg_pool2d", "nn.pad")),
    "GlobalAveragePool": Entry(_global_average_pool, _MEAN),
    "ReduceMean": Entry(_reduce_mean, _MEAN),
    "ReduceSum": Entry(_reduce_sum, ("nn.mean", "nn.mul")),
    "ArgMax": Entry(_argmax, ("nn.argmax",)),
}

REMEDIES: dict[str, str] = {
    "LpPool": "use AveragePool or MaxPool",
    "ReduceMin": "negate, take ReduceMax, and negate again",
    "ArgMin": "negate and take ArgMax",
    "TopK": "return the scores, and sort them outside the model",
    "NonMaxSuppression": "end the model before it, and suppress boxes in C",
}
