"""``nn.transpose`` that brings the channels of an image last: what PyTorch's inputs begin with.

Not in the catalogue, as there is nothing to choose: a row of the result needs a row of each plane,
so that the result never has to exist whole where a chain of layers begins with it.
"""

import math

from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import structs
from tinyiree.kernels.kernel import Kernel, Packed, Reads
from tinyiree.kernels.walk import Shape, Walk

STRUCT = "tinyiree_channels_last_t"
MIN_BYTES = 64
"""Of an image that is worth a kernel of its own."""


def _fields(op: ir.Operation) -> dict[str, int]:
    _, channels, height, width = access.shape(op.operands[0])
    return {"height": height, "width": width, "channels": channels}


def problem(op: ir.Operation) -> str | None:
    """Why the kernel cannot compute the op."""
    shape = access.shape(op.operands[0])
    if access.element_type(op.operands[0]) != "i8":
        return f"elements of {access.element_type(op.operands[0])}"
    if len(shape) != 4 or shape[0] != 1 or access.ints(op, "permutation") != [0, 2, 3, 1]:
        return "no image whose channels come last"
    if access.is_constant(op.operands[0]) or math.prod(shape) < MIN_BYTES:
        return "a small image"
    return structs.too_large(STRUCT, _fields(op))


def pack(op: ir.Operation) -> Packed:
    """``tinyiree_channels_last_t``."""
    return Packed(STRUCT, _fields(op), {})


def planes_walk(op: ir.Operation) -> Walk:
    """From the planes of the input to the rows of the output."""
    _, channels, height, width = access.shape(op.operands[0])
    window = {"in_channels": channels}
    return Walk(Reads.ROW, Shape.PLANES, window, height, width, 1, channels)


def _no_scratch(op: ir.Operation) -> int:
    del op
    return 0


KERNEL = Kernel(
    "portable.channels_last",
    ("portable/channels_last.c",),
    ("nn.transpose",),
    ("tinyiree_portable_channels_last",),
    problem,
    pack,
    _no_scratch,
    Reads.ROW,
)
