"""Complete the QDQ form of a model that was quantized elsewhere (torchao PT2E, QAT)."""

import math
from collections.abc import Callable

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.qdq.constants import complete_bias, quantize_operands
from tinyiree.passes.qdq.parameters import Parameters, from_range, parameters_behind, parameters_of
from tinyiree.passes.qdq.traits import (
    FIXED_RANGE,
    LAYOUT,
    WEIGHTED,
    compute_ops,
    function_name,
    is_activation,
    with_clamps,
)

_UNARY_RANGE: dict[str, Callable[[float, float, float], tuple[float, float]]] = {
    "hard_swish": lambda low, high, alpha: (max(low, -0.375), high),
    "silu": lambda low, high, alpha: (max(low, -0.28), high),
    "gelu": lambda low, high, alpha: (max(low, -0.17), high),
    "elu": lambda low, high, alpha: (max(low, -abs(alpha)), high),
    "hard_sigmoid": lambda low, high, alpha: (0.0, 1.0),
    "leaky_relu": lambda low, high, alpha: (min(alpha * low, low * (alpha > 1), 0.0), high),
    "abs": lambda low, high, alpha: (0.0, max(-low, high)),
    "neg": lambda low, high, alpha: (-high, -low),
    "exp": lambda low, high, alpha: (0.0, math.exp(min(high, 80.0))),
    "sqrt": lambda low, high, alpha: (0.0, math.sqrt(max(high, 0.0))),
}
"""Range of each function's result for an operand in [low, high], where low <= 0 <= high.

The functions without a bound at 0, ``log`` and ``rsqrt``, are not here."""


def complete_qdq(module: ir.Module) -> None:
    """Bring a module with quantize ops to the QDQ form of the normal form, in place.

    - a float constant that is quantized becomes an int8 constant;
    - several dequantizes of one tensor become one, which all users of the tensor read;
    - an op that moves values, before a quantize or after a dequantize, gets the same parameters on
      both sides;
    - a clamp, average or elementwise function of an int8 tensor whose result was left float gets
      parameters that follow from its operand's;
    - a float bias becomes int32, with scale = input scale x weight scale; a float constant operand
      of an int8 add, sub or mul becomes int8.

    Anything else that was left float stays float. Needs the module's context.
    """
    for op in access.named(module, "nn.quantize"):
        if access.is_constant(op.operands[0]):
            _fold(op)
    for value in [*access.main_block(module).arguments, *_results(module)]:
        _use_one_dequantize(value)
    for op in reversed(compute_ops(module)):
        if op.name in LAYOUT:
            _complete_operands(module, op)
    for op in compute_ops(module):
        _complete_result(op)
    for op in compute_ops(module):
        if op.name in WEIGHTED:
            complete_bias(op)
        elif _has_int8_neighbours(op):
            quantize_operands(op, {})


def _results(module: ir.Module) -> list[ir.Value]:
    """Float results of ops, those that are dequantized aside."""
    edges = ("nn.quantize", "nn.dequantize")
    return [op.results[0] for op in compute_ops(module) if op.name not in edges]


def _fold(op: ir.Operation) -> None:
    """``nn.quantize(constant)`` -> int8 constant."""
    array = access.constant(op.operands[0]).astype(np.float64)
    shape = [1] * array.ndim
    scales, zero_points = (
        np.array(access.floats(op, "scales")),
        np.array(access.ints(op, "zero_points")),
    )
    if len(scales) > 1:
        shape[access.integer(op, "axis")] = len(scales)
        scales, zero_points = scales.reshape(shape), zero_points.reshape(shape)
    steps = np.clip(np.rint(array / scales) + zero_points, -128, 127).astype(np.int8)
    with build.before(op), op.location:
        build.replace(op, build.constant(steps))


def _use_one_dequantize(value: ir.Value) -> None:
    """Let every user of a quantized float value read the first dequantize of it.

    What is dequantized and quantized again changes parameters for one user, not for all, and is not
    given here.
    """
    if not is_activation(value):
        return
    quantizes: dict[tuple[float, ...], ir.Operation] = {}
    for op in [user for user in access.users(value) if user.name == "nn.quantize"]:
        _move_up(op, value)
        key = (*access.floats(op, "scales"), *access.ints(op, "zero_points"))
        same = quantizes.setdefault((*key, access.integer(op, "axis")), op)
        if same != op:
            build.replace(op, same.results[0])
    for op in quantizes.values():
        readers = [u for u in access.users(op.results[0]) if u.name == "nn.dequantize"]
        for reader in readers:
            _move_up(reader, op.results[0])
        for other in readers[1:]:
            if parameters_of(other) == parameters_of(readers[0]):
                build.replace(other, readers[0].results[0])
    first = _dequantized(value)
    if first is None:
        return
    for use in list(value.uses):
        user = use.owner.operation
        if user.name != "nn.quantize":
            user.operands[use.operand_number] = first


def _move_up(op: ir.Operation, value: ir.Value) -> None:
    """Move an op right behind the value that it reads, before all other users."""
    source = access.defining_op(value)
    if source is not None:
        op.move_after(source)
        return
    top = next(iter(op.block.operations)).operation
    if top != op:
        op.move_before(top)


def _dequantized(value: ir.Value) -> ir.Value | None:
    """The dequantized form of a value, when it is quantized per tensor."""
    for user in access.users(value):
        if user.name == "nn.quantize" and parameters_of(user) is not None:
            for reader in access.users(user.results[0]):
                if reader.name == "nn.dequantize":
                    return reader.results[0]
    return None


def _stored_parameters(value: ir.Value) -> Parameters | None:
    """Parameters of the first per-tensor quantize of a value."""
    found = (parameters_of(u) for u in access.users(value) if u.name == "nn.quantize")
    return next((parameters for parameters in found if parameters is not None), None)


def _store(module_value: ir.Value, parameters: Parameters) -> None:
    """Quantize a value right after its definition, for all its users."""
    op = access.defining_op(module_value)
    uses = [(use.owner.operation, use.operand_number) for use in module_value.uses]
    if op is None:
        point = ir.InsertionPoint.at_block_begin(module_value.owner)
    else:
        point = ir.InsertionPoint.after(op)
    with point, op.location if op is not None else uses[0][0].location:
        stored = parameters.write(module_value)
    for user, index in uses:
        user.operands[index] = stored


def _complete_operands(module: ir.Module, op: ir.Operation) -> None:
    """A layout op whose result is quantized: its operands get the same parameters."""
    parameters = _stored_parameters(op.results[0])
    if parameters is None:
        return
    for operand in op.operands:
        if not is_activation(operand) or parameters_behind(operand) is not None:
            continue
        producer = access.defining_op(operand)
        if (
            producer is None
            or producer.name in LAYOUT
            or _reads_int8(with_clamps(producer)[0], True)
        ):
            _store(operand, parameters)
    quantize_operands(op, dict.fromkeys(op.operands, parameters))


def _reads_int8(op: ir.Operation, or_will: bool = False) -> bool:
    """True when every activation that an op reads is dequantized from int8.

    ``or_will`` also counts what layout ops move from int8, which they will get.
    """
    read = [operand for operand in op.operands if is_activation(operand)]
    data = [operand for operand in read if not _is_parameter(operand)]
    return bool(data) and all(_is_int8(operand, or_will) for operand in data)


def _is_int8(value: ir.Value, or_will: bool) -> bool:
    if parameters_behind(value) is not None:
        return True
    op = access.defining_op(value)
    return or_will and op is not None and op.name in LAYOUT and _reads_int8(op, or_will)


def _is_parameter(value: ir.Value) -> bool:
    """True for a dequantized constant."""
    op = access.defining_op(value)
    return op is not None and op.name == "nn.dequantize" and access.is_constant(op.operands[0])


def _complete_result(op: ir.Operation) -> None:
    """An op of int8 operands whose result was left float: parameters that follow from theirs."""
    if op.name in ("nn.quantize", "nn.dequantize") or not is_activation(op.results[0]):
        return
    chain = with_clamps(op)
    result = chain[-1].results[0]
    if chain[0] != op or _stored_parameters(result) is not None or not list(result.uses):
        return
    if not _reads_int8(op):
        return
    operands = [parameters_behind(v) for v in op.operands if is_activation(v)]
    parameters = _derive(op, [p for p in operands if p is not None])
    if parameters is not None:
        _store(result, parameters)


def _derive(op: ir.Operation, operands: list[Parameters]) -> Parameters | None:
    """Parameters with which the result loses no range, or None when that would cost precision."""
    first = operands[0]
    if op.name in (*LAYOUT, "nn.maximum", "nn.minimum"):
        if all(parameters == first for parameters in operands):
            return first
        return from_range(min(p.low for p in operands), max(p.high for p in operands))
    if op.name in ("nn.clamp", "nn.avg_pool2d", "nn.mean"):
        return first
    function = function_name(op)
    if function in FIXED_RANGE:
        return from_range(*FIXED_RANGE[function])
    if op.name == "nn.log_softmax":
        return from_range(first.low - first.high - math.log(access.shape(op.results[0])[-1]), 0.0)
    if op.name == "nn.unary" and function in _UNARY_RANGE:
        return from_range(
            *_UNARY_RANGE[function](first.low, first.high, access.number(op, "alpha"))
        )
    return None


def _has_int8_neighbours(op: ir.Operation) -> bool:
    result = op.results[0] if op.results else None
    return (
        op.name in ("nn.add", "nn.sub", "nn.mul", "nn.batch_matmul")
        and result is not None
        and _reads_int8(op)
        and _stored_parameters(with_clamps(op)[-1].results[0]) is not None
    )
