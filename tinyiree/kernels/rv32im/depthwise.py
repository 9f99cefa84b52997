"""``rv32im.depthwise_3x3`` and ``rv32im.depthwise``: one filter for each channel."""

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels import structs
from tinyiree.kernels.channels import Channels, Int64
from tinyiree.kernels.kernel import Array, Packed
from tinyiree.kernels.rv32im import rescale
from tinyiree.kernels.rv32im.dense import STRUCT, fields, weights_of
from tinyiree.kernels.window import batch_problem


def _flat(op: ir.Operation) -> Int64:
    weights = weights_of(op)
    return weights.reshape(len(weights), -1)


def problem(op: ir.Operation) -> str | None:
    """Why neither kernel can compute the op."""
    outputs, _, _, depth = access.shape(op.operands[1])
    groups = access.integer(op, "groups")
    if depth != 1 or outputs != groups or access.shape(op.operands[0])[3] != groups:
        return "not one filter for each channel"
    return (
        batch_problem(op) or rescale.problem(op, _flat(op)) or structs.too_large(STRUCT, fields(op))
    )


def _beyond(op: ir.Operation, axis: int) -> int:
    """How far the last window reaches behind the image."""
    stride, pad = access.ints(op, "strides")[axis], access.ints(op, "padding")[axis]
    last = (access.shape(op.results[0])[1 + axis] - 1) * stride - pad + 3
    return last - access.shape(op.operands[0])[1 + axis]


def problem_3x3(op: ir.Operation) -> str | None:
    """Why the kernels for 3x3 cannot compute the op."""
    found = problem(op)
    if found is not None:
        return found
    if access.shape(op.operands[1])[1:3] != (3, 3) or access.ints(op, "dilations") != [1, 1]:
        return "not a window of 3x3"
    if access.ints(op, "strides")[1] > 2:
        return "a step of more than two pixels"
    if max(*access.ints(op, "padding")[:2], _beyond(op, 0), _beyond(op, 1)) > 1:
        return "windows that miss two rows or columns"
    return None


def _signed(op: ir.Operation) -> bool:
    return rescale.rescale(op, Channels.of(op)).add_if_negative != 0


def problem_positive(op: ir.Operation) -> str | None:
    """Why the kernel for sums whose sign does not matter cannot compute the op."""
    found = problem_3x3(op)
    if found is None and _signed(op):
        found = "halves of negative results that go away from zero"
    return found


def problem_signed(op: ir.Operation) -> str | None:
    """Why the kernel for halves that go away from zero cannot compute the op."""
    found = problem_3x3(op)
    if found is None and not _signed(op):
        found = "halves that all go up"
    return found


def _packed(op: ir.Operation, weights: Int64) -> Packed:
    channels = rescale.rescale(op, Channels.of(op)).packed(rescale.folded(op, _flat(op)))
    arrays: dict[str, Array] = {"weights": weights.astype(np.int8), "channels": channels}
    return Packed(STRUCT, fields(op), arrays)


def pack_3x3(op: ir.Operation) -> Packed:
    """Nine weights for each channel."""
    return _packed(op, _flat(op))


def pack(op: ir.Operation) -> Packed:
    """Weights tap by tap."""
    return _packed(op, np.ascontiguousarray(_flat(op).T))


def scratch(op: ir.Operation) -> int:
    """A table of pointers, and a row of zero points."""
    _, height, width, _ = access.shape(op.operands[1])
    return 4 * height * width + access.shape(op.operands[0])[3]
