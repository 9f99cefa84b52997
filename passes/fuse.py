"""Fewer ops after ``integerize``."""

from collections.abc import Callable
from dataclasses import dataclass

from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.base import PassContext
from tinyiree.passes.fold_padding import fold_into
from tinyiree.passes.fusion.integer import (
    fuse_clamp,
    fuse_requantize,
    fuse_tables,
    remove_full_clamp,
)
from tinyiree.passes.fusion.layout import (
    cancel_quantize,
    merge_reshapes,
    merge_slices,
    merge_transposes,
    remove_identity,
    transpose_to_reshape,
)

RULES: tuple[Callable[[ir.Operation], bool], ...] = (
    cancel_quantize,
    remove_identity,
    merge_reshapes,
    merge_transposes,
    merge_slices,
    transpose_to_reshape,
    fold_into,
    remove_full_clamp,
    fuse_clamp,
    fuse_requantize,
    fuse_tables,
)
"""Each looks at one op, and returns True after rewriting it; none applies twice to the same op."""


@dataclass(frozen=True)
class Fuse:
    """Merge ops into the one that made their input, and remove ops that do nothing.

        qnn.conv2d -> qnn.clamp                 =>  qnn.conv2d with closer bounds
        qnn.conv2d -> qnn.requantize            =>  qnn.conv2d with other multipliers
        qnn.lookup -> qnn.lookup                =>  qnn.lookup of the composed table
        qnn.requantize -> qnn.lookup            =>  qnn.lookup; also qnn.clamp, in either order
        nn.pad by zero point -> qnn.conv2d      =>  qnn.conv2d with padding; also qnn.avg_pool2d
        reshape -> reshape                      =>  reshape; transposes and slices likewise
        transpose that moves extents of 1       =>  reshape
        identity reshape, slice, pad, concat    =>  nothing
        dequantize -> quantize, same scale      =>  nothing

    An op is merged into its producer only when it is the producer's only user. Merging a requantize
    rounds once where it was twice: the result may differ by one step from the unfused module, and
    is closer to the float one; of a model that brings its own quantization both roundings stay.
    Everything else is exact. Dead code goes.
    """

    @property
    def name(self) -> str:
        """The name in pipelines."""
        return "fuse"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Rewrite the module until no rule applies."""
        with ir.Location.unknown(module.context):
            while _round(module):
                pass


def _round(module: ir.Module) -> bool:
    changed = build.erase_dead(module)
    for rule in RULES:
        for op in access.operations(module):
            # A rule may leave a dead op behind; it goes in the next round.
            alive = not op.results or bool(access.users(op.results[0]))
            changed |= alive and rule(op)
    return changed
