"""Activations, arithmetic and softmax."""

import math
from collections.abc import Callable
from functools import partial, reduce

import numpy as np
from iree.compiler import ir

from tinyiree.importers import emit
from tinyiree.importers.call import Array, Result, Tensor, Unsupported, materialize, shape_of
from tinyiree.importers.converters.convolution import fully_connected
from tinyiree.importers.onnx.converters import gelu
from tinyiree.importers.onnx.node import Entry, Node, constant_of
from tinyiree.ir import access, build


def _relu(node: Node) -> Result:
    return emit.clamp(node.activation(0), 0.0, math.inf)


def _clip(node: Node) -> Result:
    """Clip(x, min, max), either of which may be left out."""
    low = node.number(1, "the lower bound", -math.inf)
    high = node.number(2, "the upper bound", math.inf)
    return emit.clamp(node.activation(0), low, high)


def _unary(fn: str, node: Node) -> Result:
    return emit.unary(node.activation(0), fn)


def _with_alpha(fn: str, default: float, node: Node) -> Result:
    return emit.unary(node.activation(0), fn, node.float_attribute("alpha", default))


def _prelu(node: Node) -> Result:
    """PRelu(x, slope) with one slope for all channels."""
    slope = node.constant(1, "the slope")
    if slope.size == 0 or float(np.ptp(slope)) != 0:
        raise Unsupported("one slope for each channel", "use LeakyRelu, or a PRelu of one slope")
    return emit.unary(node.activation(0), "leaky_relu", float(slope.reshape(-1)[0].item()))


def _hard_sigmoid(node: Node) -> Result:
    """HardSigmoid(x): max(0, min(1, alpha * x + beta)); torch's has alpha = 1/6, beta = 1/2."""
    x = node.activation(0)
    alpha, beta = node.float_attribute("alpha", 0.2), node.float_attribute("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5:
        return emit.unary(x, "hard_sigmoid")
    line = emit.binary("nn.add", emit.binary("nn.mul", x, emit.scalar(alpha)), emit.scalar(beta))
    return emit.clamp(line, 0.0, 1.0)


def _gelu(node: Node) -> Result:
    """Gelu(x); the tanh form is written out (Hendrycks and Gimpel, 2016)."""
    x = node.activation(0)
    if node.text_attribute("approximate", "none") == "none":
        return emit.unary(x, "gelu")
    cube = emit.binary("nn.mul", emit.binary("nn.mul", x, x), x)
    inner = emit.binary("nn.add", x, emit.binary("nn.mul", cube, emit.scalar(0.044715)))
    inner = emit.binary("nn.mul", inner, emit.scalar(math.sqrt(2 / math.pi)))
    outer = emit.binary("nn.add", emit.unary(inner, "tanh"), emit.scalar(1.0))
    return emit.binary("nn.mul", emit.binary("nn.mul", x, emit.scalar(0.5)), outer)


def _erf(node: Node) -> Result:
    """Erf(x), which only stands until the product that makes a GELU of it."""
    return gelu.erf(node.activation(0))


def _add(node: Node) -> Result:
    """Add(a, b); a constant behind a linear layer is its bias."""
    a, b = node.real(0), node.real(1)
    for i, (x, constant) in enumerate(((a, b), (b, a))):
        if isinstance(constant, np.ndarray) and isinstance(x, ir.Value) and node.inputs[i].alone:
            found = _with_bias(x, constant)
            if found is not None:
                return found
    return emit.binary("nn.add", a, b)


def _with_bias(x: ir.Value, constant: Array) -> Tensor | None:
    """The linear layer behind x, rebuilt with a bias; None when x is something else."""
    shape = access.shape(x)
    op = access.defining_op(x)
    if op is not None and op.name == "nn.reshape":
        op = access.defining_op(op.operands[0])
    if op is None or op.name != "nn.fully_connected" or len(op.operands) != 2:
        return None
    rows, outputs = access.shape(op.results[0])
    if shape[-1] != outputs or math.prod(shape[:-1]) != rows:
        return None
    if constant.shape[-1:] != (outputs,) or constant.size != outputs:
        return None
    if len(constant.shape) > len(shape):
        return None
    y = fully_connected(op.operands[0], op.operands[1], constant.reshape(-1))
    return emit.reshape(y, shape)


def _sub(node: Node) -> Result:
    a, b = node.real(0), node.real(1)
    if isinstance(b, np.ndarray):
        return emit.binary("nn.add", a, -b.astype(np.float32))
    return emit.binary("nn.sub", a, b)


def _mul(node: Node) -> Result:
    """Mul(a, b), which may complete a SiLU or a GELU that the exporter took apart."""
    a, b = node.real(0), node.real(1)
    for x, y in ((a, b), (b, a)):
        if isinstance(x, ir.Value) and _is_sigmoid_of(y, x):
            return emit.unary(x, "silu")
    product = emit.binary("nn.mul", a, b)
    return gelu.recognize(product) or product


def _is_sigmoid_of(y: Tensor, x: ir.Value) -> bool:
    op = access.defining_op(y) if isinstance(y, ir.Value) else None
    if op is None or op.name != "nn.unary" or access.string(op, "fn") != "sigmoid":
        return False
    return bool(op.operands[0] == x)


def _div(node: Node) -> Result:
    """Div(x, y) for a constant y, as a multiplication."""
    y = node.constant(1, "the divisor")
    if not np.all(y):
        raise Unsupported("a division by zero", "correct the divisor")
    node.real(1)
    inverse: Array = (1.0 / y.astype(np.float64)).astype(np.float32)
    return emit.binary("nn.mul", node.real(0), inverse)


def _power(node: Node) -> Result:
    """Pow(x, y) for a constant y of 1, 2, 3 or 1/2."""
    return emit.power(node.activation(0), node.number(1, "the exponent", 1.0))


def _sum(node: Node) -> Result:
    """Sum of any number of tensors."""
    tensors = [node.real(i) for i in range(len(node.inputs))]
    return reduce(partial(emit.binary, "nn.add"), tensors)


def _bound(largest: bool, node: Node) -> Result:
    """Max and Min of any number of tensors; a clamp when all but one are one number everywhere."""
    tensors = [node.real(i) for i in range(len(node.inputs))]
    constants = [constant_of(tensor) for tensor in tensors]
    open_ends = [t for t, c in zip(tensors, constants, strict=True) if c is None]
    bounds = [c for c in constants if c is not None]
    name = "nn.maximum" if largest else "nn.minimum"
    if len(open_ends) != 1 or not all(c.size > 0 and float(np.ptp(c)) == 0 for c in bounds):
        return reduce(partial(emit.binary, name), tensors)
    x = materialize(open_ends[0])
    if np.broadcast_shapes(access.shape(x), *(c.shape for c in bounds)) != access.shape(x):
        return reduce(partial(emit.binary, name), tensors)
    numbers = [float(c.reshape(-1)[0].item()) for c in bounds]
    return (
        emit.clamp(x, max(numbers), math.inf) if largest else emit.clamp(x, -math.inf, min(numbers))
    )


def _softmax(name: str, node: Node) -> Result:
    """Softmax(x) and LogSoftmax(x): the axis moves last."""
    x = node.real(0)
    index = node.axis(-1, len(shape_of(x)))
    last = materialize(emit.axis_last(x, index))
    return emit.axis_from_last(build.op(name, [last], access.shape(last), "f32"), index)


def _unary_entry(fn: str) -> Entry:
    return Entry(partial(_unary, fn), ("nn.unary",))


def _alpha_entry(fn: str, default: float) -> Entry:
    convert: Callable[[Node], Result] = partial(_with_alpha, fn, default)
    return Entry(convert, ("nn.unary",))


_CLAMP, _UNARY = ("nn.clamp",), ("nn.unary",)

ENTRIES: dict[str, Entry] = {
    "Relu": Entry(_relu, _CLAMP),
    "Clip": Entry(_clip, _CLAMP),
    "Max": Entry(partial(_bound, True), ("nn.maximum", "nn.clamp")),
    "Min": Entry(partial(_bound, False), ("nn.minimum", "nn.clamp")),
    "HardSwish": _unary_entry("hard_swish"),
    "HardSigmoid": Entry(_hard_sigmoid, ("nn.unary", "nn.mul", "nn.add", "nn.clamp")),
    "Sigmoid": _unary_entry("sigmoid"),
    "Tanh": _unary_entry("tanh"),
    "Abs": _unary_entry("abs"),
    "Neg": _unary_entry("neg"),
    "Exp": _unary_entry("exp"),
    "Sqrt": _unary_entry("sqrt"),
    "LeakyRelu": _alpha_entry("leaky_relu", 0.01),
    "PRelu": Entry(_prelu, _UNARY),
    "Elu": _alpha_entry("elu", 1.0),
    "Gelu": Entry(_gelu, ("nn.unary", "nn.mul", "nn.add")),
    "Erf": Entry(_erf, _UNARY),
    "Add": Entry(_add, ("nn.add", "nn.fully_connected")),
    "Sub": Entry(_sub, ("nn.sub", "nn.add")),
    "Mul": Entry(_mul, ("nn.mul", "nn.unary")),
    "Div": Entry(_div, ("nn.mul",)),
    "Pow": Entry(_power, ("nn.mul", "nn.unary")),
    "Sum": Entry(_sum, ("nn.add",)),
    "Softmax": Entry(partial(_softmax, "nn.softmax"), ("nn.softmax",)),
    "LogSoftmax": Entry(partial(_softmax, "nn.log_softmax"), ("nn.log_softmax",)),
}

REMEDIES: dict[str, str] = {
    "Selu": "use Elu or Relu",
    "Celu": "use Elu or Relu",
    "Softplus": "use Relu",
    "Mish": "use HardSwish",
    "ThresholdedRelu": "use Relu",
    "Reciprocal": "multiply by a constant instead",
    "Log": "end the model before it, or use LogSoftmax",
}
