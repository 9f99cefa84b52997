"""Layout: frontends write transposes around every spatial op; this pass takes them away."""

from dataclasses import dataclass
from typing import ClassVar

from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.base import PassContext
from tinyiree.passes.views.rows import reorder_rows
from tinyiree.passes.views.rules import RULES, as_it_was
from tinyiree.passes.views.trace import Materializer, Traced, Weight, trace
from tinyiree.passes.views.view import View


@dataclass(frozen=True)
class PropagateLayout:
    """Keep activations channels last: transposes and reshapes sink until they cancel.

    ::

        conv(nhwc(relu(nchw(conv(nhwc(x))))))     ->   conv(relu(conv(nhwc(x))))
        add(nchw(a), nchw(b))                     ->   nchw(add(a, b))
        fc(flatten(nchw(x)), weights)             ->   fc(flatten(x), weights in the order of x)
        transpose(reshape(fc(x, weights)))        ->   reshape(fc(x, weights in another order))
        transpose(constant)                       ->   constant
        transpose that moves extent-1 axes only   ->   reshape

    The program is rebuilt in one walk. Each tensor is kept as a base and a view of it
    (`layout_view`): a transpose or reshape only changes the view, an elementwise op works on the
    base, and an op that needs its operand as it was gets it laid out there, once.
    """

    name: ClassVar[str] = "propagate-layout"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Rewrite the module; there is nothing that it refuses."""
        with module.context:
            _rebuild(module)
            reorder_rows(module)
            build.erase_dead(module)


def _rebuild(module: ir.Module) -> None:
    block = access.main_block(module)
    make = Materializer()
    tensors: dict[ir.Value, Traced] = {argument: trace(argument) for argument in block.arguments}
    old = access.operations(module)
    for op in old:
        with ir.InsertionPoint(op), op.location:
            if op.name == "func.return":
                for i, operand in enumerate(list(op.operands)):
                    op.operands[i] = make.value(tensors[operand])
            elif op.name == "arith.constant":
                array = access.constant(op.results[0])
                weight = Weight(array, op.location)
                tensors[op.results[0]] = Traced(weight, View.identity(array.shape))
            else:
                operands = [tensors[operand] for operand in op.operands]
                rule = RULES.get(op.name, as_it_was)
                tensors[op.results[0]] = rule(op, operands, make)
    for op in reversed(old[:-1]):
        op.erase()
