"""Ops that move elements: transpose, pad, slice, concat, gather, nearest upsampling."""

import numpy as np

from tinyiree.ir import access
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.text import Scalar, Tensor, Writer, along


def transpose(w: Writer, layer: Layer) -> Tensor:
    """``nn.transpose``."""
    permutation = access.ints(layer.op, "permutation")
    rank = len(permutation)
    source = along(rank, *(permutation.index(axis) for axis in range(rank)))
    out = (w.empty(layer.shape, layer.element), along(rank, *range(rank)))
    return w.generic([(layer.tensor(w, 0), source)], out, lambda b, e: e[0])


def pad(w: Writer, layer: Layer) -> Tensor:
    """``nn.pad``: a loop over the result that reads where there is something to read.

    IREE cannot vectorize a ``tensor.pad`` that stands alone in a dispatch.
    """
    low, high = access.ints(layer.op, "low"), access.ints(layer.op, "high")
    value = access.number(layer.op, "value")
    x, rank = layer.tensor(w, 0), len(layer.shape)

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        loops = [b.loop_index(axis) for axis in range(rank)]
        inside: Scalar | None = None
        where = list(loops)
        for axis, loop in enumerate(loops):
            if low[axis]:
                inside = b.both(inside, b.compare("sge", loop, low[axis]))
                where[axis] = b.affine(f"d0 - {low[axis]}", loop)
            if high[axis]:
                inside = b.both(inside, b.compare("slt", loop, low[axis] + x.shape[axis]))
        if inside is None:
            return b.extract(x, *where)
        return b.branch(
            inside,
            lambda: b.extract(x, *where),
            lambda: b.number(value, layer.element),
            layer.element,
        )

    out = (w.empty(layer.shape, layer.element), along(rank, *range(rank)))
    return w.generic([], out, body)


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


def gather(w: Writer, layer: Layer) -> Tensor:
    """``nn.gather``: a loop over the result that reads at an index from a table."""
    axis = access.integer(layer.op, "axis") % len(layer.shape)
    table = w.constant(np.array(access.ints(layer.op, "indices"), np.int32))
    x, rank = layer.tensor(w, 0), len(layer.shape)

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        where = [b.loop_index(i) for i in range(rank)]
        where[axis] = b.cast("index_cast", e[0], "index")
        return b.extract(x, *where)

    out = (w.empty(layer.shape, layer.element), along(rank, *range(rank)))
    return w.generic([(table, along(rank, axis))], out, body)


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
