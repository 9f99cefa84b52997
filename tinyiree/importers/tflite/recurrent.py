"""UNIDIRECTIONAL_SEQUENCE_LSTM: float32, and int8 with a cell state of int16.

The integer kernel is LiteRT's ``8x8_16``: gates are int16 in steps of 2**-12 before their function,
which gemmlowp's fixed-point arithmetic computes. Time steps are unrolled.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Unsupported, materialize
from tinyiree.importers.tflite.arithmetic import float32_factor, quantize_multiplier
from tinyiree.importers.tflite.call import Call, Entry, Result
from tinyiree.importers.tflite.model import Array, TensorInfo
from tinyiree.importers.tflite.sequence import Sequence as Steps
from tinyiree.importers.tflite.types import limits
from tinyiree.ir import access
from tinyiree.ir.build import Attribute

_GATES = ("input", "forget", "cell", "output")
_INPUT_WEIGHTS, _RECURRENT_WEIGHTS, _BIAS = 1, 5, 12
_OUTPUT_STATE, _CELL_STATE = 18, 19
_REFUSED = {9: "peephole", 10: "peephole", 11: "peephole", 16: "projection", 17: "projection"}
_LAYER_NORM = range(20, 24)
_TANH = 4  # of the schema's ActivationFunctionType
_GATE_STEP = 2.0**-12
_HIDDEN = 4  # index of the hidden state among an operator's intermediate tensors


def lstm(call: Call) -> Result:
    """The output, and the new output state and cell state."""
    _check_form(call)
    dtype = call.expect(("int8", "float32"), 0)
    call.expect_output()
    weights = call.input(_INPUT_WEIGHTS + 1)
    if weights.dtype != dtype:
        raise Unsupported(
            f"weights {weights} for the data {call.input(0)} (hybrid)",
            "quantize the whole model to int8, or keep it in float32",
        )
    steps = Steps.of(call, bool(call.option("time_major", 0)))
    step = _integer_step(call, steps.batch) if dtype == "int8" else _float_step(call, steps.batch)
    h, c = call.value(_OUTPUT_STATE), call.value(_CELL_STATE)
    found = []
    for x in steps.inputs(call):
        h, c = step(x, h, c)
        found.append(h)
    return [steps.output(call, found), h, c]


def _check_form(call: Call) -> None:
    remedy = "convert a plain LSTM layer (keras.layers.LSTM or torch.nn.LSTM)"
    for index, name in _REFUSED.items():
        if call.has(index):
            raise Unsupported(f"{name} weights ({call.input(index)})", remedy)
    for index in _LAYER_NORM:
        if call.has(index):
            raise Unsupported(f"layer normalization ({call.input(index)})", remedy)
    if not call.has(_INPUT_WEIGHTS) or not call.has(_RECURRENT_WEIGHTS):
        raise Unsupported("coupled input and forget gates (CIFG)", remedy)
    if call.option("diagonal_recurrent_tensors", 0):
        raise Unsupported("diagonal recurrent weights", remedy)
    if call.option("fused_activation_function", 0) != _TANH:
        raise Unsupported("an activation other than TANH", remedy)
    for index in (_OUTPUT_STATE, _CELL_STATE):
        if not call.input(index).variable:
            raise Unsupported(f"the state {call.input(index)} is no variable", "convert it again")


def _weights(call: Call, first: int) -> Array:
    """The weights of all gates, ``[4, cells, inputs]``."""
    found = [call.constant(first + i, f"weights of the {name} gate") for i, name in _numbered()]
    if any(w.ndim != 2 or w.shape != found[0].shape or w.dtype != found[0].dtype for w in found):
        listed = ", ".join(str(call.input(first + i)) for i, _ in _numbered())
        raise Unsupported(f"weights {listed}", "convert the model again")
    return np.stack(found)


def _biases(call: Call, cells: int, dtype: type[np.generic]) -> Array:
    found = [call.constant(_BIAS + i, f"bias of the {name} gate") for i, name in _numbered()]
    if any(b.shape != (cells,) or b.dtype != dtype for b in found):
        listed = ", ".join(str(call.input(_BIAS + i)) for i, _ in _numbered())
        raise Unsupported(f"biases {listed}", "convert the model again")
    return np.stack(found)


def _numbered() -> Sequence[tuple[int, str]]:
    return list(enumerate(_GATES))


def _float_step(call: Call, batch: int) -> "partial[tuple[ir.Value, ir.Value]]":
    both = [_weights(call, first) for first in (_INPUT_WEIGHTS, _RECURRENT_WEIGHTS)]
    weights = np.concatenate(both, axis=2)
    cells = weights.shape[1]
    bias = _biases(call, cells, np.float32).reshape(-1)
    clip = call.number("cell_clip", 0.0)
    return partial(_float_cell, call, weights.reshape(4 * cells, -1), bias, clip, batch)


def _float_cell(
    call: Call,
    weights: Array,
    bias: Array,
    clip: float,
    batch: int,
    x: ir.Value,
    h: ir.Value,
    c: ir.Value,
) -> tuple[ir.Value, ir.Value]:
    """``g = W [x, h] + b; c = f c + i g; h = o tanh(c)``."""
    depth, cells = weights.shape[1], len(bias) // 4
    both = call.emit("nn.concat", [x, h], {"axis": 1}, (batch, depth))
    gates = call.emit("nn.fully_connected", [both, weights, bias], {}, (batch, 4 * cells))

    def gate(number: int, function: str) -> ir.Value:
        where: dict[str, Attribute] = {"offsets": [0, number * cells], "strides": [1, 1]}
        part = call.emit("nn.slice", [gates], where, (batch, cells))
        return unary(part, function)

    def unary(value: ir.Value, function: str) -> ir.Value:
        return call.emit("nn.unary", [value], {"fn": function, "alpha": 0.0}, (batch, cells))

    def pair(op: str, a: ir.Value, b: ir.Value) -> ir.Value:
        return call.emit(op, [a, b], {}, (batch, cells))

    kept = pair("nn.mul", gate(1, "sigmoid"), c)
    new = pair("nn.mul", gate(0, "sigmoid"), gate(2, "tanh"))
    c = pair("nn.add", kept, new)
    if clip > 0:
        c = call.emit("nn.clamp", [c], {"min": -clip, "max": clip}, (batch, cells))
    return pair("nn.mul", gate(3, "sigmoid"), unary(c, "tanh")), c


def _integer_step(call: Call, batch: int) -> "partial[tuple[ir.Value, ir.Value]]":
    weights, recurrent = _weights(call, _INPUT_WEIGHTS), _weights(call, _RECURRENT_WEIGHTS)
    cells = weights.shape[1]
    input_scale, input_zero = call.quantization(call.input(0))
    state_scale, state_zero = call.quantization(call.input(_OUTPUT_STATE))
    attributes: dict[str, Attribute] = {}
    biases = []
    for side, first, matrix, scale, zero, own in (
        ("input", _INPUT_WEIGHTS, weights, input_scale, input_zero, _biases(call, cells, np.int32)),
        ("recurrent", _RECURRENT_WEIGHTS, recurrent, state_scale, state_zero, np.zeros((4, cells))),
    ):
        wide = matrix.astype(np.int64)
        bias = own.astype(np.int64) - zero * wide.sum(axis=2)
        bound = int((np.abs(bias) + 128 * np.abs(wide).sum(axis=2)).max())
        pairs = [_multiplier(call, first + gate, scale, bound) for gate in range(len(_GATES))]
        attributes[f"{side}_multipliers"] = [multiplier for multiplier, _ in pairs]
        attributes[f"{side}_shifts"] = [shift for _, shift in pairs]
        biases.append(bias.astype(np.int32))
    # Once for all time steps.
    constants = [materialize(a) for a in (weights, biases[0], recurrent, biases[1])]
    cell = _cell_attributes(call)
    output = _output_attributes(call, cell["bits"])
    return partial(
        _integer_cell, call, constants, attributes, cell, output, batch, weights.shape[1]
    )


def _multiplier(call: Call, weights: int, scale: float, bound: int) -> tuple[int, int]:
    """Of a gate's sum of products with one matrix."""
    own, zero_point = call.quantization(call.input(weights))
    if zero_point != 0:
        raise Unsupported(f"{call.input(weights)} has a zero point", "convert the model again")
    factor = float32_factor(own, scale, _GATE_STEP)
    multiplier, shift = quantize_multiplier(factor)
    if bound << max(31 - shift, 0) >= 2**31:
        raise Unsupported(
            f"a factor of {factor:g} for sums up to {bound}", "quantize with smaller weight scales"
        )
    return multiplier, shift


def _cell_attributes(call: Call) -> dict[str, int]:
    """Of the new cell state: shift of the input's product, clip, integer bits."""
    tensor = call.input(_CELL_STATE)
    scale, zero_point = call.quantization(tensor)
    power = round(float(np.log2(scale)))
    if tensor.dtype != "int16" or zero_point != 0 or 2.0**power != scale or not -15 <= power <= -9:
        raise Unsupported(
            f"the cell state {tensor} with scale {scale:g} and zero point {zero_point}, expected "
            "int16 with a power of two from 2^-15 to 2^-9 and 0",
            "convert the model again with a current converter",
        )
    clip, most = call.number("cell_clip", 0.0), limits("int16")[1]
    quantized = int(min(float(np.float32(clip) / np.float32(scale)), most)) if clip > 0 else 0
    # A clip that is quantized to 0 is none for the kernel.
    return {"shift": 30 + power, "clip": quantized or most + 1, "bits": 15 + power}


def _output_attributes(call: Call, bits: int) -> dict[str, Attribute]:
    hidden = _hidden(call)
    scale, zero_point = call.quantization(hidden)
    multiplier, shift = quantize_multiplier(float32_factor(2.0**-15, 2.0**-15, scale))
    if (2**30) << max(31 - shift, 0) >= 2**31:
        raise Unsupported(f"a hidden scale of {scale:g}", "convert the model again")
    return {
        "integer_bits": bits,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": zero_point,
        "clamp_min": -128,
        "clamp_max": 127,
    }


def _hidden(call: Call) -> TensorInfo:
    """The intermediate tensor that gives the hidden state's quantization."""
    found = call.op.intermediates
    if len(found) <= _HIDDEN or found[_HIDDEN] < 0:
        raise Unsupported(
            f"{len(found)} intermediate tensors, expected 5, of which the last gives the hidden "
            "state's scale",
            "quantize the model again with a current converter",
        )
    return call.tensors[found[_HIDDEN]]


def _integer_cell(
    call: Call,
    constants: Sequence[ir.Value],
    gate: dict[str, Attribute],
    cell: dict[str, int],
    output: dict[str, Attribute],
    batch: int,
    cells: int,
    x: ir.Value,
    h: ir.Value,
    c: ir.Value,
) -> tuple[ir.Value, ir.Value]:
    operands = [x, h, *constants]
    gates = call.emit("qnn.tflite_lstm_gates", operands, gate, (batch, 4, cells), "i16")
    attributes: dict[str, Attribute] = {"shift": cell["shift"], "clip": cell["clip"]}
    c = call.emit("qnn.tflite_lstm_cell", [gates, c], attributes, access.shape(c), "i16")
    return call.emit("qnn.tflite_lstm_output", [gates, c], output, access.shape(h), "i8"), c


ENTRIES: dict[str, Entry] = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Entry(
        lstm,
        (
            "qnn.tflite_lstm_gates",
            "qnn.tflite_lstm_cell",
            "qnn.tflite_lstm_output",
            "nn.fully_connected",
            "nn.unary",
            "nn.mul",
            "nn.add",
            "nn.clamp",
            "nn.slice",
            "nn.concat",
            "nn.step",
            "nn.stack",
            "nn.transpose",
            "nn.reshape",
        ),
        ("int8", "float32"),
        4,
        "without peephole, projection, layer normalization, CIFG",
        updates=(_OUTPUT_STATE, _CELL_STATE),
    ),
}
