"""Operators that move, select or repeat elements: raw bytes, so that scales play no part."""

from collections.abc import Sequence

import numpy as np

from tinyiree.importers.call import Tensor, Unsupported, shape_of
from tinyiree.importers.tflite.call import Call, Entry
from tinyiree.importers.tflite.layout import reshape
from tinyiree.importers.tflite.types import MOVED

TYPES = MOVED

_AGAIN = "convert the model again"
_REFLECT, _SYMMETRIC = 0, 1


def transposed(call: Call, x: Tensor, permutation: Sequence[int]) -> Tensor:
    """``nn.transpose``; nothing when the order stays."""
    if list(permutation) == list(range(len(permutation))):
        return x
    shape = [shape_of(x)[axis] for axis in permutation]
    return call.emit("nn.transpose", [x], {"permutation": list(permutation)}, shape)


def sliced(
    call: Call, x: Tensor, offsets: Sequence[int], sizes: Sequence[int], strides: Sequence[int]
) -> Tensor:
    """``nn.slice``; nothing when it takes everything."""
    if tuple(sizes) == shape_of(x):
        return x
    return call.emit("nn.slice", [x], {"offsets": list(offsets), "strides": list(strides)}, sizes)


def selected(call: Call, x: Tensor, axis: int, indices: Sequence[int]) -> Tensor:
    """Elements of an axis by their indices: ``nn.slice`` where they are evenly spaced.

    Raises:
        Unsupported: an index outside of the axis.
    """
    shape = list(shape_of(x))
    extent = shape[axis]
    if not indices or min(indices) < 0 or max(indices) >= extent:
        raise Unsupported(f"indices {list(indices)} into {extent} elements", "correct the indices")
    shape[axis] = len(indices)
    step = indices[1] - indices[0] if len(indices) > 1 else 1
    if step > 0 and list(indices) == [indices[0] + step * i for i in range(len(indices))]:
        offsets, strides = [0] * len(shape), [1] * len(shape)
        offsets[axis], strides[axis] = indices[0], step
        return sliced(call, x, offsets, shape, strides)
    return call.emit("nn.gather", [x], {"axis": axis, "indices": list(indices)}, shape)


def axis_of(axis: int, rank: int) -> int:
    """An axis that may count from the end.

    Raises:
        Unsupported: there is no such axis.
    """
    if not -rank <= axis < rank:
        raise Unsupported(f"axis {axis} of a tensor of rank {rank}", _AGAIN)
    return axis % rank


def transpose(call: Call) -> Tensor:
    """TRANSPOSE by a constant permutation."""
    call.expect(TYPES, 0)
    permutation = call.integers(1, "permutation")
    rank = len(call.input(0).shape)
    permutation = [axis_of(axis, rank) for axis in permutation]
    if sorted(permutation) != list(range(rank)):
        raise Unsupported(f"permutation {permutation} of {call.input(0)}", _AGAIN)
    return transposed(call, call.value(0), permutation)


def slice_(call: Call) -> Tensor:
    """SLICE; a size of -1 takes all that is left."""
    call.expect(TYPES, 0)
    shape = call.input(0).shape
    begin, size = call.integers(1, "begin"), call.integers(2, "size")
    if not len(begin) == len(size) == len(shape):
        raise Unsupported(f"begin {begin} and size {size} of {call.input(0)}", _AGAIN)
    sizes = [n - b if s == -1 else s for n, b, s in zip(shape, begin, size, strict=True)]
    if any(b < 0 or s < 1 or b + s > n for n, b, s in zip(shape, begin, sizes, strict=True)):
        raise Unsupported(f"begin {begin} and size {size} of {call.input(0)}", _AGAIN)
    return sliced(call, call.value(0), begin, sizes, [1] * len(shape))


def strided_slice(call: Call) -> Tensor:
    """STRIDED_SLICE with all of its masks; negative strides too."""
    call.expect(TYPES, 0)
    shape = call.input(0).shape
    begin, end, strides = (
        call.integers(i, what) for i, what in ((1, "begin"), (2, "end"), (3, "strides"))
    )
    if not len(begin) == len(end) == len(strides) or 0 in strides:
        raise Unsupported(f"begin {begin}, end {end}, strides {strides}", _AGAIN)
    masks = {name: call.option(f"{name}_mask", 0) for name in _MASKS}
    if masks["ellipsis"].bit_count() > 1:
        raise Unsupported("a slice with more than one ellipsis", _AGAIN)
    given = [i for i in range(len(begin)) if not (masks["new_axis"] | masks["ellipsis"]) >> i & 1]
    if call.option("offset", 0):
        end = [a + b for a, b in zip(begin, end, strict=True)]
    x, axis = call.value(0), 0
    for i in range(len(begin)):
        if masks["ellipsis"] >> i & 1:
            axis += len(shape) - len(given)
            continue
        if masks["new_axis"] >> i & 1:
            continue
        extent = shape[axis] if axis < len(shape) else 0
        low = None if masks["begin"] >> i & 1 else begin[i]
        high = None if masks["end"] >> i & 1 else end[i]
        if masks["shrink_axis"] >> i & 1:
            at = (0 if low is None else low) + (extent if (low or 0) < 0 else 0)
            indices = [at]
        else:
            indices = list(range(extent))[low : high : strides[i]]
        x = selected(call, x, axis, indices)
        axis += 1
    if np.prod(shape_of(x)) != np.prod(call.output().shape):
        raise Unsupported(f"elements {list(shape_of(x))} for {call.output()}", _AGAIN)
    return call.reshaped(x, call.output().shape)


_MASKS = ("begin", "end", "ellipsis", "new_axis", "shrink_axis")


def split(call: Call) -> list[Tensor]:
    """SPLIT into equal parts."""
    call.expect(TYPES, 1)
    count = len(call.op.outputs)
    extents = call.input(1).shape
    axis = axis_of(call.integers(0, "axis")[0], len(extents))
    if extents[axis] % count:
        raise Unsupported(f"{call.input(1)} in {count} parts along axis {axis}", _AGAIN)
    return _parts(call, call.value(1), axis, [extents[axis] // count] * count)


def split_v(call: Call) -> list[Tensor]:
    """SPLIT_V into parts of given sizes, one of which may be -1: what is left."""
    call.expect(TYPES, 0)
    sizes = call.integers(1, "sizes")
    extents = call.input(0).shape
    axis = axis_of(call.integers(2, "axis")[0], len(extents))
    rest = extents[axis] - sum(size for size in sizes if size >= 0)
    sizes = [rest if size == -1 else size for size in sizes]
    if sum(sizes) != extents[axis] or min(sizes) < 1 or len(sizes) != len(call.op.outputs):
        raise Unsupported(f"parts of {sizes} of {call.input(0)} along axis {axis}", _AGAIN)
    return _parts(call, call.value(0), axis, sizes)


def _parts(call: Call, x: Tensor, axis: int, sizes: Sequence[int]) -> list[Tensor]:
    ends = np.cumsum(sizes).tolist()
    return [
        selected(call, x, axis, range(end - size, end))
        for size, end in zip(sizes, ends, strict=True)
    ]


def unpack(call: Call) -> list[Tensor]:
    """UNPACK: one tensor for each index of an axis, which goes."""
    call.expect(TYPES, 0)
    x, shape = call.value(0), call.input(0).shape
    axis = axis_of(call.option("axis", 0), len(shape))
    if shape[axis] != len(call.op.outputs):
        raise Unsupported(f"{call.input(0)} in {len(call.op.outputs)} parts", _AGAIN)
    rest = shape[:axis] + shape[axis + 1 :]
    return [call.reshaped(selected(call, x, axis, [i]), rest) for i in range(shape[axis])]


def pack(call: Call) -> Tensor:
    """PACK: a new axis along which the operands follow each other."""
    count = len(call.op.inputs)
    call.expect(TYPES, *range(count))
    if call.output().quantization is not None:
        call.same_quantization(call.output(), *(call.input(i) for i in range(count)))
    shape = call.output().shape
    axis = axis_of(call.option("axis", 0), len(shape))
    one = (*shape[:axis], 1, *shape[axis + 1 :])
    if shape[axis] != count or any(
        np.prod(call.input(i).shape) != np.prod(one) for i in range(count)
    ):
        raise Unsupported(f"{count} operands for {call.output()} along axis {axis}", _AGAIN)
    values = [call.reshaped(call.value(i), one) for i in range(count)]
    return values[0] if count == 1 else call.emit("nn.concat", values, {"axis": axis})


def gather(call: Call) -> Tensor:
    """GATHER by constant indices."""
    call.expect(TYPES, 0)
    if call.option("batch_dims", 0):
        raise Unsupported("batch dimensions of a gather", "gather from each part by itself")
    shape = call.input(0).shape
    axis = axis_of(call.option("axis", 0), len(shape))
    indices = call.integers(1, "indices")
    x = selected(call, call.value(0), axis, indices)
    return call.reshaped(x, shape[:axis] + call.input(1).shape + shape[axis + 1 :])


def mirror_pad(call: Call) -> Tensor:
    """MIRROR_PAD: REFLECT leaves the border itself out, SYMMETRIC repeats it."""
    call.expect(TYPES, 0)
    shape = call.input(0).shape
    amounts = np.reshape(call.integers(1, "paddings"), (-1, 2)).tolist()
    mode = call.option("mode", _REFLECT)
    if mode not in (_REFLECT, _SYMMETRIC) or len(amounts) != len(shape):
        raise Unsupported(f"paddings {amounts} of {call.input(0)}, mode {mode}", _AGAIN)
    x: Tensor = call.value(0)
    for axis, (low, high) in enumerate(amounts):
        extent = shape[axis]
        if not 0 <= min(low, high) <= max(low, high) <= extent - (mode == _REFLECT):
            raise Unsupported(f"paddings {amounts} of {call.input(0)}", "pad less")
        if low or high:
            # Element 0 or, where the border repeats, what stands before it, is the mirror.
            turn = 2 * extent - (2 if mode == _REFLECT else 0) or 1
            around = [i % turn for i in range(-low, extent + high)]
            last = turn if mode == _REFLECT else turn - 1
            x = selected(call, x, axis, [min(i, last - i) for i in around])
    return x


ENTRIES: dict[str, Entry] = {
    "TRANSPOSE": Entry(transpose, ("nn.transpose",), TYPES, version=6),
    "SLICE": Entry(slice_, ("nn.slice",), TYPES, version=6),
    "STRIDED_SLICE": Entry(
        strided_slice, ("nn.slice", "nn.gather", "nn.reshape"), TYPES, version=8
    ),
    "SPLIT": Entry(split, ("nn.slice",), TYPES, version=4),
    "SPLIT_V": Entry(split_v, ("nn.slice",), TYPES, version=2),
    "PACK": Entry(pack, ("nn.reshape", "nn.concat"), TYPES, version=4),
    "UNPACK": Entry(unpack, ("nn.slice", "nn.reshape"), TYPES, version=4),
    "GATHER": Entry(gather, ("nn.gather", "nn.slice", "nn.reshape"), TYPES, version=7),
    "MIRROR_PAD": Entry(mirror_pad, ("nn.gather",), TYPES, version=3),
    "SQUEEZE": Entry(reshape, ("nn.reshape",), TYPES, version=2),
    "EXPAND_DIMS": Entry(reshape, ("nn.reshape",), TYPES, version=2),
}
