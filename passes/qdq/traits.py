"""What quantization needs to know of each float operator, as tables."""

import math

from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.passes.settings import LayerRule, Quantization

LAYOUT = frozenset(
    {
        "nn.reshape",
        "nn.transpose",
        "nn.slice",
        "nn.max_pool2d",
        "nn.upsample_nearest",
        "nn.gather",
        "nn.pad",
        "nn.concat",
    }
)
"""Ops that move values and do not change them: result and operands share their parameters."""

WEIGHTED = frozenset({"nn.conv2d", "nn.fully_connected"})
"""Ops with a weight (operand 1) and perhaps a bias (operand 2)."""

TAKES_CLAMP = WEIGHTED | {
    "nn.batch_matmul",
    "nn.add",
    "nn.sub",
    "nn.mul",
    "nn.avg_pool2d",
    "nn.mean",
    "nn.unary",
    "nn.clamp",
}
"""Ops into whose integer form a following clamp goes: what lies between is never stored."""

FIXED_RANGE: dict[str, tuple[float, float]] = {
    "softmax": (0.0, 255 / 256),
    "sigmoid": (0.0, 255 / 256),
    "tanh": (-1.0, 127 / 128),
}
"""Range of functions whose output is bounded: scale 1/256 or 1/128, as TFLite has it."""

SATURATES: dict[str, tuple[float, float]] = {
    "hard_swish": (-3.0, math.inf),
    "hard_sigmoid": (-3.0, 3.0),
    "sigmoid": (-6.5, 6.5),
    "tanh": (-3.5, 3.5),
}
"""Operand range outside which a function is constant, to half a step of its int8 result."""


def is_activation(value: ir.Value) -> bool:
    """True for a float32 tensor that is no constant."""
    return access.element_type(value) == "f32" and not access.is_constant(value)


def function_name(op: ir.Operation) -> str:
    """``sigmoid`` for that ``nn.unary``, ``softmax`` for ``nn.softmax``."""
    return access.string(op, "fn") if op.name == "nn.unary" else op.name.removeprefix("nn.")


def clamp_after(op: ir.Operation) -> ir.Operation | None:
    """The clamp that belongs to an op: its only user, when the op can take one."""
    if op.name not in TAKES_CLAMP or not op.results:
        return None
    user = access.only_user(op.results[0])
    return user if user is not None and user.name == "nn.clamp" else None


def with_clamps(op: ir.Operation) -> list[ir.Operation]:
    """An op and the clamps that belong to it, in order; the op may be one of those clamps."""
    head = op
    while head.name == "nn.clamp":
        behind = access.defining_op(head.operands[0])
        if behind is None or clamp_after(behind) is None:
            break
        head = behind
    chain = [head]
    while (clamp := clamp_after(chain[-1])) is not None:
        chain.append(clamp)
    return chain


def rule_of(op: ir.Operation, quantization: Quantization) -> LayerRule | None:
    """The rule of an op's layer; an op and the clamps that belong to it are of one mind."""
    rules = (quantization.rule(access.layer_name(each)) for each in with_clamps(op))
    return next((rule for rule in rules if rule is not None), None)


def compute_ops(module: ir.Module) -> list[ir.Operation]:
    """The ``nn`` ops of main, in order."""
    return [op for op in access.operations(module) if op.name.startswith("nn.")]
