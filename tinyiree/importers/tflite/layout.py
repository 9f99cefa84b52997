"""RESHAPE, PAD, PADV2, CONCATENATION: they move values."""

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Tensor, Unsupported
from tinyiree.importers.tflite.call import Call, Entry
from tinyiree.importers.tflite.types import MOVED, QUANTIZED, UINT8_OFFSET


def reshape(call: Call) -> Tensor:
    """RESHAPE to the output's shape, which the file knows."""
    call.expect(MOVED, 0)
    if np.prod(call.input(0).shape) != np.prod(call.output().shape):
        raise Unsupported(
            f"{call.input(0)} does not have the elements of {call.output()}",
            "convert the model again",
        )
    return call.reshaped(call.raw(0), call.output().shape)


def pad(call: Call) -> Tensor:
    """PAD with the real number 0, PADV2 with a constant."""
    call.expect(MOVED, 0)
    rank = len(call.input(0).shape)
    amounts = np.reshape(call.integers(1, "paddings"), (-1, 2))
    if len(amounts) != rank or (amounts < 0).any():
        raise Unsupported(f"paddings {amounts.tolist()} of {call.input(0)}", "convert it again")
    if call.input(0).quantization is not None:
        call.same_quantization(call.input(0), call.output())
    value = call.zero(call.output())
    if call.has(2):
        given = call.constant(2, "padding value")
        value = float(given.ravel()[0].item())
    low, high = ([int(v) for v in amounts[:, i]] for i in (0, 1))
    expected = tuple(a + n + b for a, n, b in zip(low, call.input(0).shape, high, strict=True))
    if expected != call.output().shape:
        raise Unsupported(
            f"an output {call.output()}, expected the shape {list(expected)}", "convert it again"
        )
    if not amounts.any():
        return call.raw(0)
    return call.emit("nn.pad", [call.value(0)], {"low": low, "high": high, "value": value})


def concatenation(call: Call) -> Tensor:
    """CONCATENATION; quantized operands have the output's scale, or are uint8 and get it."""
    count = len(call.op.inputs)
    dtype = call.expect(MOVED, *range(count))
    quantized = call.output().quantization is not None and dtype in QUANTIZED
    if dtype != "float32":
        call.activation(("NONE",))
    if quantized and call.output().dtype != "uint8":
        call.same_quantization(call.output(), *(call.input(i) for i in range(count)))
    shapes = [call.input(i).shape for i in range(count)]
    rank = len(call.output().shape)
    axis = call.option("axis", 0)
    if not -rank <= axis < rank or any(len(shape) != rank for shape in shapes):
        raise Unsupported(f"axis {axis} for shapes {shapes}", "convert the model again")
    axis %= rank
    expected = list(shapes[0])
    expected[axis] = sum(shape[axis] for shape in shapes)
    others = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    if tuple(expected) != call.output().shape or len(others) != 1:
        raise Unsupported(f"shapes {shapes} for {call.output()}", "convert the model again")
    values = [call.value(i) for i in range(count)]
    if quantized and call.output().dtype == "uint8":
        values = [_in_steps_of_output(call, i, value) for i, value in enumerate(values)]
    y = call.emit("nn.concat", values, {"axis": axis})
    return call.clamped(y) if dtype == "float32" else y


def _in_steps_of_output(call: Call, index: int, x: ir.Value) -> ir.Value:
    """An operand of another scale: rescaled in float32, halves away from zero."""
    scale, zero_point = call.quantization(call.input(index))
    output_scale, output_zero_point = call.quantization(call.output())
    if (scale, zero_point) == (output_scale, output_zero_point):
        return x
    factor = np.float32(scale) * (np.float32(1) / np.float32(output_scale))
    bias = np.float32(-(zero_point + UINT8_OFFSET)) * factor
    real = np.arange(256, dtype=np.float32) * factor + bias
    whole = np.trunc(real)
    steps = whole + np.sign(real) * (np.abs(real - whole) >= np.float32(0.5))
    table = np.clip(steps + output_zero_point, -128, 127).astype(np.int8)
    return call.emit("qnn.lookup", [x, table], {}, call.input(index).shape)


ENTRIES: dict[str, Entry] = {
    "RESHAPE": Entry(reshape, ("nn.reshape",), MOVED),
    "PAD": Entry(pad, ("nn.pad",), MOVED, version=4),
    "PADV2": Entry(pad, ("nn.pad",), MOVED, version=4),
    "CONCATENATION": Entry(
        concatenation, ("nn.concat", "nn.clamp", "qnn.lookup"), MOVED, version=4
    ),
}
