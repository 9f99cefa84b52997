"""What the costs of a layer depend on, as text: not its weights, zero points or scales."""

from iree.compiler import ir

from tinyiree.ir import access

_GEOMETRY = (
    "strides",
    "padding",
    "dilations",
    "groups",
    "kernel",
    "axes",
    "axis",
    "permutation",
    "low",
    "high",
    "rounding",
    "fn",
)


def signature(op: ir.Operation) -> str:
    """Such as ``qnn.mean 1x8x8x64 -> 1x64 axes=1,2 rounding=single``."""
    operands = " ".join(_shape(value) for value in op.operands)
    parts = [f"{op.name} {operands} -> {_shape(op.results[0])}"]
    for name in _GEOMETRY:
        if name == "rounding":
            parts.append(f"rounding={access.rounding(op)}")
        elif name in op.attributes:
            parts.append(f"{name}={_text(op.attributes[name])}")
    return " ".join(parts)


def _shape(value: ir.Value) -> str:
    element = access.element_type(value)
    shape = "x".join(map(str, access.shape(value)))
    return shape if element == "i8" or access.is_constant(value) else f"{shape}x{element}"


def _text(attribute: ir.Attribute) -> str:
    if isinstance(attribute, ir.DenseI64ArrayAttr):
        return ",".join(str(value) for value in attribute)
    if isinstance(attribute, ir.StringAttr | ir.IntegerAttr):
        return str(attribute.value)
    return str(attribute)
