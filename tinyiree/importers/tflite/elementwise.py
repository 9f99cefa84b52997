"""Functions of one tensor: int8 as a table of 256 entries, computed as the reference kernels do.

Most kernels fill such a table themselves, in float32 (``LUTPopulate``); the others compute each
element with fixed-point arithmetic, which is done here for all 256. float32 becomes ``nn.unary``.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.arithmetic import quantize_multiplier, ratio
from tinyiree.importers.tflite.arithmetic_ops import broadcast
from tinyiree.importers.tflite.call import Call, Entry, table_of
from tinyiree.importers.tflite.hard_swish import hard_swish_table
from tinyiree.importers.tflite.int16 import sigmoid16
from tinyiree.importers.tflite.types import ARITHMETIC, BYTES_AND_FLOAT, EIGHT_BITS
from tinyiree.ir import build
from tinyiree.ir.fixedpoint import rescale_twice
from tinyiree.ir.interpret_tflite_ops import inverse_square_root

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Table = Callable[[Call], Int64]

_EVERY = np.arange(-128, 128, dtype=np.int64)


def centered(call: Call) -> tuple[Int64, float, float, int]:
    """All inputs without their zero point; input scale, output scale, output zero point."""
    scale, zero_point = call.quantization(call.input(0))
    output_scale, output_zero_point = call.quantization(call.output())
    return _EVERY - zero_point, scale, output_scale, output_zero_point


def check_shape(call: Call) -> None:
    """Raise Unsupported unless input 0 and output 0 have the same shape."""
    if call.input(0).shape != call.output().shape:
        raise Unsupported(
            f"the output {call.output()} for {call.input(0)}", "convert the model again"
        )


def float_table(function: Callable[[Float32], Float32]) -> Table:
    """The table of a float32 function, as ``LUTPopulate`` fills it."""

    def table(call: Call) -> Int64:
        x, scale, output_scale, output_zero_point = centered(call)
        with np.errstate(all="ignore"):
            y = function(np.float32(scale) * x.astype(np.float32))
            steps = y * (np.float32(1) / np.float32(output_scale))
            whole = np.trunc(steps)
            whole = whole + np.sign(steps) * (np.abs(steps - whole) >= np.float32(0.5))
            raw = whole + np.float32(output_zero_point)
        finite = np.nan_to_num(raw.astype(np.float64))
        return np.asarray(np.clip(finite, -128, 127)).astype(np.int64)

    return table


def _rounded(
    function: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> Callable[[Float32], Float32]:
    """A float32 function, correctly rounded."""
    return lambda x: function(x.astype(np.float64)).astype(np.float32)


def _logistic(x: Float32) -> Float32:
    one = np.float32(1)
    return one / (one + _rounded(np.exp)(-x))


def _elu(x: Float32) -> Float32:
    return np.where(x < 0, _rounded(np.expm1)(np.minimum(x, np.float32(0))), x)


def _log_table(call: Call) -> Int64:
    output_scale, output_zero_point = call.quantization(call.output())
    least = np.float32(-128 - output_zero_point) * np.float32(output_scale)
    return float_table(lambda x: np.where(x <= 0, least, _rounded(np.log)(x)))(call)


def _leaky_relu_table(call: Call) -> Int64:
    x, scale, output_scale, output_zero_point = centered(call)
    alpha = np.float32(call.number("alpha", 0.0))
    slope = float(np.float32(scale) * alpha / np.float32(output_scale))
    above, below = quantize_multiplier(ratio(scale, output_scale)), quantize_multiplier(abs(slope))
    if slope < 0:
        below = -below[0], below[1]
    return np.where(x >= 0, rescale_twice(x, *above), rescale_twice(x, *below)) + output_zero_point


def _abs_table(call: Call) -> Int64:
    x, scale, output_scale, output_zero_point = centered(call)
    x = np.abs(x)
    if scale != output_scale:
        x = rescale_twice(x, *quantize_multiplier(ratio(scale, output_scale)))
    return x + output_zero_point


def _neg_table(call: Call) -> Int64:
    # The kernel negates the bytes whatever the zero points are; -128 stays -128.
    table: Int64 = -_EVERY - 256 * (_EVERY == -128)
    return table


def _rsqrt_table(call: Call) -> Int64:
    """For a value below the zero point the kernel stops with an error; here it gives 127."""
    x, scale, output_scale, output_zero_point = centered(call)
    more = 20  # bits of the intermediate result
    multiplier, exponent = inverse_square_root(np.maximum(x, 0))
    root = rescale_twice(np.ones_like(x), multiplier, 31 + exponent - more)
    factor = 1.0 / float(np.sqrt(np.float32(scale)) * np.float32(output_scale))
    m, r = quantize_multiplier(factor)
    y = rescale_twice(root, m, r + more) + output_zero_point
    return np.where(x <= 0, 127, y)


def function(
    name: str,
    table: Table,
    alpha: Callable[[Call], float],
    dtypes: tuple[str, ...] = ("int8", "float32"),
) -> Callable[[Call], ir.Value]:
    """The converter of a function: ``nn.unary`` of that name for float32, a table for int8."""

    def convert(call: Call) -> ir.Value:
        check_shape(call)
        dtype = call.expect(dtypes, 0)
        call.expect_output()
        if dtype == "int8":
            return table_of(call, table(call))
        return call.emit("nn.unary", [call.value(0)], {"fn": name, "alpha": alpha(call)})

    return convert


def logistic(call: Call) -> ir.Value:
    """LOGISTIC; an int8 result has the scale 1/256."""
    if call.input(0).dtype in EIGHT_BITS and call.quantization(call.output())[0] != 1 / 256:
        raise Unsupported(
            f"the output {call.output()}, expected the scale 1/256", "convert the model again"
        )
    return with_int16("sigmoid", float_table(_logistic))(call)


def with_int16(name: str, table: Table) -> Callable[[Call], ir.Value]:
    """The converter of LOGISTIC or TANH, for all types."""
    others = function(name, table, _none, BYTES_AND_FLOAT)

    def convert(call: Call) -> ir.Value:
        if call.expect(ARITHMETIC, 0) != "int16":
            return others(call)
        check_shape(call)
        call.expect_output()
        return sigmoid16(call, name)

    return convert


def leaky_relu(call: Call) -> ir.Value:
    """LEAKY_RELU; int16 as PRELU with a slope of 1 or -1 in steps of its absolute value."""
    if call.expect(ARITHMETIC, 0) != "int16":
        others = function(
            "leaky_relu",
            _leaky_relu_table,
            lambda call: call.number("alpha", 0.0),
            BYTES_AND_FLOAT,
        )
        return others(call)
    check_shape(call)
    call.expect_output()
    scale, output_scale = (call.quantization(t)[0] for t in (call.input(0), call.output()))
    alpha = np.float32(call.number("alpha", 0.0))
    slope = float(np.float32(scale) * alpha / np.float32(output_scale))
    sign = np.full((1,) * len(call.output().shape), -1 if slope < 0 else 1, np.int16)
    above, below = quantize_multiplier(ratio(scale, output_scale)), quantize_multiplier(abs(slope))
    return call.emit(
        "qnn.tflite_prelu",
        [call.value(0), build.constant(sign)],
        {
            "input_zero_point": 0,
            "alpha_zero_point": 0,
            "identity_multiplier": above[0],
            "identity_shift": above[1],
            "multiplier": below[0],
            "shift": below[1],
            **call.integer_output(),
        },
    )


def float_function(name: str) -> Callable[[Call], ir.Value]:
    """The converter of a function that the kernels have for float32 alone."""

    def convert(call: Call) -> ir.Value:
        check_shape(call)
        call.expect(("float32",), 0)
        return call.emit("nn.unary", [call.value(0)], {"fn": name, "alpha": 0.0})

    return convert


def square(call: Call) -> ir.Value:
    """SQUARE of float32."""
    check_shape(call)
    call.expect(("float32",), 0)
    x = call.value(0)
    return call.emit("nn.mul", [x, x])


def prelu(call: Call) -> ir.Value:
    """PRELU: one slope for all (int8: a table), or slopes that broadcast to the data."""
    dtype = call.expect(BYTES_AND_FLOAT, 0, 1)
    check_shape(call)
    call.expect_output()
    _, alpha = broadcast(call)
    x = call.value(0)
    if dtype == "float32":
        above = call.emit("nn.clamp", [x], {"min": 0.0, "max": np.inf})
        below = call.emit("nn.clamp", [x], {"min": -np.inf, "max": 0.0})
        return call.emit("nn.add", [above, call.emit("nn.mul", [below, alpha])])
    alpha_scale, alpha_zero_point = call.quantization(call.input(1))
    centered_x, scale, output_scale, output_zero_point = centered(call)
    product = np.float32(scale) * np.float32(alpha_scale)
    above_factor = quantize_multiplier(ratio(scale, output_scale))
    below_factor = quantize_multiplier(ratio(float(product), output_scale))
    if isinstance(alpha, np.ndarray) and (alpha == alpha.ravel()[0]).all():
        slope = int(alpha.ravel()[0].item()) - alpha_zero_point
        table = np.where(
            centered_x >= 0,
            rescale_twice(centered_x, *above_factor),
            rescale_twice(centered_x * slope, *below_factor),
        )
        return table_of(call, table + output_zero_point)
    return call.emit(
        "qnn.tflite_prelu",
        [x, alpha],
        {
            "input_zero_point": call.quantization(call.input(0))[1],
            "alpha_zero_point": alpha_zero_point,
            "identity_multiplier": above_factor[0],
            "identity_shift": above_factor[1],
            "multiplier": below_factor[0],
            "shift": below_factor[1],
            "output_zero_point": output_zero_point,
            "clamp_min": -128,
            "clamp_max": 127,
        },
    )


def _none(call: Call) -> float:
    return 0.0


_BOTH = ("nn.unary", "qnn.lookup", "qnn.clamp")
_FLOAT = ("float32",)

ENTRIES: dict[str, Entry] = {
    "LOGISTIC": Entry(logistic, (*_BOTH, "qnn.tflite_sigmoid"), ARITHMETIC, 3),
    "TANH": Entry(
        with_int16("tanh", float_table(_rounded(np.tanh))),
        (*_BOTH, "qnn.tflite_sigmoid"),
        ARITHMETIC,
        3,
    ),
    "HARD_SWISH": Entry(
        function("hard_swish", hard_swish_table, _none, BYTES_AND_FLOAT), _BOTH, BYTES_AND_FLOAT
    ),
    "LEAKY_RELU": Entry(leaky_relu, (*_BOTH, "qnn.tflite_prelu"), ARITHMETIC, 2),
    "ELU": Entry(function("elu", float_table(_elu), lambda call: 1.0), _BOTH),
    "ABS": Entry(function("abs", _abs_table, _none), _BOTH, version=5),
    "NEG": Entry(function("neg", _neg_table, _none), _BOTH, version=2),
    "EXP": Entry(function("exp", float_table(_rounded(np.exp)), _none), _BOTH, version=2),
    "LOG": Entry(function("log", _log_table, _none), _BOTH, version=2),
    "RSQRT": Entry(function("rsqrt", _rsqrt_table, _none), _BOTH, version=3),
    "SQRT": Entry(float_function("sqrt"), ("nn.unary",), _FLOAT),
    "SQUARE": Entry(square, ("nn.mul",), _FLOAT),
    "PRELU": Entry(
        prelu,
        ("nn.clamp", "nn.mul", "nn.add", "qnn.lookup", "qnn.tflite_prelu"),
        BYTES_AND_FLOAT,
    ),
}
