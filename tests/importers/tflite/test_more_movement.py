"""Operators that move elements, with random shapes and options: LiteRT's bytes."""

from functools import partial

import numpy as np
import pytest
from builder import ModelBuilder, Options
from cases import Case, Make, Rng, check, compare, data_for, import_bytes, scale, zero_point
from litert import Reference

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.iree.host import compile_host

SEEDS = 30


def tensor(b: ModelBuilder, rng: Rng, shape: tuple[int, ...], dtype: str, name: str = "x") -> int:
    if dtype == "float32":
        return b.tensor(name, shape, dtype)
    return b.tensor(name, shape, scale=scale(rng), zero_point=zero_point(rng))


def like(b: ModelBuilder, x: int, shape: tuple[int, ...], name: str = "y") -> int:
    found = b._tensors[x]
    zero_points = found.zero_points or 0
    return b.tensor(name, shape, found.dtype, scale=found.scales or None, zero_point=zero_points)


def int32(b: ModelBuilder, name: str, values: object) -> int:
    return b.constant(name, np.asarray(values, np.int32))


def some_shape(rng: Rng, low: int = 1, high: int = 5) -> tuple[int, ...]:
    return tuple(int(rng.integers(1, 7)) for _ in range(int(rng.integers(low, high))))


def transpose(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    shape = some_shape(rng)
    permutation = rng.permutation(len(shape))
    x = tensor(b, rng, shape, dtype)
    y = like(b, x, tuple(shape[i] for i in permutation))
    b.op("TRANSPOSE", [x, int32(b, "p", permutation)], [y], ("TransposeOptions", {}), version=2)
    return Case([x], [y])


def slice_(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    shape = some_shape(rng)
    begin = [int(rng.integers(n)) for n in shape]
    size = [int(rng.integers(1, n - i + 1)) for n, i in zip(shape, begin, strict=True)]
    x = tensor(b, rng, shape, dtype)
    y = like(b, x, tuple(size))
    given = [-1 if i + s == n else s for n, i, s in zip(shape, begin, size, strict=True)]
    b.op(
        "SLICE", [x, int32(b, "b", begin), int32(b, "s", given)], [y], ("SliceOptions", {}),
        version=2,
    )  # fmt: skip
    return Case([x], [y])


def strided_slice(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    while True:
        shape = some_shape(rng)
        rank = len(shape)
        strides = [int(rng.choice([1, 1, 2, 3, -1, -2])) for _ in shape]
        begin = [int(rng.integers(-n, n)) for n in shape]
        end = [int(rng.integers(-n - 1, n + 2)) for n in shape]
        masks = {
            name: sum(int(rng.integers(3) == 0) << i for i in range(rank))
            for name in ("begin", "end", "shrink_axis")
        }
        key: list[object] = []
        for i in range(rank):
            if masks["shrink_axis"] >> i & 1:
                strides[i], masks["begin"] = 1, masks["begin"] & ~(1 << i)
                key.append(begin[i])
            else:
                low = None if masks["begin"] >> i & 1 else begin[i]
                high = None if masks["end"] >> i & 1 else end[i]
                key.append(slice(low, high, strides[i]))
        result = np.empty(shape)[tuple(key)]
        if result.size and result.ndim:
            break
    x = tensor(b, rng, shape, dtype)
    y = like(b, x, result.shape)
    operands = [x, *(int32(b, n, v) for n, v in (("b", begin), ("e", end), ("s", strides)))]
    options = {f"{name}_mask": mask for name, mask in masks.items()}
    b.op("STRIDED_SLICE", operands, [y], ("StridedSliceOptions", options), version=2)
    return Case([x], [y])


def new_axis_slice(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    """``x[..., newaxis, i:]``: masks that the random slices leave out."""
    shape = (2, 3, int(rng.integers(2, 6)))
    start = int(rng.integers(shape[2]))
    x = tensor(b, rng, shape, dtype)
    y = like(b, x, (2, 3, 1, shape[2] - start))
    operands = [x, *(int32(b, n, v) for n, v in (("b", [0, 0, start]), ("e", [0] * 3)))]
    options = {"ellipsis_mask": 1, "new_axis_mask": 2, "end_mask": 4}
    b.op(
        "STRIDED_SLICE", [*operands, int32(b, "s", [1] * 3)], [y],
        ("StridedSliceOptions", options), version=2,
    )  # fmt: skip
    return Case([x], [y])


def split(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    shape = list(some_shape(rng))
    axis, count = int(rng.integers(-len(shape), len(shape))), int(rng.integers(1, 4))
    part = shape[axis]
    shape[axis] *= count
    x = tensor(b, rng, tuple(shape), dtype)
    shape[axis] = part
    ys = [like(b, x, tuple(shape), f"y{i}") for i in range(count)]
    b.op("SPLIT", [int32(b, "a", axis), x], ys, ("SplitOptions", {"num_splits": count}), version=2)
    return Case([x], ys)


def split_v(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    shape = list(some_shape(rng))
    axis, count = int(rng.integers(-len(shape), len(shape))), int(rng.integers(1, 4))
    sizes = [int(rng.integers(1, 5)) for _ in range(count)]
    shape[axis] = sum(sizes)
    x = tensor(b, rng, tuple(shape), dtype)
    ys = []
    for i, size in enumerate(sizes):
        shape[axis] = size
        ys.append(like(b, x, tuple(shape), f"y{i}"))
    if rng.integers(2):
        sizes[int(rng.integers(count))] = -1
    operands = [x, int32(b, "s", sizes), int32(b, "a", axis)]
    b.op("SPLIT_V", operands, ys, ("SplitVOptions", {"num_splits": count}), version=2)
    return Case([x], ys)


def pack(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    shape, count = some_shape(rng, 1, 4), int(rng.integers(1, 4))
    axis = int(rng.integers(-len(shape) - 1, len(shape) + 1))
    first = tensor(b, rng, shape, dtype, "x0")
    xs = [first, *(like(b, first, shape, f"x{i}") for i in range(1, count))]
    y = like(b, first, np.stack([np.empty(shape)] * count, axis).shape)
    options: Options = ("PackOptions", {"values_count": count, "axis": axis})
    b.op("PACK", xs, [y], options, version=2)
    return Case(xs, [y])


def unpack(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    shape = some_shape(rng, 2)
    axis = int(rng.integers(-len(shape), len(shape)))
    rest = np.delete(shape, axis)
    x = tensor(b, rng, shape, dtype)
    ys = [like(b, x, tuple(int(n) for n in rest), f"y{i}") for i in range(shape[axis])]
    b.op("UNPACK", [x], ys, ("UnpackOptions", {"num": len(ys), "axis": axis}), version=2)
    return Case([x], ys)


def gather(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    shape = some_shape(rng)
    axis = int(rng.integers(-len(shape), len(shape)))
    indices = rng.integers(shape[axis], size=some_shape(rng, 1, 3))
    x = tensor(b, rng, shape, dtype)
    y = like(b, x, np.take(np.empty(shape), indices, axis).shape)
    b.op("GATHER", [x, int32(b, "i", indices)], [y], ("GatherOptions", {"axis": axis}), version=2)
    return Case([x], [y])


def mirror_pad(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    shape, mode = some_shape(rng), int(rng.integers(2))
    most = [n - (mode == 0) for n in shape]
    amounts = np.array([[int(rng.integers(m + 1)) for _ in range(2)] for m in most])
    x = tensor(b, rng, shape, dtype)
    y = like(b, x, tuple(int(v) for v in np.array(shape) + amounts.sum(1)))
    operands = [x, int32(b, "p", amounts)]
    b.op("MIRROR_PAD", operands, [y], ("MirrorPadOptions", {"mode": mode}), version=2)
    return Case([x], [y])


def squeeze(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    x = tensor(b, rng, (1, 3, 1, 4), dtype)
    y, z = like(b, x, (3, 4), "y"), like(b, x, (3, 1, 4), "z")
    b.op("SQUEEZE", [x], [y], ("SqueezeOptions", {"squeeze_dims": [0, 2]}))
    b.op("EXPAND_DIMS", [y, int32(b, "a", 1)], [z], ("ExpandDimsOptions", {}))
    return Case([x], [z])


def depth(b: ModelBuilder, rng: Rng, dtype: str, name: str) -> Case:
    n, h, w, c = (int(rng.integers(1, 4)) for _ in range(4))
    size = int(rng.integers(1, 4))
    flat, deep = (n, h * size, w * size, c), (n, h, w, c * size * size)
    x = tensor(b, rng, flat if name == "SPACE_TO_DEPTH" else deep, dtype)
    y = like(b, x, deep if name == "SPACE_TO_DEPTH" else flat)
    table = "".join(part.capitalize() for part in name.split("_")) + "Options"
    b.op(name, [x], [y], (table, {"block_size": size}), version=2 if "SPACE_TO" in name[:8] else 1)
    return Case([x], [y])


def batch(b: ModelBuilder, rng: Rng, dtype: str, name: str) -> Case:
    axes = int(rng.integers(1, 3))
    sizes = rng.integers(1, 4, axes)
    amounts = rng.integers(0, 2, (axes, 2))
    n, c = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    counts = rng.integers(2, 4, axes)
    flat = [int(v) for v in counts * sizes - amounts.sum(1)]
    if min(flat) < 1:
        amounts, flat = amounts * 0, [int(v) for v in counts * sizes]
    space = (n, *flat, c)
    blocks = (n * int(np.prod(sizes)), *(int(v) for v in counts), c)
    to_batch = name == "SPACE_TO_BATCH_ND"
    x = tensor(b, rng, space if to_batch else blocks, dtype)
    y = like(b, x, blocks if to_batch else space)
    operands = [x, int32(b, "sizes", sizes), int32(b, "amounts", amounts)]
    table = "SpaceToBatchNDOptions" if to_batch else "BatchToSpaceNDOptions"
    b.op(name, operands, [y], (table, {}), version=2)
    return Case([x], [y])


def resize(b: ModelBuilder, rng: Rng, dtype: str, name: str) -> Case:
    n, h, w, c = (int(rng.integers(1, 7)) for _ in range(4))
    size = (int(rng.integers(1, 14)), int(rng.integers(1, 14)))
    if rng.integers(3) == 0:
        size = (h * int(rng.integers(1, 4)), w * int(rng.integers(1, 4)))
    align = bool(rng.integers(2))
    half = bool(rng.integers(2)) and not align
    x = tensor(b, rng, (n, h, w, c), dtype)
    y = like(b, x, (n, *size, c))
    options = {"align_corners": align, "half_pixel_centers": half}
    table = "ResizeBilinearOptions" if name == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
    b.op(name, [x, int32(b, "size", size)], [y], (table, options), version=3)
    return Case([x], [y])


def dilated(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    """A dilated convolution as old converters write it: to batch, convolution, to space."""
    rate, h, w, c, o = 2, 6, 8, 3, 4
    x = tensor(b, rng, (1, h, w, c), dtype)
    t = like(b, x, (4, (h + 4) // rate, (w + 4) // rate, c), "t")
    u_shape = (4, (h + 4) // rate - 2, (w + 4) // rate - 2, o)
    if dtype == "float32":
        weights = b.constant("w", rng.normal(size=(o, 3, 3, c)).astype(np.float32))
        bias = b.constant("bias", rng.normal(size=o).astype(np.float32))
    else:
        values = rng.integers(-127, 128, (o, 3, 3, c)).astype(np.int8)
        weights = b.constant("w", values, scale=0.01)
        zeros = rng.integers(-900, 900, o).astype(np.int32)
        bias = b.constant("bias", zeros, scale=float(np.float32(b._tensors[x].scales[0] * 0.01)))
    u = tensor(b, rng, u_shape, dtype, "u")
    y = like(b, u, (1, h, w, o))
    block, paddings = int32(b, "block", [rate] * 2), int32(b, "paddings", [[2, 2]] * 2)
    b.op("SPACE_TO_BATCH_ND", [x, block, paddings], [t], ("SpaceToBatchNDOptions", {}), version=2)
    options = {"padding": 1, "stride_h": 1, "stride_w": 1}
    b.op("CONV_2D", [t, weights, bias], [u], ("Conv2DOptions", options), version=3)
    crops = int32(b, "crops", [[0, 0]] * 2)
    b.op("BATCH_TO_SPACE_ND", [u, block, crops], [y], ("BatchToSpaceNDOptions", {}), version=2)
    return Case([x], [y])


CASES = {
    "transpose": transpose,
    "slice": slice_,
    "strided_slice": strided_slice,
    "new_axis_slice": new_axis_slice,
    "split": split,
    "split_v": split_v,
    "pack": pack,
    "unpack": unpack,
    "gather": gather,
    "mirror_pad": mirror_pad,
    "squeeze": squeeze,
    "space_to_depth": partial(depth, name="SPACE_TO_DEPTH"),
    "depth_to_space": partial(depth, name="DEPTH_TO_SPACE"),
    "space_to_batch": partial(batch, name="SPACE_TO_BATCH_ND"),
    "batch_to_space": partial(batch, name="BATCH_TO_SPACE_ND"),
    "resize_nearest": partial(resize, name="RESIZE_NEAREST_NEIGHBOR"),
    "resize_bilinear": partial(resize, name="RESIZE_BILINEAR"),
    "dilated": dilated,
}


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_equals_litert(name: str, dtype: str) -> None:
    make: Make = partial(CASES[name], dtype=dtype)
    samples = 3 if name in ("resize_bilinear", "dilated") else 1
    check(make, range(SEEDS), samples)


def test_compiled_by_iree() -> None:
    """One of each and type in one model, through the lowering and IREE for the host."""
    rng = np.random.default_rng(7)
    b = ModelBuilder()
    inputs: list[int] = []
    outputs: list[int] = []
    for dtype in ("int8", "float32"):
        for make in CASES.values():
            case = make(b, rng, dtype)
            inputs += case.inputs
            outputs += case.outputs
    model = b.finish(inputs, outputs)
    module, reference = import_bytes(model), Reference(model)
    with module.context:
        program = compile_host(module)
    for _ in range(2):
        data = data_for(model, rng)
        for number, (found, wanted) in enumerate(zip(program(data), reference(data), strict=True)):
            compare(found, wanted, f"output {number}")


def test_a_whole_factor_is_an_upsampling() -> None:
    b = ModelBuilder()
    x, y = b.tensor("x", (1, 3, 3, 2), "float32"), b.tensor("y", (1, 6, 9, 2), "float32")
    options = ("ResizeNearestNeighborOptions", {"half_pixel_centers": True})
    b.op("RESIZE_NEAREST_NEIGHBOR", [x, int32(b, "s", [6, 9])], [y], options, version=3)
    module = import_bytes(b.finish([x], [y]))
    assert [op.name for op in access.operations(module)] == ["nn.upsample_nearest", "func.return"]


def test_computed_indices_are_refused() -> None:
    b = ModelBuilder()
    x, y = b.tensor("x", (4,), "float32"), b.tensor("y", (2,), "float32")
    i = b.tensor("i", (2,), "float32")
    b.op("GATHER", [x, i], [y], ("GatherOptions", {}))
    with pytest.raises(TinyireeError, match="make the indices a constant of the model"):
        import_bytes(b.finish([x, i], [y]))


def test_indices_outside_are_refused() -> None:
    b = ModelBuilder()
    x, y = b.tensor("x", (4,), "float32"), b.tensor("y", (2,), "float32")
    b.op("GATHER", [x, int32(b, "i", [1, 4])], [y], ("GatherOptions", {}))
    with pytest.raises(TinyireeError, match="into 4 elements"):
        import_bytes(b.finish([x], [y]))


def test_sizes_that_do_not_divide_are_refused() -> None:
    b = ModelBuilder()
    x, y = b.tensor("x", (1, 3, 4, 1), "float32"), b.tensor("y", (1, 1, 2, 4), "float32")
    b.op("SPACE_TO_DEPTH", [x], [y], ("SpaceToDepthOptions", {"block_size": 2}))
    with pytest.raises(TinyireeError, match="use sizes that divide it"):
        import_bytes(b.finish([x], [y]))
