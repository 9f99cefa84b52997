"""From the QDQ form to integers only."""

from dataclasses import dataclass

from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.base import PassContext
from tinyiree.passes.integer.contract import batch_matmul, conv2d, fully_connected
from tinyiree.passes.integer.edges import quantize_edges
from tinyiree.passes.integer.elementwise import (
    add,
    clamp,
    extremum,
    mul,
    requantize,
    sub,
    unary,
)
from tinyiree.passes.integer.layout import merge_duplicates, move
from tinyiree.passes.integer.match import Rule, Site, constant_real, keeps_float, site_of
from tinyiree.passes.integer.pool import avg_pool2d, mean
from tinyiree.passes.integer.softmax import log_softmax, softmax


def quantize(site: Site) -> ir.Value | None:
    """A quantize that no other op took: of a constant, or of a dequantize."""
    real = constant_real(site.op.operands[0])
    return requantize(site) if real is None else site.constant(site.output.raw(real))


RULES: dict[str, Rule] = {
    "nn.conv2d": conv2d,
    "nn.fully_connected": fully_connected,
    "nn.batch_matmul": batch_matmul,
    "nn.add": add,
    "nn.sub": sub,
    "nn.mul": mul,
    "nn.maximum": extremum,
    "nn.minimum": extremum,
    "nn.unary": unary,
    "nn.clamp": clamp,
    "nn.softmax": softmax,
    "nn.log_softmax": log_softmax,
    "nn.avg_pool2d": avg_pool2d,
    "nn.mean": mean,
    "nn.quantize": quantize,
}
"""What computes. The ops of ``integer.layout.LAYOUT`` and argmax take int8 as they are."""


@dataclass(frozen=True)
class Integerize:
    """Replace float ops between dequantize and quantize by integer ones.

        dequantize -> conv2d -> clamp -> quantize   =>  qnn.conv2d
        dequantize -> reshape -> quantize           =>  reshape on i8
        dequantize -> sigmoid -> quantize           =>  qnn.lookup
        dequantize -> quantize                      =>  qnn.requantize, or nothing
        main(x: f32) -> quantize                    =>  main(x: i8)

    Multipliers are the scales' quotient, rounded to 31 bits. Layers with ``tiny.keep_float`` stay
    between their dequantize and quantize; so does an op with an input that is not quantized
    (``verify-integer`` says which). Of a model that was imported as integers only the edges change.
    """

    @property
    def name(self) -> str:
        """The name in pipelines."""
        return "integerize"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Rewrite the module.

        Raises:
            TinyireeError: weights are not symmetric, scales are unusable, or an accumulator may
                overflow.
        """
        with ir.Location.unknown(module.context):
            build.erase_dead(module)
            if not access.is_integer_program(module):
                _integerize(module)
            quantize_edges(module)
            build.erase_dead(module)


def _integerize(module: ir.Module) -> None:
    merge_duplicates(module)
    move(module)
    merge_duplicates(module)
    for op in access.operations(module):
        if op.name in RULES and not keeps_float(op):
            _apply(op)
    build.erase_dead(module)


def _apply(op: ir.Operation) -> None:
    site = site_of(op) if access.users(op.results[0]) else None
    value = None if site is None else RULES[op.name](site)
    if site is not None and value is not None:
        site.quantize.results[0].replace_all_uses_with(value)
        _carry_attributes(op, value)


def _carry_attributes(op: ir.Operation, value: ir.Value) -> None:
    """What other passes noted on the layer stays on the layer."""
    target = access.defining_op(value)
    if target is None or not target.name.startswith("qnn."):
        return
    for name, attribute in dict(op.attributes).items():
        if name.startswith("tiny.") and name not in target.attributes:
            target.attributes[name] = attribute
