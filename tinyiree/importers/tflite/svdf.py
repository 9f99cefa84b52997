"""SVDF, a low-rank filter over features and time: float32, and int8 with a state of int16.

The state is what the filters' feature parts gave in the last invocations. The file has it as
``[batch, filters, memory]``; here it is ``[memory, batch, filters]``, so that a step is one move of
memory and the newest numbers are computed where they stay. Zeros, with which it starts, are the
same in both.
"""

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Tensor, Unsupported, materialize
from tinyiree.importers.tflite.arithmetic import float32_factor, quantize_multiplier
from tinyiree.importers.tflite.call import Call, Entry, Result
from tinyiree.importers.tflite.convolution import check_accumulator
from tinyiree.importers.tflite.model import Array
from tinyiree.importers.tflite.types import limits
from tinyiree.ir import access
from tinyiree.ir.build import Attribute

_FEATURE, _TIME, _BIAS, _STATE = 1, 2, 3, 4


def svdf(call: Call) -> Result:
    """The output, and the new state."""
    dtype = call.expect(("int8", "float32"), 0)
    call.expect_output()
    feature, time = call.constant(_FEATURE, "feature weights"), call.constant(_TIME, "time weights")
    rank = call.option("rank")
    _check_shapes(call, feature, time, rank)
    expected = {"int8": ("int8", "int16", "int16"), "float32": ("float32",) * 3}[dtype]
    found = tuple(call.input(i).dtype for i in (_FEATURE, _TIME, _STATE))
    if found != expected:
        raise Unsupported(
            f"feature weights, time weights and state of {', '.join(found)} for {call.input(0)}, "
            f"expected {', '.join(expected)}",
            "quantize the whole model to int8, or keep it in float32",
        )
    batch, filters = call.input(0).shape[0], len(time)
    if dtype == "float32":
        zeros = np.zeros(filters, np.float32)
        operands: list[Tensor] = [call.value(0), feature, zeros]
        newest = call.emit("nn.fully_connected", operands, {}, (batch, filters))
    else:
        newest = _integer_feature(call, feature, (batch, filters))
    line = materialize(call.reshaped(call.value(_STATE), (time.shape[1], batch, filters)))
    column = materialize(call.reshaped(newest, (1, batch, filters)))
    state = call.emit("nn.delay", [line, column], {}, access.shape(line))
    y = _float_time(call, state, time) if dtype == "float32" else _integer_time(call, state, time)
    return [y, materialize(call.reshaped(state, call.input(_STATE).shape))]


def _check_shapes(call: Call, feature: Array, time: Array, rank: int) -> None:
    data, state = call.input(0), call.input(_STATE)
    right = (
        rank >= 1
        and feature.ndim == time.ndim == 2
        and data.shape[1:] == feature.shape[1:]
        and feature.shape[0] == time.shape[0]
        and feature.shape[0] % rank == 0
        and np.prod(state.shape) == data.shape[0] * time.size
        and call.output().shape == (data.shape[0], feature.shape[0] // rank)
    )
    if not right or not state.variable:
        raise Unsupported(
            f"rank {rank}, feature weights {call.input(_FEATURE)}, time weights "
            f"{call.input(_TIME)} and state {state} for the data {data}",
            "convert the model again",
        )


def _float_time(call: Call, state: ir.Value, time: Array) -> ir.Value:
    """A grouped convolution over time: each output has its own filters."""
    batch, outputs = call.output().shape
    memory, _, filters = access.shape(state)
    weights = time.reshape(outputs, -1, memory).transpose(0, 2, 1)[:, :, None]
    if batch > 1:
        turned: dict[str, Attribute] = {"permutation": [1, 0, 2]}
        state = call.emit("nn.transpose", [state], turned, (batch, memory, filters))
    x = call.reshaped(state, (batch, memory, 1, filters))
    attributes: dict[str, Attribute] = {
        "strides": [1, 1],
        "padding": [0, 0, 0, 0],
        "dilations": [1, 1],
        "groups": outputs,
    }
    operands = [x, np.ascontiguousarray(weights), _bias(call, outputs, np.float32)]
    y = call.emit("nn.conv2d", operands, attributes, (batch, 1, 1, outputs))
    return call.clamped(materialize(call.reshaped(y, call.output().shape)))


def _bias(call: Call, outputs: int, dtype: type[np.generic]) -> Array:
    if not call.has(_BIAS):
        return np.zeros(outputs, dtype)
    bias = call.constant(_BIAS, "bias")
    if bias.shape != (outputs,) or bias.dtype != dtype:
        raise Unsupported(f"the bias {call.input(_BIAS)}", "convert the model again")
    return bias


def _scale(call: Call, index: int) -> float:
    scale, zero_point = call.quantization(call.input(index))
    if zero_point != 0:
        raise Unsupported(f"{call.input(index)} has a zero point", "convert the model again")
    return scale


def _integer_feature(call: Call, feature: Array, shape: tuple[int, int]) -> ir.Value:
    """The newest column of the state: int16."""
    scale, zero_point = call.quantization(call.input(0))
    factor = float32_factor(scale, _scale(call, _FEATURE), _scale(call, _STATE))
    multiplier, shift = quantize_multiplier(factor)
    bias = np.zeros(shape[1], np.int32)
    bound = check_accumulator(call, feature, bias, zero_point)
    _check_factor(factor, shift, bound)
    low, high = limits("int16")
    return call.emit(
        "qnn.fully_connected",
        [
            call.value(0),
            feature,
            bias,
            np.full(shape[1], multiplier, np.int32),
            np.full(shape[1], shift, np.int32),
        ],
        {
            "rounding": "double",
            "input_zero_point": zero_point,
            "output_zero_point": 0,
            "clamp_min": low,
            "clamp_max": high,
        },
        shape,
        "i16",
    )


def _integer_time(call: Call, state: ir.Value, time: Array) -> ir.Value:
    output_scale, zero_point = call.quantization(call.output())
    factor = float32_factor(_scale(call, _STATE), _scale(call, _TIME), output_scale)
    multiplier, shift = quantize_multiplier(factor)
    if shift < 31:
        _check_factor(factor, shift, 2**31)
    # The kernel knows no activation: it is in the output's quantization.
    low, high = limits("int8")
    bias = _bias(call, call.output().shape[1], np.int32)
    return call.emit(
        "qnn.tflite_svdf_time",
        [state, np.ascontiguousarray(time.T), bias],
        {
            "multiplier": multiplier,
            "shift": shift,
            "output_zero_point": zero_point,
            "clamp_min": low,
            "clamp_max": high,
        },
        element="i8",
    )


def _check_factor(factor: float, shift: int, bound: int) -> None:
    if bound << max(31 - shift, 0) >= 2**31:
        raise Unsupported(
            f"a factor of {factor:g} for sums up to {bound}", "quantize with other scales"
        )


ENTRIES: dict[str, Entry] = {
    "SVDF": Entry(
        svdf,
        (
            "qnn.fully_connected",
            "qnn.tflite_svdf_time",
            "nn.fully_connected",
            "nn.conv2d",
            "nn.clamp",
            "nn.delay",
            "nn.transpose",
            "nn.reshape",
        ),
        ("int8", "float32"),
        4,
        updates=(_STATE,),
    ),
}
