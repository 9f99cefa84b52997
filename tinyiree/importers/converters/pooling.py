"""Pooling, global and adaptive pooling, mean, argmax."""

from dataclasses import dataclass

from iree.compiler import ir

from tinyiree.importers import emit
from tinyiree.importers.call import Call, Entry, Result, Tensor, Unsupported, materialize, shape_of
from tinyiree.ir import access, build


@dataclass(frozen=True)
class _Window:
    """A pooling window over H and W; ``extra`` is what ceil_mode adds at the bottom and right."""

    kernel: list[int]
    strides: list[int]
    padding: list[int]
    dilations: list[int]
    extra: list[int]
    extent: list[int]

    @property
    def all_padding(self) -> list[int]:
        """top, left, bottom, right."""
        after = [p + e for p, e in zip(self.padding, self.extra, strict=True)]
        return [*self.padding, *after]


def _window(
    size: tuple[int, int],
    kernel: list[int],
    strides: list[int],
    padding: list[int],
    dilations: list[int],
    ceil_mode: bool,
) -> _Window:
    """Shapes by torch's rule: with ceil_mode a window may hang over, but must start inside."""
    kernel, strides, padding, dilations = (
        [neutral] * (2 - len(values)) + values
        for values, neutral in ((kernel, 1), (strides or kernel, 1), (padding, 0), (dilations, 1))
    )
    extra, extent = [], []
    for n, k, s, p, d in zip(size, kernel, strides, padding, dilations, strict=True):
        span = n + 2 * p - d * (k - 1) - 1
        count = span // s + 1
        if ceil_mode and span % s and count * s < n + p:
            count += 1
        extent.append(count)
        extra.append(max(0, (count - 1) * s - span))
    return _Window(kernel, strides, padding, dilations, extra, extent)


def _max_pool(call: Call) -> Tensor:
    """aten.max_pool1d / max_pool2d(x, kernel, stride, padding, dilation, ceil_mode)."""
    spatial = 1 if "pool1d" in call.name else 2
    x, like = emit.to_images(call.raw(0), spatial)
    n, height, width, channels = access.shape(x)
    window = _window(
        (height, width),
        call.integers(1, spatial),
        call.integers(2, spatial),
        call.integers(3, spatial),
        call.integers(4, spatial),
        call.boolean(5),
    )
    y = build.op(
        "nn.max_pool2d",
        [x],
        (n, *window.extent, channels),
        access.element_type(x),
        kernel=window.kernel,
        strides=window.strides,
        padding=window.all_padding,
        dilations=window.dilations,
    )
    return emit.from_images(y, spatial, like)


def _max_pool_with_indices(call: Call) -> Result:
    """The same; the indices are not computed, and using them is refused later."""
    return [_max_pool(call)]


def _avg_pool(call: Call) -> Result:
    """aten.avg_pool1d / 2d(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor)."""
    spatial = 1 if "pool1d" in call.name else 2
    x, like = emit.to_images(call.raw(0), spatial)
    _, height, width, _ = access.shape(x)
    window = _window(
        (height, width),
        call.integers(1, spatial),
        call.integers(2, spatial),
        call.integers(3, spatial),
        [],
        call.boolean(4),
    )
    padding, include = window.all_padding, call.boolean(5, True)
    factor = 1.0
    if call.given(6):
        divisor = call.integer(6)
        include, factor = True, window.kernel[0] * window.kernel[1] / divisor
    elif include and any(window.extra):
        # torch counts the padding but not what ceil_mode adds: pad first, then count real elements.
        if any(window.padding):
            top, left = window.padding
            x = emit.pad(x, [0, top, left, 0], [0, top, left, 0], 0.0)
        padding, include = [0, 0, *window.extra], False
    y = _average(x, window, padding, include or not any(padding))
    if factor != 1.0:
        y = emit.binary("nn.mul", y, emit.scalar(factor))
    return emit.from_images(y, spatial, like)


def _average(x: ir.Value, window: _Window, padding: list[int], include: bool) -> ir.Value:
    n, _, _, channels = access.shape(x)
    return build.op(
        "nn.avg_pool2d",
        [x],
        (n, *window.extent, channels),
        "f32",
        kernel=window.kernel,
        strides=window.strides,
        padding=padding,
        count_include_pad=include,
    )


def _adaptive_avg_pool(call: Call) -> Result:
    """aten.adaptive_avg_pool1d / 2d(x, output_size)."""
    spatial = 1 if "pool1d" in call.name else 2
    x, like = emit.to_images(call.raw(0), spatial)
    size = access.shape(x)[1:3]
    wanted = [1] * (2 - spatial) + call.integers(1, spatial)
    if wanted == [1, 1]:
        y: ir.Value = emit.mean(x, [1, 2], keep=True)
    elif all(n % out == 0 for n, out in zip(size, wanted, strict=True)):
        kernel = [n // out for n, out in zip(size, wanted, strict=True)]
        y = _average(x, _Window(kernel, kernel, [0, 0], [1, 1], [0, 0], wanted), [0] * 4, True)
    else:
        # A window is a range of rows times a range of columns: first one, then the other.
        y = _uneven_mean(_uneven_mean(x, 1, wanted[0]), 2, wanted[1])
    return emit.from_images(y, spatial, like)


def _uneven_mean(x: ir.Value, index: int, count: int) -> ir.Value:
    """Output i is the mean of [floor(i*n/count), ceil((i+1)*n/count)) along an axis."""
    n = access.shape(x)[index]
    if n == count:
        return x
    parts = [
        materialize(emit.slice_axis(x, index, i * n // count, -(-(i + 1) * n // count)))
        for i in range(count)
    ]
    return emit.concat([emit.mean(part, [index], keep=True) for part in parts], index)


def _adaptive_max_pool(call: Call) -> Result:
    """aten.adaptive_max_pool1d / 2d(x, output_size) -> values, indices."""
    spatial = 1 if "pool1d" in call.name else 2
    x, like = emit.to_images(call.raw(0), spatial)
    n, height, width, channels = access.shape(x)
    wanted = [1] * (2 - spatial) + call.integers(1, spatial)
    if height % wanted[0] or width % wanted[1]:
        raise Unsupported(
            f"an adaptive max pool of {height}x{width} to {wanted[0]}x{wanted[1]}",
            "choose an output size that divides the input size",
        )
    kernel = [height // wanted[0], width // wanted[1]]
    y = build.op(
        "nn.max_pool2d",
        [x],
        (n, *wanted, channels),
        "f32",
        kernel=kernel,
        strides=kernel,
        padding=[0] * 4,
        dilations=[1, 1],
    )
    return [emit.from_images(y, spatial, like)]


def _mean(call: Call) -> Result:
    """aten.mean.dim(x, dims, keepdim, dtype) and aten.mean(x, dtype)."""
    x = call.tensor(0)
    rank = len(access.shape(x))
    listed = call.integers(1) if call.name == "aten.mean.dim" else []
    axes = sorted(emit.axis(i, rank) for i in listed) or list(range(rank))
    return emit.mean(x, axes, keep=call.name == "aten.mean.dim" and call.boolean(2))


def _argmax(call: Call) -> Result:
    """aten.argmax(x, dim, keepdim): int64 in torch, int32 here."""
    x: Tensor = call.tensor(0)
    if call.given(1):
        index = emit.axis(call.integer(1), len(shape_of(x)))
    else:
        x, index = emit.reshape(x, (-1,) if not isinstance(x, ir.Value) else (_size(x),)), 0
    return build.op("nn.argmax", [materialize(x)], call.shape, "i32", axis=index)


def _size(x: Tensor) -> int:
    size = 1
    for extent in shape_of(x):
        size *= extent
    return size


_MAX, _AVG = ("nn.max_pool2d",), ("nn.avg_pool2d", "nn.pad", "nn.mul")
_ADAPTIVE = ("nn.mean", "nn.avg_pool2d", "nn.slice", "nn.concat")

ENTRIES: dict[str, Entry] = {
    "aten.max_pool1d": Entry(_max_pool, _MAX),
    "aten.max_pool2d": Entry(_max_pool, _MAX),
    "aten.max_pool2d_with_indices": Entry(_max_pool_with_indices, _MAX),
    "aten.avg_pool1d": Entry(_avg_pool, _AVG),
    "aten.avg_pool2d": Entry(_avg_pool, _AVG),
    "aten.adaptive_avg_pool1d": Entry(_adaptive_avg_pool, _ADAPTIVE),
    "aten.adaptive_avg_pool2d": Entry(_adaptive_avg_pool, _ADAPTIVE),
    "aten._adaptive_avg_pool2d": Entry(_adaptive_avg_pool, _ADAPTIVE),
    "aten.adaptive_max_pool1d": Entry(_adaptive_max_pool, _MAX),
    "aten.adaptive_max_pool2d": Entry(_adaptive_max_pool, _MAX),
    "aten.mean.dim": Entry(_mean, ("nn.mean",)),
    "aten.mean": Entry(_mean, ("nn.mean",)),
    "aten.argmax": Entry(_argmax, ("nn.argmax",)),
}
