"""Clamps move up to the op whose result they bound."""

from dataclasses import dataclass

from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.base import PassContext

# Each gives elements of its operand, so that clamping before and after is the same. Zero padding is
# not among them: the clamp may change the zeros.
_MOVERS = ("nn.max_pool2d", "nn.reshape", "nn.transpose", "nn.slice", "nn.upsample_nearest")


@dataclass(frozen=True)
class HoistClamp:
    """Move a clamp (relu, relu6, hardtanh) above ops that only pick or move elements.

        conv2d -> max_pool2d -> clamp  =>  conv2d -> clamp -> max_pool2d

    There the convolution takes it into its output bounds for free, and the range that is calibrated
    is the one after the clamp.
    """

    name: str = "hoist-clamp"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Rewrite the module in place; exact."""
        with module.context:
            while any(_hoist(op) for op in access.named(module, "nn.clamp")):
                pass


def _hoist(clamp: ir.Operation) -> bool:
    mover = access.defining_op(clamp.operands[0])
    if mover is None or mover.name not in _MOVERS:
        return False
    if access.only_user(mover.results[0]) is None:
        return False
    source = mover.operands[0]
    low, high = access.number(clamp, "min"), access.number(clamp, "max")
    with build.before(mover), clamp.location:
        bounded = build.op("nn.clamp", [source], access.shape(source), "f32", min=low, max=high)
    mover.operands[0] = bounded
    build.replace(clamp, mover.results[0])
    return True
