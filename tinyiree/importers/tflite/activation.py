"""SOFTMAX and the ReLU family."""

from collections.abc import Callable

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.arithmetic import (
    quantize_bound,
    ratio,
    requantize_table,
    softmax_table,
)
from tinyiree.importers.tflite.call import Call, Entry, table_of
from tinyiree.importers.tflite.int16 import softmax16
from tinyiree.importers.tflite.quantized import requantized
from tinyiree.importers.tflite.types import ARITHMETIC, BYTES_AND_FLOAT, limits

_MAX_DEPTH = 4095  # sums of exponentials in 32 bits


def softmax(call: Call) -> ir.Value:
    """SOFTMAX over the last axis, of ``beta * x``."""
    dtype = call.expect(ARITHMETIC, 0)
    call.expect_output()
    beta = call.number("beta", 0.0)
    x = call.value(0)
    if dtype == "float32":
        if beta != 1.0:
            factor = np.full((1,) * len(call.output().shape), beta, np.float32)
            x = call.emit("nn.mul", [x, factor])
        return call.emit("nn.softmax", [x])
    scale, _ = call.quantization(call.input(0))
    expected = (1 / 32768, 0) if dtype == "int16" else (1 / 256, -128)
    if call.quantization(call.output()) != expected:
        raise Unsupported(
            f"the output {call.output()}, expected the scale {expected[0]} and the least zero "
            "point of its type (0 for int16)",
            "convert the model again with a current converter",
        )
    if dtype == "int16":
        return softmax16(call, x, scale, beta)
    depth = call.input(0).shape[-1] if call.input(0).shape else 1
    if depth > _MAX_DEPTH:
        raise Unsupported(
            f"a softmax over {depth} values, expected at most {_MAX_DEPTH}",
            "leave the softmax out: it does not change which class is the greatest",
        )
    return call.emit("qnn.tflite_softmax", [x, softmax_table(scale, beta)])


def clamp(
    low: float, high: float, dtypes: tuple[str, ...] = ARITHMETIC
) -> Callable[[Call], ir.Value]:
    """The converter of an activation that clamps to real bounds."""

    def convert(call: Call) -> ir.Value:
        dtype = call.expect(dtypes, 0)
        call.expect_output()
        if dtype == "float32":
            return call.emit("nn.clamp", [call.value(0)], {"min": low, "max": high})
        scale, zero_point = call.quantization(call.input(0))
        output_scale, output_zero_point = call.quantization(call.output())
        if dtype == "int16":
            least, most = limits(dtype)
            bounds = [
                quantize_bound(real, output_scale, output_zero_point) if np.isfinite(real) else end
                for real, end in zip((low, high), (least, most), strict=True)
            ]
            return requantized(
                call, ratio(scale, output_scale), (max(bounds[0], least), min(bounds[1], most))
            )
        table = requantize_table(
            scale, zero_point, output_scale, output_zero_point, scale / output_scale
        )
        for bound, choose in ((low, np.maximum), (high, np.minimum)):
            if np.isfinite(bound):
                table = choose(table, quantize_bound(bound, output_scale, output_zero_point))
        return table_of(call, table)

    return convert


_BECOMES = ("nn.clamp", "qnn.clamp", "qnn.lookup", "qnn.requantize")

ENTRIES: dict[str, Entry] = {
    "SOFTMAX": Entry(
        softmax,
        ("nn.softmax", "nn.mul", "qnn.tflite_softmax", "qnn.tflite_softmax16"),
        ARITHMETIC,
        3,
    ),
    "RELU": Entry(clamp(0.0, np.inf), _BECOMES, ARITHMETIC, 3),
    "RELU6": Entry(clamp(0.0, 6.0), _BECOMES, ARITHMETIC, 3),
    "RELU_N1_TO_1": Entry(clamp(-1.0, 1.0, BYTES_AND_FLOAT), _BECOMES, BYTES_AND_FLOAT),
    "RELU_0_TO_1": Entry(clamp(0.0, 1.0, BYTES_AND_FLOAT), _BECOMES, BYTES_AND_FLOAT),
}
