"""Short forms of ``build.op`` for the converters: shapes inferred, constants computed at once."""

import math
from collections.abc import Sequence

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Tensor, Unsupported, materialize, shape_of
from tinyiree.ir import access, build


def axis(index: int, rank: int) -> int:
    """A dimension of torch, negative ones counted from the end."""
    return index + max(rank, 1) if index < 0 else index


def reshape(x: Tensor, shape: Sequence[int]) -> Tensor:
    """``nn.reshape``; nothing when the shape is the same."""
    if shape_of(x) == tuple(shape):
        return x
    if not isinstance(x, ir.Value):
        return x.reshape(tuple(shape))
    return build.op("nn.reshape", [x], shape, access.element_type(x))


def transpose(x: Tensor, permutation: Sequence[int]) -> Tensor:
    """``nn.transpose``; nothing for the identity."""
    if list(permutation) == list(range(len(permutation))):
        return x
    if not isinstance(x, ir.Value):
        return np.ascontiguousarray(x.transpose(list(permutation)))
    shape = [access.shape(x)[axis] for axis in permutation]
    return build.op(
        "nn.transpose", [x], shape, access.element_type(x), permutation=list(permutation)
    )


def axis_last(x: Tensor, index: int) -> Tensor:
    """Move an axis to the end."""
    order = [i for i in range(len(shape_of(x))) if i != index]
    return transpose(x, [*order, index])


def axis_from_last(x: Tensor, index: int) -> Tensor:
    """Undo ``axis_last``."""
    last = len(shape_of(x)) - 1
    order = list(range(last))
    order.insert(index, last)
    return transpose(x, order)


def to_images(x: Tensor, spatial: int) -> tuple[ir.Value, tuple[int, ...]]:
    """Channels first, 1-D or 2-D, with or without a batch axis, to ``[N, H, W, C]``.

    Returns:
        The images, and the shape that ``from_images`` needs.
    """
    shape = shape_of(x)
    if len(shape) == spatial + 1:
        x = reshape(x, (1, *shape))
    elif len(shape) != spatial + 2:
        raise Unsupported(
            f"an input of rank {len(shape)}", f"give it rank {spatial + 2}: batch, channels, space"
        )
    full = shape_of(x)
    x = axis_last(x, 1)
    if spatial == 1:
        x = reshape(x, (full[0], 1, full[2], full[1]))
    return materialize(x), shape


def from_images(x: Tensor, spatial: int, like: Sequence[int]) -> Tensor:
    """``[N, H, W, C]`` to channels first, of the rank of ``like``."""
    n, height, width, channels = shape_of(x)
    if spatial == 1:
        x = reshape(x, (n, height * width, channels))
    x = axis_from_last(x, 1)
    return reshape(x, shape_of(x)[1:]) if len(like) == spatial + 1 else x


def clamp(x: ir.Value, low: float, high: float) -> ir.Value:
    """``nn.clamp``."""
    return build.op("nn.clamp", [x], access.shape(x), "f32", min=low, max=high)


def unary(x: ir.Value, fn: str, alpha: float = 0.0) -> ir.Value:
    """``nn.unary``."""
    return build.op("nn.unary", [x], access.shape(x), "f32", fn=fn, alpha=alpha)


def power(x: ir.Value, exponent: float) -> Tensor:
    """``x ** exponent`` for an exponent of 1, 2, 3 or 1/2; others are refused."""
    if exponent == 0.5:
        return unary(x, "sqrt")
    if exponent not in (1, 2, 3):
        raise Unsupported(f"a power of {exponent:g}", "use an exponent of 1/2, 2 or 3")
    y: Tensor = x
    for _ in range(int(exponent) - 1):
        y = binary("nn.mul", y, x)
    return y


def binary(name: str, a: Tensor, b: Tensor) -> ir.Value:
    """``nn.add``, ``nn.mul``, ``nn.maximum`` and the like: ranks made equal, shapes broadcast."""
    rank = max(len(shape_of(a)), len(shape_of(b)))
    a = reshape(a, (1,) * (rank - len(shape_of(a))) + shape_of(a))
    b = reshape(b, (1,) * (rank - len(shape_of(b))) + shape_of(b))
    shape = np.broadcast_shapes(shape_of(a), shape_of(b))
    return build.op(name, [_f32(a), _f32(b)], shape, "f32")


def scalar(value: float) -> Tensor:
    """A float32 constant of rank 0."""
    return np.array(value, np.float32)


def mean(x: ir.Value, axes: Sequence[int], keep: bool) -> ir.Value:
    """``nn.mean`` over axes that are kept with extent 1, or dropped."""
    shape = access.shape(x)
    if keep:
        result = [1 if i in axes else extent for i, extent in enumerate(shape)]
    else:
        result = [extent for i, extent in enumerate(shape) if i not in axes]
    return build.op("nn.mean", [x], result, "f32", axes=sorted(axes))


def slice_axis(x: Tensor, index: int, start: int, stop: int, step: int = 1) -> Tensor:
    """``nn.slice`` along one axis; nothing when all of it is taken."""
    shape = shape_of(x)
    extent = max(0, math.ceil((stop - start) / step))
    if extent == 0:
        raise Unsupported("an empty slice", "take at least one element")
    if (start, extent, step) == (0, shape[index], 1):
        return x
    if not isinstance(x, ir.Value):
        return np.take(x, range(start, stop, step), axis=index)
    offsets, strides = [0] * len(shape), [1] * len(shape)
    offsets[index], strides[index] = start, step
    result = [*shape[:index], extent, *shape[index + 1 :]]
    return build.op(
        "nn.slice", [x], result, access.element_type(x), offsets=offsets, strides=strides
    )


def explicit_quantize(
    x: ir.Value, scales: Sequence[float], zero_points: Sequence[int], axis: int
) -> ir.Value:
    """``nn.quantize`` that the model's file asks for: later passes keep its rounding apart."""
    y = build.op(
        "nn.quantize",
        [x],
        access.shape(x),
        "i8",
        scales=scales,
        zero_points=zero_points,
        axis=axis,
    )
    y.owner.attributes["tiny.explicit"] = ir.UnitAttr.get()
    return y


def concat(parts: Sequence[ir.Value], index: int) -> ir.Value:
    """``nn.concat``."""
    if len(parts) == 1:
        return parts[0]
    shape = list(access.shape(parts[0]))
    shape[index] = sum(access.shape(part)[index] for part in parts)
    return build.op("nn.concat", list(parts), shape, access.element_type(parts[0]), axis=index)


def pad(x: ir.Value, low: Sequence[int], high: Sequence[int], value: float) -> ir.Value:
    """``nn.pad`` with a constant."""
    shape = [
        before + n + after for before, n, after in zip(low, access.shape(x), high, strict=True)
    ]
    return build.op("nn.pad", [x], shape, access.element_type(x), low=low, high=high, value=value)


def _f32(x: Tensor) -> ir.Value:
    if isinstance(x, np.ndarray) and x.dtype.kind in "iub":
        x = x.astype(np.float32)
    return materialize(x)
