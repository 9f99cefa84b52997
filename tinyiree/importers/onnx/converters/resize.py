"""Resize, where it repeats each element a whole number of times."""

import math

from tinyiree.importers import emit
from tinyiree.importers.call import Result, Unsupported, shape_of
from tinyiree.importers.onnx.node import Node, front_axis
from tinyiree.ir import access, build

_LARGEST = 2**16
"""Elements of an axis: each is looked at."""
_REMEDY = "use nearest-neighbour upsampling by whole factors"


def resize(node: Node) -> Result:
    """Resize(x, roi, scales, sizes) of a tensor of channels first.

    Which input element each output element takes is worked out by the formulas of the operator's
    specification, and compared with plain repetition.

    Raises:
        Unsupported: another mode than ``nearest``, or another pattern than repetition.
    """
    shape = node.shape(0)
    mode = node.text_attribute("mode", "nearest")
    if mode != "nearest":
        raise Unsupported(f"the mode '{mode}'", _REMEDY)
    sizes, scales = _target(node, shape)
    if sizes == list(shape):
        return node.raw(0)
    if max(sizes) > _LARGEST:
        raise Unsupported(
            f"a resize of {list(shape)} to {sizes}",
            f"resize to at most {_LARGEST} elements an axis",
        )
    transform = node.text_attribute("coordinate_transformation_mode", "half_pixel")
    rounding = node.text_attribute("nearest_mode", "round_prefer_floor")
    for before, after, scale in zip(shape, sizes, scales, strict=True):
        repeats = after % before == 0 and all(
            _source(i, before, after, scale, transform, rounding) == i // (after // before)
            for i in range(after)
        )
        if not repeats:
            raise Unsupported(
                f"a resize of {list(shape)} to {sizes} ({transform}, {rounding})", _REMEDY
            )
    spatial = len(shape) - 2
    if spatial not in (1, 2) or sizes[:2] != list(shape[:2]):
        raise Unsupported(f"a resize of {list(shape)} to {sizes}", "resize one or two space axes")
    x, like = emit.to_images(node.raw(0), spatial)
    n, height, width, channels = shape_of(x)
    factors = [1] * (2 - spatial) + [b // a for a, b in zip(shape[2:], sizes[2:], strict=True)]
    y = build.op(
        "nn.upsample_nearest",
        [x],
        (n, height * factors[0], width * factors[1], channels),
        access.element_type(x),
        factors=factors,
    )
    return emit.from_images(y, spatial, like)


def _target(node: Node, shape: tuple[int, ...]) -> tuple[list[int], list[float]]:
    """The shape of the result, and the scales of the formulas."""
    rank = len(shape)
    axes = [front_axis(a, rank) for a in node.integers_attribute("axes", list(range(rank)))]
    sizes, scales = list(shape), [1.0] * rank
    if node.given(2) and node.constant(2, "the scales").size:
        found = [float(s) for s in node.constant(2, "the scales").ravel()]
        if len(found) != len(axes):
            raise Unsupported(f"{len(found)} scales for {len(axes)} axes", _REMEDY)
        for axis, scale in zip(axes, found, strict=True):
            sizes[axis], scales[axis] = math.floor(shape[axis] * scale), scale
    elif node.given(3):
        wanted = node.integers(3, "the sizes")
        if len(wanted) != len(axes):
            raise Unsupported(f"{len(wanted)} sizes for {len(axes)} axes", _REMEDY)
        if node.text_attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise Unsupported("keep_aspect_ratio_policy", "give the sizes themselves")
        for axis, size in zip(axes, wanted, strict=True):
            sizes[axis], scales[axis] = size, size / shape[axis]
    if min(sizes) < 1:
        raise Unsupported(f"a resize of {list(shape)} to {sizes}", _REMEDY)
    return sizes, scales


def _source(
    i: int, before: int, after: int, scale: float, transform: str, rounding: str
) -> int | None:
    """The input element that output element i takes; None for a formula that is not known."""
    if transform == "half_pixel" or (transform == "pytorch_half_pixel" and after > 1):
        x = (i + 0.5) / scale - 0.5
    elif transform == "pytorch_half_pixel":
        x = 0.0
    elif transform == "asymmetric":
        x = i / scale
    elif transform == "align_corners":
        x = i * (before - 1) / (after - 1) if after > 1 else 0.0
    else:
        return None
    nearest = {
        "round_prefer_floor": math.ceil(x - 0.5),
        "round_prefer_ceil": math.floor(x + 0.5),
        "floor": math.floor(x),
        "ceil": math.ceil(x),
    }.get(rounding)
    return None if nearest is None else min(max(nearest, 0), before - 1)
