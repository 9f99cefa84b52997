"""Write the QDQ form: where a float model becomes int8."""

from collections.abc import Set
from dataclasses import dataclass

from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.base import PassContext
from tinyiree.passes.qdq.complete import complete_qdq
from tinyiree.passes.qdq.constants import quantize_operands, quantize_weight
from tinyiree.passes.qdq.sharing import Plan, kept_by_rule, plan
from tinyiree.passes.qdq.traits import WEIGHTED, compute_ops, rule_of
from tinyiree.passes.settings import Quantization

KEEP_FLOAT = "tiny.keep_float"


@dataclass(frozen=True)
class Quantize:
    """Put quantize and dequantize around every layer, and make weights int8 and biases int32.

    ::

        %1 = nn.conv2d(%x, %w, %b)       %q = nn.quantize(%x)          (int8)
        %2 = nn.clamp(%1)                %x1 = nn.dequantize(%q)
        return %2                  ->    %w1 = nn.dequantize(dense<i8>)
                                         %b1 = nn.dequantize(dense<i32>)
                                         %1 = nn.conv2d(%x1, %w1, %b1)
                                         %2 = nn.clamp(%1)
                                         %r = nn.quantize(%2)
                                         %3 = nn.dequantize(%r)
                                         return %3

    Ops that only move values share one scale and zero point with what they move. Layers that a rule
    keeps in float get the attribute ``tiny.keep_float``. A model that brings its own quantization
    is completed where parts of the form are missing (``passes/qdq/complete.py``).
    """

    @property
    def name(self) -> str:
        """The pass's name."""
        return "quantize"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Rewrite a calibrated float module, or complete a QDQ module.

        A float build, and a model that was imported as integers, are left alone.

        Raises:
            TinyireeError: a range is not known, or a rule matches no layer.
        """
        if access.is_integer_program(module):
            return
        with module.context:
            if any(access.named(module, "nn.quantize")):
                if context.quantization is not None:
                    _mark(module, kept_by_rule(compute_ops(module), context.quantization))
                complete_qdq(module)
            elif context.quantization is not None:
                _write(module, plan(module, context.quantization), context.quantization)
        build.erase_dead(module)


def _write(module: ir.Module, found: Plan, quantization: Quantization) -> None:
    ops = compute_ops(module)
    per_channel = [_per_channel(op, quantization) for op in ops]
    _mark(module, found.kept)
    for value in found.parameters:
        if not access.is_constant(value) and list(value.uses):
            _quantize_value(module, value, found)
    for op, each_channel in zip(ops, per_channel, strict=True):
        if op.results[0] in found.kept:
            continue
        if op.name in WEIGHTED:
            quantize_weight(op, each_channel)
        else:
            quantize_operands(op, found.parameters)


def _mark(module: ir.Module, kept: Set[ir.Value]) -> None:
    for op in compute_ops(module):
        if op.results[0] in kept:
            op.attributes[KEEP_FLOAT] = ir.UnitAttr.get()


def _per_channel(op: ir.Operation, quantization: Quantization) -> bool:
    rule = rule_of(op, quantization)
    if rule is None or rule.per_channel is None:
        return quantization.per_channel
    return rule.per_channel


def _quantize_value(module: ir.Module, value: ir.Value, found: Plan) -> None:
    """Quantize a value right after its definition; float layers read a float layer's own result."""
    op = access.defining_op(value)
    stays_float = value in found.kept
    uses = [
        (user, use.operand_number)
        for use in value.uses
        for user in [use.owner.operation]
        if not (stays_float and (user.name == "func.return" or user.results[0] in found.kept))
    ]
    if not uses:
        return
    block = access.main_block(module)
    point = ir.InsertionPoint.at_block_begin(block) if op is None else ir.InsertionPoint.after(op)
    location = uses[0][0].location if op is None else op.location
    with point, location:
        stored = found.parameters[value].write(value)
    for user, index in uses:
        user.operands[index] = stored
