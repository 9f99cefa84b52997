"""AVERAGE_POOL_2D, MAX_POOL_2D, MEAN.

An average of int8 rounds half away from zero without regard to the zero point; the importer finds a
multiplier with which ``R`` does that for every sum that can occur.
"""

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.arithmetic import quantize_multiplier
from tinyiree.importers.tflite.call import Call, Entry
from tinyiree.importers.tflite.exact import fit, round_quotient
from tinyiree.importers.tflite.types import ARITHMETIC, limits
from tinyiree.importers.tflite.window import Geometry, window
from tinyiree.ir.build import Attribute


def _pool(call: Call) -> tuple[str, list[int], Geometry]:
    dtype = call.expect(ARITHMETIC, 0)
    call.expect_output()
    kernel = [call.option("filter_height"), call.option("filter_width")]
    return dtype, kernel, window(call, kernel, call.input(0).shape[-1])


def average_pool2d(call: Call) -> ir.Value:
    """AVERAGE_POOL_2D: divides by the number of elements inside the data."""
    dtype, kernel, geometry = _pool(call)
    x = call.value(0)
    if dtype == "float32":
        attributes: dict[str, Attribute] = {**geometry.attributes, "kernel": kernel}
        return call.clamped(
            call.emit("nn.avg_pool2d", [x], {**attributes, "count_include_pad": False})
        )
    call.same_quantization(call.input(0), call.output())
    output = call.integer_output()
    counts = _counts(kernel, geometry, call.input(0).shape, call.output().shape)
    # Raw values are averaged, the unsigned ones of uint8 too: padding and zero point play no part.
    least = limits(dtype)[0]
    offset = least if call.input(0).dtype == "uint8" else 0
    low, high = output["clamp_min"] - offset, output["clamp_max"] - offset
    farthest = 255 if offset else -least
    fitted = {
        count: fit(round_quotient(count), 1 / count, low, high, farthest * count)
        for count in {int(c) for c in counts.ravel()}
    }
    multiplier, shift = (
        np.array([[fitted[int(c)][i] for c in row] for row in counts], np.int32) for i in (0, 1)
    )
    return call.emit(
        "qnn.avg_pool2d",
        [x, multiplier, shift],
        {
            **geometry.attributes,
            **output,
            "kernel": kernel,
            "input_zero_point": offset,
            "output_zero_point": offset,
        },
    )


def _counts(
    kernel: list[int], geometry: Geometry, shape: tuple[int, ...], output: tuple[int, ...]
) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """Elements of each window that lie inside the data: ``[OH, OW]``; ``[1, 1]`` if all alike."""
    along = []
    for axis in (0, 1):
        start = np.arange(output[axis + 1]) * geometry.strides[axis] - geometry.padding[axis]
        inside = np.clip([start, start + kernel[axis]], 0, shape[axis + 1])
        along.append(inside[1] - inside[0])
    counts = np.outer(along[0], along[1])
    return counts[:1, :1] if (counts == counts[0, 0]).all() else counts


def max_pool2d(call: Call) -> ir.Value:
    """MAX_POOL_2D."""
    dtype, kernel, geometry = _pool(call)
    if dtype != "float32":
        call.same_quantization(call.input(0), call.output())
    y = call.emit(
        "nn.max_pool2d",
        [call.value(0)],
        {"kernel": kernel, "dilations": [1, 1], **geometry.attributes},
    )
    return call.clamped(y)


def mean(call: Call) -> ir.Value:
    """MEAN over constant axes; integers round twice, their number is inside of the multiplier."""
    dtype = call.expect(ARITHMETIC, 0)
    call.expect_output()
    shape = call.input(0).shape
    axes = sorted({axis % len(shape) for axis in call.integers(1, "axes")})
    if not axes:
        raise Unsupported("a mean over no axes", "take the operator away")
    x = call.value(0)
    if dtype == "float32":
        return call.emit("nn.mean", [x], {"axes": axes})
    scale, zero_point = call.quantization(call.input(0))
    output_scale, _ = call.quantization(call.output())
    count = int(np.prod([shape[axis] for axis in axes]))
    multiplier, shift = quantize_multiplier(scale / output_scale)
    # As the kernel does it: no more bits than the shift has room for, the quotient truncated.
    more = min(count.bit_length() - 1, 32, 62 - shift)
    return call.emit(
        "qnn.mean",
        [x],
        {
            "axes": axes,
            "rounding": "double",
            "input_zero_point": zero_point,
            "multiplier": (multiplier << more) // count,
            "shift": shift + more,
            **call.integer_output(),
        },
    )


ENTRIES: dict[str, Entry] = {
    "AVERAGE_POOL_2D": Entry(
        average_pool2d, ("nn.avg_pool2d", "nn.clamp", "qnn.avg_pool2d"), ARITHMETIC, 3
    ),
    "MAX_POOL_2D": Entry(max_pool2d, ("nn.max_pool2d", "nn.clamp", "qnn.clamp"), ARITHMETIC, 3),
    "MEAN": Entry(mean, ("nn.mean", "qnn.mean"), ARITHMETIC, 3),
}
