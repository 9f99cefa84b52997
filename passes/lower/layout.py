"""Ops that move elements: transpose, pad, slice, concat, nearest upsampling."""

from tinyiree.ir import access
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.text import Tensor, Writer, along


def transpose(w: Writer, layer: Layer) -> Tensor:
    """``nn.transpose``."""
    permutation = access.ints(layer.op, "permutation")
    rank = len(permutation)
    source = along(rank, *(permutation.index(axis) for axis in range(rank)))
    out = (w.empty(layer.shape, layer.element), along(rank, *range(rank)))
    return w.generic([(layer.tensor(w, 0), source)], out, lambda b, e: e[0])


def pad(w: Writer, layer: Layer) -> Tensor:
    """``nn.pad``."""
    low, high = access.ints(layer.op, "low"), access.ints(layer.op, "high")
    return w.pad(layer.tensor(w, 0), low, high, access.number(layer.op, "value"))


def slice_(w: Writer, layer: Layer) -> Tensor:
    """``nn.slice``."""
    offsets, strides = access.ints(layer.op, "offsets"), access.ints(layer.op, "strides")
    return w.slice(layer.tensor(w, 0), offsets, layer.shape, strides)


def concat(w: Writer, layer: Layer) -> Tensor:
    """``nn.concat``."""
    axis = access.integer(layer.op, "axis") % len(layer.shape)
    result = w.empty(layer.shape, layer.element)
    offsets = [0] * len(layer.shape)
    for index in range(len(layer.op.operands)):
        x = layer.tensor(w, index)
        result = w.insert(x, result, offsets)
        offsets[axis] += x.shape[axis]
    return result


def upsample_nearest(w: Writer, layer: Layer) -> Tensor:
    """``nn.upsample_nearest``: write every pixel ``rows * columns`` times, then join the axes."""
    rows, columns = access.ints(layer.op, "factors")
    x = layer.tensor(w, 0)
    n, height, width, channels = x.shape
    shape = (n, height, rows, width, columns, channels)
    # Loops: n, h, row, w, column, c.
    source = along(6, 0, 1, 3, 5)
    out = (w.empty(shape, layer.element), along(6, *range(6)))
    result = w.generic([(x, source)], out, lambda b, e: e[0])
    return w.collapse(result, [[0], [1, 2], [3, 4], [5]])
