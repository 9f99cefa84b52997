"""RESHAPE, PAD, PADV2, CONCATENATION: they move values."""

import numpy as np

from tinyiree.importers.call import Tensor, Unsupported
from tinyiree.importers.tflite.call import Call, Entry

_TYPES = ("int8", "float32", "int32")


def reshape(call: Call) -> Tensor:
    """RESHAPE to the output's shape, which the file knows."""
    call.expect(_TYPES, 0)
    if np.prod(call.input(0).shape) != np.prod(call.output().shape):
        raise Unsupported(
            f"{call.input(0)} does not have the elements of {call.output()}",
            "convert the model again",
        )
    return call.reshaped(call.raw(0), call.output().shape)


def pad(call: Call) -> Tensor:
    """PAD with the real number 0, PADV2 with a constant."""
    dtype = call.expect(_TYPES, 0)
    rank = len(call.input(0).shape)
    amounts = np.reshape(call.integers(1, "paddings"), (-1, 2))
    if len(amounts) != rank or (amounts < 0).any():
        raise Unsupported(f"paddings {amounts.tolist()} of {call.input(0)}", "convert it again")
    value = 0.0
    if dtype == "int8":
        _, zero_point = call.same_quantization(call.input(0), call.output())
        value = float(zero_point)
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
    """CONCATENATION; int8 operands have the output's scale."""
    count = len(call.op.inputs)
    dtype = call.expect(_TYPES, *range(count))
    if dtype == "int8":
        call.same_quantization(call.output(), *(call.input(i) for i in range(count)))
        call.activation(("NONE",))
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
    y = call.emit("nn.concat", values, {"axis": axis})
    return call.clamped(y) if dtype == "float32" else y


ENTRIES: dict[str, Entry] = {
    "RESHAPE": Entry(reshape, ("nn.reshape",), _TYPES),
    "PAD": Entry(pad, ("nn.pad",), _TYPES, version=4),
    "PADV2": Entry(pad, ("nn.pad",), _TYPES, version=4),
    "CONCATENATION": Entry(concatenation, ("nn.concat", "nn.clamp"), _TYPES, version=4),
}
