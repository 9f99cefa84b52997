"""SUM, ARG_MAX, ARG_MIN, L2_NORMALIZATION."""

from collections.abc import Sequence

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.arithmetic import ratio
from tinyiree.importers.tflite.call import Call, Entry
from tinyiree.importers.tflite.elementwise import check_shape
from tinyiree.importers.tflite.exact import Int64, Step, fit
from tinyiree.importers.tflite.movement import axis_of
from tinyiree.importers.tflite.types import BYTES_AND_FLOAT, EIGHT_BITS

_LEAST_NORM = 1e-6
_ACCUMULATOR_MOST = 2**31 - 1


def sum_(call: Call) -> ir.Value:
    """SUM over constant axes; int8 rounds once, halves away from zero, in float32.

    For int8 this is what the optimized kernel computes: the reference kernel of LiteRT 2.3 takes
    the bytes for unsigned ones.
    """
    dtype = call.expect(("int8", "float32"), 0)
    call.expect_output()
    shape = call.input(0).shape
    axes = sorted({axis_of(axis, len(shape)) for axis in call.integers(1, "axes")})
    if not axes:
        raise Unsupported("a sum over no axes", "take the operator away")
    _check_reduced(call, axes)
    x = call.value(0)
    count = int(np.prod([shape[axis] for axis in axes]))
    if dtype == "float32":
        mean = call.emit("nn.mean", [x], {"axes": axes})
        number = np.full((1,) * len(call.output().shape), count, np.float32)
        return call.emit("nn.mul", [mean, number])
    if count * 255 > _ACCUMULATOR_MOST:
        raise Unsupported(f"a sum of {count} values", "use fewer: it may pass 32 bits")
    scale, zero_point = call.quantization(call.input(0))
    output_scale, output_zero_point = call.quantization(call.output())
    factor = ratio(scale, output_scale)
    low, high = -128 - output_zero_point, 127 - output_zero_point
    step = _round_sum(factor, zero_point, count)
    multiplier, shift = fit(step, factor, low, high, 255 * count)
    return call.emit(
        "qnn.mean",
        [x],
        {
            "axes": axes,
            "input_zero_point": zero_point,
            "multiplier": multiplier,
            "shift": shift,
            "output_zero_point": output_zero_point,
            "clamp_min": -128,
            "clamp_max": 127,
        },
    )


def _round_sum(factor: float, zero_point: int, count: int) -> Step:
    """The kernel's result, before its zero point, of ``acc``: the sum without the zero points."""
    scale = np.float32(factor)
    bias = np.float32(np.float32(-zero_point) * scale) * np.float32(count)

    def step(acc: Int64) -> Int64:
        raw = (acc + zero_point * count).astype(np.float32)
        real = (raw * scale + bias).astype(np.float64)
        return (np.sign(real) * np.floor(np.abs(real) + 0.5)).astype(np.int64)

    return step


def _axis(call: Call) -> int:
    call.expect(BYTES_AND_FLOAT, 0)
    call.expect_output("int32", "int64")
    axis = axis_of(call.integers(1, "axis")[0], len(call.input(0).shape))
    _check_reduced(call, [axis])
    return axis


def _check_reduced(call: Call, axes: Sequence[int]) -> None:
    shape = call.input(0).shape
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    dropped = tuple(n for i, n in enumerate(shape) if i not in axes)
    if call.output().shape not in (kept, dropped):
        raise Unsupported(
            f"the output {call.output()} for {call.input(0)} and the axes {list(axes)}",
            "convert the model again",
        )


def arg_max(call: Call) -> ir.Value:
    """ARG_MAX: the first maximum."""
    return _argmax(call, call.value(0), _axis(call))


def _argmax(call: Call, x: ir.Value, axis: int) -> ir.Value:
    """``nn.argmax``, which gives int32, and a cast where int64 is asked for."""
    found = call.emit("nn.argmax", [x], {"axis": axis}, element="i32")
    if call.output().dtype == "int32":
        return found
    return call.emit("nn.cast", [found], {"source": "int32", "target": "int64"}, element="i64")


def arg_min(call: Call) -> ir.Value:
    """ARG_MIN: the first maximum of the values turned around."""
    axis, shape, x = _axis(call), call.input(0).shape, call.value(0)
    if call.input(0).dtype in EIGHT_BITS:
        table = np.arange(-128, 128)[::-1].astype(np.int8)
        x = call.emit("qnn.lookup", [x, table], {}, shape)
    else:
        x = call.emit("nn.unary", [x], {"fn": "neg", "alpha": 0.0}, shape)
    return _argmax(call, x, axis)


def l2_normalization(call: Call) -> ir.Value:
    """L2_NORMALIZATION over the last axis; an int8 result has the scale 1/128."""
    dtype = call.expect(("int8", "float32"), 0)
    call.expect_output()
    call.activation(("NONE",))
    check_shape(call)
    x, shape = call.value(0), call.input(0).shape
    depth = shape[-1] if shape else 0
    if dtype == "int8":
        if call.quantization(call.output()) != (1 / 128, 0):
            raise Unsupported(
                f"the output {call.output()}, expected the scale 1/128 and the zero point 0",
                "convert the model again",
            )
        if not 0 < depth * 255**2 <= _ACCUMULATOR_MOST:
            raise Unsupported(f"rows of {depth} values", "use fewer: their sum may pass 32 bits")
        _, zero_point = call.quantization(call.input(0))
        return call.emit("qnn.tflite_l2_norm", [x], {"input_zero_point": zero_point})
    row, one = (*shape[:-1], 1), (1,) * len(shape)
    mean = call.emit("nn.mean", [call.emit("nn.mul", [x, x])], {"axes": [len(shape) - 1]}, row)
    total = call.emit("nn.mul", [mean, np.full(one, depth, np.float32)], {}, row)
    total = call.emit("nn.clamp", [total], {"min": _LEAST_NORM**2, "max": np.inf}, row)
    inverse = call.emit("nn.unary", [total], {"fn": "rsqrt", "alpha": 0.0}, row)
    return call.emit("nn.mul", [x, inverse])


_INDICES = "gives int32 or int64"
_NORM = ("nn.mul", "nn.mean", "nn.clamp", "nn.unary", "qnn.tflite_l2_norm")

ENTRIES: dict[str, Entry] = {
    "SUM": Entry(
        sum_,
        ("nn.mean", "nn.mul", "qnn.mean"),
        ("int8", "float32"),
        2,
        "int8 as LiteRT's optimized kernel: its reference kernel takes the bytes for unsigned ones",
    ),
    "ARG_MAX": Entry(arg_max, ("nn.argmax", "nn.cast"), BYTES_AND_FLOAT, 3, _INDICES),
    "ARG_MIN": Entry(
        arg_min, ("nn.argmax", "nn.cast", "nn.unary", "qnn.lookup"), BYTES_AND_FLOAT, 3, _INDICES
    ),
    "L2_NORMALIZATION": Entry(l2_normalization, _NORM, version=2),
}
