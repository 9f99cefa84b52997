"""Kernels compute int8: what keeps ops of other element types from them."""

from iree.compiler import ir

from tinyiree.ir import access


def other_types(op: ir.Operation) -> str | None:
    """Why no kernel computes an op: data or weights wider than int8. None when they are not.

    The normal form has the same ops for int16 data, and int16 weights where the zero point of uint8
    weights was subtracted from them.
    """
    if not op.name.startswith("qnn."):
        return None
    weights = list(op.operands)[1:2] if op.name in ("qnn.conv2d", "qnn.fully_connected") else []
    for value in (op.operands[0], op.results[0], *weights):
        if access.element_type(value) != "i8":
            return f"operands of {access.element_type(value)}"
    return None
