"""Activations, arithmetic and softmax."""

import math
from functools import partial

import numpy as np
from iree.compiler import ir

from tinyiree.importers import emit
from tinyiree.importers.call import Call, Entry, Result, Tensor, Unsupported, materialize, shape_of
from tinyiree.ir import access, build


def _relu(call: Call) -> Result:
    return emit.clamp(call.tensor(0), 0.0, math.inf)


def _relu6(call: Call) -> Result:
    return emit.clamp(call.tensor(0), 0.0, 6.0)


def _hardtanh(call: Call) -> Result:
    return emit.clamp(call.tensor(0), call.number(1, -1.0), call.number(2, 1.0))


def _clamp(call: Call) -> Result:
    """aten.clamp(x, min, max), either of which may be None."""
    return emit.clamp(call.tensor(0), call.number(1, -math.inf), call.number(2, math.inf))


def _clamp_max(call: Call) -> Result:
    return emit.clamp(call.tensor(0), -math.inf, call.number(1))


def _unary(fn: str, call: Call) -> Result:
    return emit.unary(call.tensor(0), fn)


def _leaky_relu(call: Call) -> Result:
    return emit.unary(call.tensor(0), "leaky_relu", call.number(1, 0.01))


def _elu(call: Call) -> Result:
    """aten.elu(x, alpha, scale, input_scale)."""
    if call.number(2, 1) != 1 or call.number(3, 1) != 1:
        raise Unsupported("ELU with a scale (SELU, CELU)", "use nn.ELU or nn.ReLU")
    return emit.unary(call.tensor(0), "elu", call.number(1, 1.0))


def _gelu(call: Call) -> Result:
    """aten.gelu(x, approximate); the tanh form is written out (Hendrycks and Gimpel, 2016)."""
    x = call.tensor(0)
    if not call.given(1) or call.text(1) == "none":
        return emit.unary(x, "gelu")
    cube = emit.binary("nn.mul", emit.binary("nn.mul", x, x), x)
    inner = emit.binary("nn.add", x, emit.binary("nn.mul", cube, emit.scalar(0.044715)))
    inner = emit.binary("nn.mul", inner, emit.scalar(math.sqrt(2 / math.pi)))
    outer = emit.binary("nn.add", emit.unary(inner, "tanh"), emit.scalar(1.0))
    return emit.binary("nn.mul", emit.binary("nn.mul", x, emit.scalar(0.5)), outer)


def _add(sign: float, call: Call) -> Result:
    """aten.add / sub(x, y, alpha): x + sign * alpha * y."""
    x, y, alpha = _number_or_tensor(call, 0), _number_or_tensor(call, 1), call.number(2, 1)
    if isinstance(y, np.ndarray):
        y = (y.astype(np.float64) * sign * alpha).astype(np.float32)
        return emit.binary("nn.add", x, y)
    if alpha != 1:
        y = emit.binary("nn.mul", y, emit.scalar(alpha))
    return emit.binary("nn.add" if sign > 0 else "nn.sub", x, y)


def _reverse_subtract(call: Call) -> Result:
    """aten.rsub(x, y, alpha): y - alpha * x."""
    x: Tensor = call.tensor(0)
    alpha = call.number(2, 1)
    if alpha != 1:
        x = emit.binary("nn.mul", x, emit.scalar(alpha))
    return emit.binary("nn.sub", _number_or_tensor(call, 1), x)


def _mul(call: Call) -> Result:
    return emit.binary("nn.mul", _number_or_tensor(call, 0), _number_or_tensor(call, 1))


def _extremum(name: str, call: Call) -> Result:
    return emit.binary(name, call.raw(0), call.raw(1))


def _div(call: Call) -> Result:
    """aten.div(x, y) for a constant y, as a multiplication."""
    y = _number_or_tensor(call, 1)
    if not isinstance(y, np.ndarray):
        raise Unsupported("a division by an activation", "divide by a constant, or multiply")
    if not np.all(y):
        raise Unsupported("a division by zero", "correct the divisor")
    return emit.binary("nn.mul", call.raw(0), (1.0 / y.astype(np.float64)).astype(np.float32))


def _power(call: Call) -> Result:
    """aten.pow(x, exponent) for 1, 2, 3 and 1/2."""
    return emit.power(call.tensor(0), call.number(1))


def _square(call: Call) -> Result:
    return emit.binary("nn.mul", call.tensor(0), call.tensor(0))


def _number_or_tensor(call: Call, index: int) -> Tensor:
    argument = call.arguments[index]
    if isinstance(argument, int | float):
        return emit.scalar(float(argument))
    return call.raw(index)


def _softmax(name: str, call: Call) -> Result:
    """aten.softmax.int(x, dim, dtype): the dimension moves last."""
    x = call.raw(0)
    index = emit.axis(call.integer(1), len(shape_of(x)))
    last: ir.Value = materialize(emit.axis_last(x, index))
    return emit.axis_from_last(build.op(name, [last], access.shape(last), "f32"), index)


_CLAMP, _UNARY = ("nn.clamp",), ("nn.unary",)

ENTRIES: dict[str, Entry] = {
    "aten.relu": Entry(_relu, _CLAMP),
    "aten.relu6": Entry(_relu6, _CLAMP),
    "aten.hardtanh": Entry(_hardtanh, _CLAMP),
    "aten.clamp": Entry(_clamp, _CLAMP),
    "aten.clamp_min": Entry(_clamp, _CLAMP),
    "aten.clamp_max": Entry(_clamp_max, _CLAMP),
    "aten.hardswish": Entry(partial(_unary, "hard_swish"), _UNARY),
    "aten.hardsigmoid": Entry(partial(_unary, "hard_sigmoid"), _UNARY),
    "aten.sigmoid": Entry(partial(_unary, "sigmoid"), _UNARY),
    "aten.tanh": Entry(partial(_unary, "tanh"), _UNARY),
    "aten.silu": Entry(partial(_unary, "silu"), _UNARY),
    "aten.abs": Entry(partial(_unary, "abs"), _UNARY),
    "aten.neg": Entry(partial(_unary, "neg"), _UNARY),
    "aten.exp": Entry(partial(_unary, "exp"), _UNARY),
    "aten.log": Entry(partial(_unary, "log"), _UNARY),
    "aten.sqrt": Entry(partial(_unary, "sqrt"), _UNARY),
    "aten.leaky_relu": Entry(_leaky_relu, _UNARY),
    "aten.elu": Entry(_elu, _UNARY),
    "aten.gelu": Entry(_gelu, ("nn.unary", "nn.mul", "nn.add")),
    "aten.add.Tensor": Entry(partial(_add, 1.0), ("nn.add", "nn.mul")),
    "aten.add.Scalar": Entry(partial(_add, 1.0), ("nn.add",)),
    "aten.sub.Tensor": Entry(partial(_add, -1.0), ("nn.sub", "nn.add", "nn.mul")),
    "aten.sub.Scalar": Entry(partial(_add, -1.0), ("nn.add",)),
    "aten.rsub.Scalar": Entry(_reverse_subtract, ("nn.sub", "nn.mul")),
    "aten.rsub.Tensor": Entry(_reverse_subtract, ("nn.sub", "nn.mul")),
    "aten.mul.Tensor": Entry(_mul, ("nn.mul",)),
    "aten.mul.Scalar": Entry(_mul, ("nn.mul",)),
    "aten.div.Tensor": Entry(_div, ("nn.mul",)),
    "aten.div.Scalar": Entry(_div, ("nn.mul",)),
    "aten.maximum": Entry(partial(_extremum, "nn.maximum"), ("nn.maximum",)),
    "aten.minimum": Entry(partial(_extremum, "nn.minimum"), ("nn.minimum",)),
    "aten.pow.Tensor_Scalar": Entry(_power, ("nn.mul", "nn.unary")),
    "aten.square": Entry(_square, ("nn.mul",)),
    "aten.softmax.int": Entry(partial(_softmax, "nn.softmax"), ("nn.softmax",)),
    "aten._softmax": Entry(partial(_softmax, "nn.softmax"), ("nn.softmax",)),
    "aten.log_softmax.int": Entry(partial(_softmax, "nn.log_softmax"), ("nn.log_softmax",)),
    "aten._log_softmax": Entry(partial(_softmax, "nn.log_softmax"), ("nn.log_softmax",)),
}

REMEDIES: dict[str, str] = {
    "aten.prelu": "use nn.LeakyReLU or nn.ReLU",
    "aten.selu": "use nn.ELU or nn.ReLU",
    "aten.celu": "use nn.ELU or nn.ReLU",
    "aten.softplus": "use nn.ReLU",
    "aten.mish": "use nn.Hardswish",
}
