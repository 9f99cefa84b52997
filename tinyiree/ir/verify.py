"""The verifier of the normal form, run after every pass."""

from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir.access import describe, element_type, operations
from tinyiree.ir.dialect import (
    CAST_TYPES,
    FUNCTIONS,
    QNN_ROUNDINGS,
    ROUNDINGS,
    SPECS,
    AttributeKind,
    OpSpec,
)
from tinyiree.ir.state import verify_states

_OUTSIDE = ("arith.constant", "func.return")


def verify(module: ir.Module) -> None:
    """Check that a module is in normal form.

    Raises:
        TinyireeError: naming the first op that is not, with what was expected and found.
    """
    try:
        module.operation.verify()
    except ir.MLIRError as error:
        raise TinyireeError(f"the module is not valid MLIR: {error}") from error
    for op in operations(module):
        if op.name not in _OUTSIDE:
            _verify_op(op)
    verify_states(module)


def _verify_op(op: ir.Operation) -> None:
    spec = SPECS.get(op.name)
    if spec is None:
        raise TinyireeError(
            f"{describe(op)}: not an operator of the normal form (see `tinyiree ops`)"
        )
    low, high = spec.operands
    if len(op.operands) < low or (high is not None and len(op.operands) > high):
        wanted = str(low) if low == high else f"{low} to {high or 'any number of'}"
        raise TinyireeError(f"{describe(op)}: expected {wanted} operands, found {len(op.operands)}")
    _verify_types(op, spec)
    for name, kind in spec.attributes.items():
        _verify_attribute(op, name, kind)
    for name, kind in spec.optional.items():
        if name in op.attributes:
            _verify_attribute(op, name, kind)
    if "rounding" in spec.optional and "rounding" in op.attributes:
        _verify_rounding(op)
    if "fn" in spec.attributes:
        _verify_choice(op, "fn", FUNCTIONS[op.name])
    if op.name == "nn.cast":
        _verify_choice(op, "source", tuple(CAST_TYPES))
        _verify_choice(op, "target", tuple(CAST_TYPES))


def _verify_choice(op: ir.Operation, name: str, choices: tuple[str, ...]) -> None:
    found = ir.StringAttr(op.attributes[name]).value
    if found not in choices:
        what = "function" if name == "fn" else name
        raise TinyireeError(
            f"{describe(op)}: unknown {what} '{found}', expected one of {', '.join(choices)}"
        )


def _verify_types(op: ir.Operation, spec: OpSpec) -> None:
    for value in (*op.operands, *op.results):
        if not isinstance(value.type, ir.RankedTensorType):
            raise TinyireeError(f"{describe(op)}: expected tensors, found {value.type}")
        if not value.type.has_static_shape:
            raise TinyireeError(f"{describe(op)}: expected a static shape, found {value.type}")
    data = element_type(op.operands[0])
    if data not in spec.data:
        raise TinyireeError(f"{describe(op)}: expected {' or '.join(spec.data)} data, found {data}")
    expected = spec.result or (data,)
    found = element_type(op.results[0])
    if found not in expected:
        raise TinyireeError(
            f"{describe(op)}: expected a result of {' or '.join(expected)}, found {found}"
        )


def _verify_attribute(op: ir.Operation, name: str, kind: AttributeKind) -> None:
    if name not in op.attributes:
        raise TinyireeError(f"{describe(op)}: attribute '{name}' ({kind}) is missing")
    attribute = op.attributes[name]
    kinds: dict[AttributeKind, type[ir.Attribute]] = {
        "i64": ir.IntegerAttr,
        "f64": ir.FloatAttr,
        "bool": ir.BoolAttr,
        "str": ir.StringAttr,
        "i64[]": ir.DenseI64ArrayAttr,
        "f64[]": ir.DenseF64ArrayAttr,
    }
    if not isinstance(attribute, kinds[kind]):
        raise TinyireeError(
            f"{describe(op)}: attribute '{name}' should be {kind}, found {attribute}"
        )


def _verify_rounding(op: ir.Operation) -> None:
    expected = ROUNDINGS.get(op.name, QNN_ROUNDINGS)
    found = ir.StringAttr(op.attributes["rounding"]).value
    if found not in expected:
        raise TinyireeError(
            f"{describe(op)}: unknown rounding '{found}', expected one of {', '.join(expected)}"
        )
