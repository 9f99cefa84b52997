"""GELU as exporters before opset 20 write it: ``x / 2 * (1 + erf(x / sqrt(2)))``.

The form is that of Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016. The normal form has
no erf: it is held as an op of its own until the product around it is complete.
"""

import math

from iree.compiler import ir

from tinyiree.importers import emit
from tinyiree.importers.onnx.node import constant_of
from tinyiree.ir import access, build

ERF = "onnx.erf"


def erf(x: ir.Value) -> ir.Value:
    """An op that stands for the error function."""
    kind = build.tensor_type(access.shape(x), "f32")
    return ir.Operation.create(ERF, results=[kind], operands=[x]).result


def recognize(product: ir.Value) -> ir.Value | None:
    """``nn.unary`` gelu when a product is one, in any order of its factors."""
    scale, factors = _factors(product)
    if len(factors) != 2 or not math.isclose(scale, 0.5, rel_tol=1e-4):
        return None
    for x, other in (factors, factors[::-1]):
        if _is_one_plus_erf(other, x):
            return emit.unary(x, "gelu")
    return None


def _is_one_plus_erf(value: ir.Value, x: ir.Value) -> bool:
    op = access.defining_op(value)
    if op is None or op.name != "nn.add":
        return False
    for one, other in (list(op.operands), list(op.operands)[::-1]):
        inner = access.defining_op(other)
        if _number(one) == 1.0 and inner is not None and inner.name == ERF:
            scale, factors = _factors(inner.operands[0])
            return factors == [x] and math.isclose(scale, math.sqrt(0.5), rel_tol=1e-4)
    return False


def _factors(value: ir.Value) -> tuple[float, list[ir.Value]]:
    """A product as a number times tensors."""
    number = _number(value)
    if number is not None:
        return number, []
    op = access.defining_op(value)
    if op is None or op.name != "nn.mul":
        return 1.0, [value]
    (a, left), (b, right) = (_factors(operand) for operand in op.operands)
    return a * b, left + right


def _number(value: ir.Value) -> float | None:
    constant = constant_of(value)
    if constant is None or constant.size != 1:
        return None
    return float(constant.reshape(-1)[0].item())
