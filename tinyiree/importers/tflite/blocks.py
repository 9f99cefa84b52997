"""Rearranging blocks of an image: space to depth and to batch and back; resizing."""

from collections.abc import Sequence

import numpy as np

from tinyiree.importers.call import Tensor, Unsupported, shape_of
from tinyiree.importers.tflite.call import Call, Entry
from tinyiree.importers.tflite.movement import TYPES, selected, sliced, transposed
from tinyiree.ir.interpret_tflite_ops import INTERPOLATION_BITS

_AGAIN = "convert the model again"


def _image(call: Call) -> tuple[int, ...]:
    shape = call.input(0).shape
    if len(shape) != 4:
        raise Unsupported(f"data of shape {list(shape)}", "give it rank 4: [N, H, W, C]")
    return shape


def _block(call: Call) -> int:
    size = call.option("block_size")
    if size < 1:
        raise Unsupported(f"a block size of {size}", _AGAIN)
    return size


def _rearranged(call: Call, x: Tensor, split: Sequence[int], order: Sequence[int]) -> Tensor:
    """Axes split, put in another order, and joined to the shape of the output."""
    x = _split(call, x, split)
    if np.prod(split) != np.prod(call.output().shape):
        raise Unsupported(f"the output {call.output()} for {call.input(0)}", _AGAIN)
    return call.reshaped(transposed(call, x, order), call.output().shape)


def _split(call: Call, x: Tensor, split: Sequence[int]) -> Tensor:
    if np.prod(shape_of(x)) != np.prod(split):
        raise Unsupported(f"blocks {list(split)} of {call.input(0)}", "use sizes that divide it")
    return call.reshaped(x, split)


def space_to_depth(call: Call) -> Tensor:
    """SPACE_TO_DEPTH."""
    call.expect(TYPES, 0)
    n, h, w, c = _image(call)
    size = _block(call)
    split = (n, h // size, size, w // size, size, c)
    return _rearranged(call, call.value(0), split, (0, 1, 3, 2, 4, 5))


def depth_to_space(call: Call) -> Tensor:
    """DEPTH_TO_SPACE."""
    call.expect(TYPES, 0)
    n, h, w, c = _image(call)
    size = _block(call)
    split = (n, h, w, size, size, c // size**2)
    return _rearranged(call, call.value(0), split, (0, 1, 3, 2, 4, 5))


def _blocks(call: Call, what: str) -> tuple[list[int], list[list[int]]]:
    """Block shape and paddings or crops, for each axis between the first and the last."""
    sizes = call.integers(1, "block shape")
    amounts = np.reshape(call.integers(2, what), (-1, 2)).tolist()
    flat = [v for pair in amounts for v in pair]
    fits = len(sizes) == len(amounts) < len(call.input(0).shape)
    if not fits or min(sizes) < 1 or min(flat) < 0:
        raise Unsupported(f"block shape {sizes} and {what} {amounts} of {call.input(0)}", _AGAIN)
    return sizes, amounts


def space_to_batch(call: Call) -> Tensor:
    """SPACE_TO_BATCH_ND: padded with the real number 0; blocks go to the front of the batch."""
    call.expect(TYPES, 0)
    sizes, amounts = _blocks(call, "paddings")
    value = call.zero(call.output())
    rest = len(call.input(0).shape) - 1 - len(sizes)
    low, high = ([0, *(pair[i] for pair in amounts), *[0] * rest] for i in (0, 1))
    x: Tensor = call.value(0)
    shape = [a + n + b for a, n, b in zip(low, call.input(0).shape, high, strict=True)]
    if any(low + high):
        x = call.emit("nn.pad", [x], {"low": low, "high": high, "value": value}, shape)
    axes = len(sizes)
    inner = [v for n, size in zip(shape[1:], sizes, strict=False) for v in (n // size, size)]
    split = [shape[0], *inner, *shape[1 + axes :]]
    counts, blocks = range(1, 2 * axes, 2), range(2, 2 * axes + 1, 2)
    order = [*blocks, 0, *counts, *range(2 * axes + 1, len(split))]
    return _rearranged(call, x, split, order)


def batch_to_space(call: Call) -> Tensor:
    """BATCH_TO_SPACE_ND: the inverse, and then crops."""
    call.expect(TYPES, 0)
    sizes, amounts = _blocks(call, "crops")
    shape, axes = call.input(0).shape, len(sizes)
    split = [*sizes, shape[0] // int(np.prod(sizes)), *shape[1:]]
    order = [axes]
    for i in range(axes):
        order += [axes + 1 + i, i]
    order += range(2 * axes + 1, len(split))
    x = transposed(call, _split(call, call.value(0), split), order)
    whole = [split[axes], *(n * s for n, s in zip(shape[1:], sizes, strict=False))]
    x = call.reshaped(x, [*whole, *shape[1 + axes :]])
    rest = [0] * (len(shape) - 1 - axes)
    low, high = ([0, *(pair[i] for pair in amounts), *rest] for i in (0, 1))
    kept = [n - a - b for a, n, b in zip(low, shape_of(x), high, strict=True)]
    if tuple(kept) != call.output().shape:
        raise Unsupported(f"the output {call.output()}, expected the shape {kept}", _AGAIN)
    return sliced(call, x, low, kept, [1] * len(shape))


def _resizing(call: Call) -> tuple[bool, bool]:
    """Whether corners are aligned and pixel centers at a half; checks the shapes."""
    shape, output = _image(call), call.output().shape
    if len(output) != 4 or (output[0], output[3]) != (shape[0], shape[3]):
        raise Unsupported(f"an output {call.output()} for {call.input(0)}", _AGAIN)
    return bool(call.option("align_corners", 0)), bool(call.option("half_pixel_centers", 0))


def resize_nearest(call: Call) -> Tensor:
    """RESIZE_NEAREST_NEIGHBOR: ``nn.upsample_nearest`` for integer factors, else a selection."""
    call.expect(TYPES, 0)
    align, half_pixel = _resizing(call)
    shape, output = call.input(0).shape, call.output().shape
    indices = {axis: _nearest(shape[axis], output[axis], align, half_pixel) for axis in (1, 2)}
    factors = [output[axis] // shape[axis] for axis in (1, 2)]
    x = call.value(0)
    if all(
        indices[axis] == [i // factor for i in range(shape[axis] * factor)]
        for axis, factor in zip((1, 2), factors, strict=True)
    ):
        if factors == [1, 1]:
            return x
        return call.emit("nn.upsample_nearest", [x], {"factors": factors})
    return selected(call, selected(call, x, 1, indices[1]), 2, indices[2])


def _nearest(size: int, output: int, align: bool, half_pixel: bool) -> list[int]:
    """Where each output element is taken from, in the float32 arithmetic of the kernel."""
    one = np.float32(1)
    scale = np.float32(size) / np.float32(output)
    if align and output > 1:
        scale = np.float32(size - 1) / np.float32(output - 1)
    offset = np.float32(0.5) if half_pixel else 0 * one
    place = (np.arange(output, dtype=np.float32) + offset) * scale
    # None is negative: adding a half and truncating rounds halves up.
    whole = np.floor(place.astype(np.float64) + 0.5) if align else np.floor(place)
    return [int(v) for v in np.clip(whole, 0, size - 1)]


def resize_bilinear(call: Call) -> Tensor:
    """RESIZE_BILINEAR; int8 has weights of 10 bits and rounds once, halves away from zero."""
    dtype = call.expect(("int8", "float32"), 0)
    align, half_pixel = _resizing(call)
    shape, output = call.input(0).shape, call.output().shape
    if dtype == "int8":
        attributes: dict[str, list[int]] = {}
        for axis, name in ((1, "row"), (2, "column")):
            low, high, weights = _bilinear(shape[axis], output[axis], align, half_pixel)
            attributes |= {
                f"{name}_low": low, f"{name}_high": high, f"{name}_weights": weights,
            }  # fmt: skip
        return call.emit("qnn.tflite_resize_bilinear", [call.value(0)], attributes)
    x: Tensor = call.value(0)
    for axis in (1, 2):
        x = _interpolated(call, x, axis, output[axis], align, half_pixel)
    return x


def _bilinear(
    size: int, output: int, align: bool, half_pixel: bool
) -> tuple[list[int], list[int], list[int]]:
    """The two neighbours of each output element and the weight of the second, in 1/1024."""
    one = 1 << INTERPOLATION_BITS
    scale = (one * size + output // 2) // output
    if align and output > 1:
        scale = (one * (size - 1) + (output - 1) // 2) // (output - 1)
    place = np.arange(output) * scale
    if half_pixel:
        place = place + scale // 2 - one // 2
    low = np.clip(place // one, 0, size - 1)
    high = np.clip(-(-place // one), 0, size - 1)
    return low.tolist(), high.tolist(), (place - low * one).tolist()


def _interpolated(
    call: Call, x: Tensor, axis: int, output: int, align: bool, half_pixel: bool
) -> Tensor:
    """One axis of float32 data: two selections, weighted."""
    shape = list(shape_of(x))
    size = shape[axis]
    scale = np.float32(size) / np.float32(output)
    if align and output > 1:
        scale = np.float32(size - 1) / np.float32(output - 1)
    place = np.arange(output, dtype=np.float32) * scale
    if half_pixel:
        place = (np.arange(output, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    low = np.maximum(np.floor(place), 0).astype(np.int64)
    high = np.clip(np.ceil(place), 0, size - 1).astype(np.int64)
    low = np.minimum(low, size - 1)
    weight = (place - low).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(4)])
    first = selected(call, x, axis, low.tolist())
    if not weight.any():
        return first
    second = selected(call, x, axis, high.tolist())
    shape[axis] = output
    parts = [
        call.emit("nn.mul", [part, factor], {}, shape)
        for part, factor in ((first, 1 - weight), (second, weight))
    ]
    return call.emit("nn.add", parts, {}, shape)


_BLOCKS = ("nn.reshape", "nn.transpose")

ENTRIES: dict[str, Entry] = {
    "SPACE_TO_DEPTH": Entry(space_to_depth, _BLOCKS, TYPES, version=2),
    "DEPTH_TO_SPACE": Entry(depth_to_space, _BLOCKS, TYPES, version=2),
    "SPACE_TO_BATCH_ND": Entry(space_to_batch, ("nn.pad", *_BLOCKS), TYPES, version=4),
    "BATCH_TO_SPACE_ND": Entry(batch_to_space, (*_BLOCKS, "nn.slice"), TYPES, version=4),
    "RESIZE_NEAREST_NEIGHBOR": Entry(
        resize_nearest, ("nn.upsample_nearest", "nn.gather", "nn.slice"), TYPES, version=4
    ),
    "RESIZE_BILINEAR": Entry(
        resize_bilinear,
        ("qnn.tflite_resize_bilinear", "nn.gather", "nn.slice", "nn.mul", "nn.add"),
        ("int8", "float32"),
        4,
    ),
}
