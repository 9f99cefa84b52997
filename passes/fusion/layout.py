"""The rules of ``fuse`` on ops that move elements."""

from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.integer.match import Place, parameters


def cancel_quantize(op: ir.Operation) -> bool:
    """A dequantize and a quantize with the same scale and zero point cancel."""
    if op.name != "nn.quantize":
        return False
    source = access.defining_op(op.operands[0])
    if source is None or source.name != "nn.dequantize":
        return False
    if access.element_type(source.operands[0]) != "i8" or parameters(op) is None:
        return False
    if parameters(op) != parameters(source):
        return False
    build.replace(op, source.operands[0])
    return True


def remove_identity(op: ir.Operation) -> bool:
    """A layout op that changes neither shape nor order."""
    if op.name not in _IS_IDENTITY or len(op.operands) != 1:
        return False
    if op.operands[0].type != op.results[0].type or not _IS_IDENTITY[op.name](op):
        return False
    build.replace(op, op.operands[0])
    return True


def merge_reshapes(op: ir.Operation) -> bool:
    """Only the last shape matters."""
    source = access.defining_op(op.operands[0]) if op.name == "nn.reshape" else None
    if source is None or source.name != "nn.reshape":
        return False
    op.operands[0] = source.operands[0]
    return True


def merge_transposes(op: ir.Operation) -> bool:
    """Two permutations are one."""
    source = access.defining_op(op.operands[0]) if op.name == "nn.transpose" else None
    if source is None or source.name != "nn.transpose":
        return False
    inner = access.ints(source, "permutation")
    permutation = [inner[axis] for axis in access.ints(op, "permutation")]
    op.attributes["permutation"] = build.attribute("permutation", op.name, permutation)
    op.operands[0] = source.operands[0]
    return True


def transpose_to_reshape(op: ir.Operation) -> bool:
    """A transpose that keeps the order of all axes longer than 1 moves nothing in memory."""
    if op.name != "nn.transpose":
        return False
    extents = access.shape(op.operands[0])
    moved = [axis for axis in access.ints(op, "permutation") if extents[axis] > 1]
    if moved != sorted(moved):
        return False
    kind = access.element_type(op.results[0])
    with Place(op):
        result = build.op("nn.reshape", [op.operands[0]], access.shape(op.results[0]), kind)
    build.replace(op, result)
    return True


def merge_slices(op: ir.Operation) -> bool:
    """A slice of a slice is one slice; the inner one goes when nobody else reads it."""
    source = access.defining_op(op.operands[0]) if op.name == "nn.slice" else None
    if source is None or source.name != "nn.slice" or access.only_user(source.results[0]) is None:
        return False
    inner, steps = access.ints(source, "offsets"), access.ints(source, "strides")
    outer = access.ints(op, "offsets")
    offsets = [a + b * step for a, b, step in zip(inner, outer, steps, strict=True)]
    strides = [a * b for a, b in zip(access.ints(op, "strides"), steps, strict=True)]
    op.attributes["offsets"] = build.attribute("offsets", op.name, offsets)
    op.attributes["strides"] = build.attribute("strides", op.name, strides)
    op.operands[0] = source.operands[0]
    return True


def _no_offset(op: ir.Operation) -> bool:
    return not any(access.ints(op, "offsets"))


def _in_order(op: ir.Operation) -> bool:
    permutation = access.ints(op, "permutation")
    return permutation == sorted(permutation)


def _no_padding(op: ir.Operation) -> bool:
    return not any(access.ints(op, "low") + access.ints(op, "high"))


def _single_elements(op: ir.Operation) -> bool:
    return access.ints(op, "kernel") == [1, 1] and not any(access.ints(op, "padding"))


def _always(op: ir.Operation) -> bool:
    return True


_IS_IDENTITY = {
    "nn.concat": _always,
    "nn.max_pool2d": _single_elements,
    "nn.pad": _no_padding,
    "nn.reshape": _always,
    "nn.slice": _no_offset,
    "nn.transpose": _in_order,
    "nn.upsample_nearest": _always,
}
"""Whether an op with equal operand and result types does nothing."""
