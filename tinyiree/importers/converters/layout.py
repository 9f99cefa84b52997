"""Ops that move elements (reshape, permute, slice, pad, cat, upsample), or do nothing."""

import math

from tinyiree.importers import emit
from tinyiree.importers.call import (
    Argument,
    Call,
    Entry,
    Result,
    Tensor,
    Unsupported,
    materialize,
    shape_of,
)
from tinyiree.ir import access, build


def _reshape(call: Call) -> Result:
    """Every op whose result is its input in row-major order; torch has worked out the shape."""
    return emit.reshape(call.raw(0), call.shape)


def _same(call: Call) -> Result:
    return call.raw(0)


def _convert_type(call: Call) -> Result:
    """aten.to and aten._to_copy: only when the element type stays."""
    x = call.tensor(0)
    dtype = call.kinds[0].dtype
    if (access.element_type(x) == "f32") != (dtype == "f32"):
        raise Unsupported(f"a conversion to {dtype}", "keep the model in float32")
    return x


def _expand(call: Call) -> Result:
    """aten.expand(x, shape, implicit): only when it adds axes or nothing."""
    if math.prod(call.shape) != math.prod(shape_of(call.raw(0))):
        raise Unsupported(
            "an expand that repeats elements", "rely on broadcasting in the arithmetic that follows"
        )
    return emit.reshape(call.raw(0), call.shape)


def _permute(call: Call) -> Result:
    rank = len(shape_of(call.raw(0)))
    return emit.transpose(call.raw(0), [emit.axis(i, rank) for i in call.integers(1)])


def _swap(call: Call) -> Result:
    rank = len(shape_of(call.raw(0)))
    order = list(range(rank))
    a, b = emit.axis(call.integer(1), rank), emit.axis(call.integer(2), rank)
    order[a], order[b] = order[b], order[a]
    return emit.transpose(call.raw(0), order)


def _matrix_transpose(call: Call) -> Result:
    return emit.transpose(call.raw(0), list(reversed(range(len(shape_of(call.raw(0)))))))


def _pixel_shuffle(call: Call) -> Result:
    """[N, C*r*r, H, W] -> [N, C, H*r, W*r]."""
    n, channels, height, width = shape_of(call.raw(0))
    r = call.integer(1)
    x = emit.reshape(call.raw(0), (n, channels // (r * r), r, r, height, width))
    return emit.reshape(emit.transpose(x, (0, 1, 4, 2, 5, 3)), call.shape)


def _slice(call: Call) -> Result:
    """aten.slice.Tensor(x, dim, start, end, step), bounds clipped as in Python."""
    x = call.raw(0)
    index = emit.axis(call.integer(1, 0), len(shape_of(x)))
    extent = shape_of(x)[index]
    start, stop, step = slice(
        call.integer(2, 0), call.integer(3, extent), call.integer(4, 1)
    ).indices(extent)
    return emit.slice_axis(x, index, start, stop, step)


def _narrow(call: Call) -> Result:
    index = emit.axis(call.integer(1), len(shape_of(call.raw(0))))
    start = emit.axis(call.integer(2), shape_of(call.raw(0))[index])
    return emit.slice_axis(call.raw(0), index, start, start + call.integer(3))


def _select(call: Call) -> Result:
    """aten.select.int(x, dim, index): a slice of one, and the axis dropped."""
    x = call.raw(0)
    index = emit.axis(call.integer(1), len(shape_of(x)))
    start = emit.axis(call.integer(2), shape_of(x)[index])
    return emit.reshape(emit.slice_axis(x, index, start, start + 1), call.shape)


def cut(x: Tensor, index: int, sizes: list[int]) -> list[Tensor]:
    """Slices of the given sizes along an axis, one after the other."""
    parts, start = [], 0
    for size in sizes:
        parts.append(emit.slice_axis(x, index, start, start + size))
        start += size
    return parts


def _split(call: Call) -> Result:
    """aten.split.Tensor(x, size, dim), split_with_sizes(x, sizes, dim), chunk(x, count, dim)."""
    x = call.raw(0)
    index = emit.axis(call.integer(2, 0), len(shape_of(x)))
    extent = shape_of(x)[index]
    if "sizes" in call.name:
        return cut(x, index, call.integers(1))
    size = call.integer(1)
    if call.name == "aten.chunk":
        size = math.ceil(extent / size)
    sizes = [min(size, extent - start) for start in range(0, extent, size)]
    return cut(x, index, sizes)


def _unbind(call: Call) -> Result:
    x = call.raw(0)
    index = emit.axis(call.integer(1, 0), len(shape_of(x)))
    shape = [extent for i, extent in enumerate(shape_of(x)) if i != index]
    return [emit.reshape(part, shape) for part in cut(x, index, [1] * shape_of(x)[index])]


def _cat(call: Call) -> Result:
    parts = call.tensors(0)
    return emit.concat(parts, emit.axis(call.integer(1, 0), len(access.shape(parts[0]))))


def _stack(call: Call) -> Result:
    parts = call.tensors(0)
    shape = access.shape(parts[0])
    index = emit.axis(call.integer(1, 0), len(shape) + 1)
    wide = (*shape[:index], 1, *shape[index:])
    return emit.concat([materialize(emit.reshape(part, wide)) for part in parts], index)


def _pad(call: Call) -> Result:
    """aten.constant_pad_nd(x, pad, value) and aten.pad(x, pad, mode, value): last axis first."""
    value = 0.0
    if call.name == "aten.constant_pad_nd":
        value = call.number(2, 0.0)
    elif call.text(2) == "constant":
        value = call.number(3, 0.0)
    else:
        raise Unsupported(f"padding mode '{call.text(2)}'", "pad with a constant")
    x: Tensor = call.raw(0)
    rank, amounts = len(shape_of(x)), call.integers(1)
    low, high = [0] * rank, [0] * rank
    for i in range(len(amounts) // 2):
        before, after = amounts[2 * i], amounts[2 * i + 1]
        index = rank - 1 - i
        # A negative amount crops.
        x = emit.slice_axis(x, index, max(0, -before), shape_of(x)[index] - max(0, -after))
        low[index], high[index] = max(0, before), max(0, after)
    return emit.pad(materialize(x), low, high, value) if any(low + high) else x


def _upsample_nearest(call: Call) -> Result:
    """aten.upsample_nearest1d / 2d: the factors follow from the shapes."""
    spatial = 1 if "nearest1d" in call.name else 2
    x, like = emit.to_images(call.raw(0), spatial)
    n, height, width, channels = access.shape(x)
    out_height, out_width = [*([1] * (2 - spatial)), *call.shape[-spatial:]]
    if out_height % height or out_width % width:
        raise Unsupported(
            f"nearest-neighbour upsampling of {height}x{width} to {out_height}x{out_width}",
            "use an integer scale factor",
        )
    y = build.op(
        "nn.upsample_nearest",
        [x],
        (n, out_height, out_width, channels),
        access.element_type(x),
        factors=[out_height // height, out_width // width],
    )
    return emit.from_images(y, spatial, like)


def argument_tensors(argument: Argument) -> list[Tensor]:
    """The tensors in an argument, lists included."""
    if isinstance(argument, list):
        return [tensor for item in argument for tensor in argument_tensors(item)]
    return [] if argument is None or isinstance(argument, int | float | str) else [argument]


_RESHAPE, _TRANSPOSE = Entry(_reshape, ("nn.reshape",)), ("nn.transpose",)
_NOTHING = Entry(_same, ())

ENTRIES: dict[str, Entry] = {
    "aten.flatten.using_ints": _RESHAPE,
    "aten.unflatten.int": _RESHAPE,
    "aten.view": _RESHAPE,
    "aten._unsafe_view": _RESHAPE,
    "aten.reshape": _RESHAPE,
    "aten.squeeze": _RESHAPE,
    "aten.squeeze.dim": _RESHAPE,
    "aten.squeeze.dims": _RESHAPE,
    "aten.unsqueeze": _RESHAPE,
    "aten.expand": Entry(_expand, ("nn.reshape",)),
    "aten.permute": Entry(_permute, _TRANSPOSE),
    "aten.transpose.int": Entry(_swap, _TRANSPOSE),
    "aten.t": Entry(_matrix_transpose, _TRANSPOSE),
    "aten.numpy_T": Entry(_matrix_transpose, _TRANSPOSE),
    "aten.pixel_shuffle": Entry(_pixel_shuffle, ("nn.reshape", "nn.transpose")),
    "aten.slice.Tensor": Entry(_slice, ("nn.slice",)),
    "aten.narrow": Entry(_narrow, ("nn.slice",)),
    "aten.select.int": Entry(_select, ("nn.slice", "nn.reshape")),
    "aten.split.Tensor": Entry(_split, ("nn.slice",)),
    "aten.split_with_sizes": Entry(_split, ("nn.slice",)),
    "aten.split.sizes": Entry(_split, ("nn.slice",)),
    "aten.chunk": Entry(_split, ("nn.slice",)),
    "aten.unbind.int": Entry(_unbind, ("nn.slice", "nn.reshape")),
    "aten.cat": Entry(_cat, ("nn.concat",)),
    "aten.stack": Entry(_stack, ("nn.reshape", "nn.concat")),
    "aten.constant_pad_nd": Entry(_pad, ("nn.pad", "nn.slice")),
    "aten.pad": Entry(_pad, ("nn.pad", "nn.slice")),
    "aten.upsample_nearest1d": Entry(_upsample_nearest, ("nn.upsample_nearest",)),
    "aten.upsample_nearest1d.vec": Entry(_upsample_nearest, ("nn.upsample_nearest",)),
    "aten.upsample_nearest2d": Entry(_upsample_nearest, ("nn.upsample_nearest",)),
    "aten.upsample_nearest2d.vec": Entry(_upsample_nearest, ("nn.upsample_nearest",)),
    "aten.contiguous": _NOTHING,
    "aten.clone": _NOTHING,
    "aten.detach": _NOTHING,
    "aten.alias": _NOTHING,
    "aten.dropout": _NOTHING,
    "aten.feature_dropout": _NOTHING,
    "aten._to_copy": Entry(_convert_type, ()),
    "aten.to.dtype": Entry(_convert_type, ()),
}


REMEDIES: dict[str, str] = {
    "aten.upsample_bilinear2d.vec": "use nn.Upsample(mode='nearest')",
    "aten.upsample_bicubic2d.vec": "use nn.Upsample(mode='nearest')",
    "aten.embedding": "look the row up before the model and feed it in as float32",
}
