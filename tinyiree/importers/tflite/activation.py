"""SOFTMAX and the ReLU family."""

from collections.abc import Callable

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.arithmetic import quantize_bound, requantize_table, softmax_table
from tinyiree.importers.tflite.call import Call, Entry, table_of

_MAX_DEPTH = 4095  # sums of exponentials in 32 bits


def softmax(call: Call) -> ir.Value:
    """SOFTMAX over the last axis, of ``beta * x``."""
    dtype = call.expect(("int8", "float32"), 0)
    beta = call.number("beta", 0.0)
    x = call.value(0)
    if dtype == "float32":
        if beta != 1.0:
            factor = np.full((1,) * len(call.output().shape), beta, np.float32)
            x = call.emit("nn.mul", [x, factor])
        return call.emit("nn.softmax", [x])
    scale, _ = call.quantization(call.input(0))
    if call.output().dtype != "int8" or call.quantization(call.output()) != (1 / 256, -128):
        raise Unsupported(
            f"the output {call.output()}, expected int8 of scale 1/256 and zero point -128",
            "convert the model again with a current converter",
        )
    depth = call.input(0).shape[-1] if call.input(0).shape else 1
    if depth > _MAX_DEPTH:
        raise Unsupported(
            f"a softmax over {depth} values, expected at most {_MAX_DEPTH}",
            "leave the softmax out: it does not change which class is the greatest",
        )
    return call.emit("qnn.tflite_softmax", [x, softmax_table(scale, beta)])


def clamp(low: float, high: float) -> Callable[[Call], ir.Value]:
    """The converter of an activation that clamps to real bounds."""

    def convert(call: Call) -> ir.Value:
        if call.expect(("int8", "float32"), 0) == "float32":
            return call.emit("nn.clamp", [call.value(0)], {"min": low, "max": high})
        scale, zero_point = call.quantization(call.input(0))
        output_scale, output_zero_point = call.quantization(call.output())
        table = requantize_table(
            scale, zero_point, output_scale, output_zero_point, scale / output_scale
        )
        for bound, choose in ((low, np.maximum), (high, np.minimum)):
            if np.isfinite(bound):
                table = choose(table, quantize_bound(bound, output_scale, output_zero_point))
        return table_of(call, table)

    return convert


_BECOMES = ("nn.clamp", "qnn.clamp", "qnn.lookup")

ENTRIES: dict[str, Entry] = {
    "SOFTMAX": Entry(softmax, ("nn.softmax", "nn.mul", "qnn.tflite_softmax"), version=3),
    "RELU": Entry(clamp(0.0, np.inf), _BECOMES, version=3),
    "RELU6": Entry(clamp(0.0, 6.0), _BECOMES, version=3),
    "RELU_N1_TO_1": Entry(clamp(-1.0, 1.0), _BECOMES),
    "RELU_0_TO_1": Entry(clamp(0.0, 1.0), _BECOMES),
}
