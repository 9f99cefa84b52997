"""Ops between element types: casts, comparisons, selection."""

from tinyiree.ir import access
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.text import Scalar, Tensor, Writer, along

_UINT8_OFFSET = 128
_PREDICATES = {
    "equal": ("eq", "oeq"),
    "not_equal": ("ne", "une"),
    "greater": ("sgt", "ogt"),
    "greater_equal": ("sge", "oge"),
}
"""Of integers and of floats."""

_RANGES = {
    "int8": (-(2**7), 2**7 - 1),
    "uint8": (0, 2**8 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
_ELEMENTS = {"int8": "i8", "uint8": "i8", "int16": "i16", "int32": "i32", "int64": "i64"}


def broadcast(w: Writer, layer: Layer, count: int) -> tuple[list[tuple[Tensor, str]], str]:
    """The first operands with maps that repeat axes of extent 1, and the map of the result.

    An axis that is repeated is dropped from the operand, so that all maps are projections.
    """
    shape = layer.shape
    rank = len(shape)
    operands: list[tuple[Tensor, str]] = []
    for index in range(count):
        own = layer.operand_shape(index)
        kept = [i for i in range(rank) if own[i] == shape[i]]
        array = layer.constant(index)
        if array is not None:
            tensor = w.constant(array.reshape([own[i] for i in kept]))
        else:
            tensor = w.drop_axes(layer.tensor(w, index), kept)
        operands.append((tensor, along(rank, *kept)))
    return operands, along(rank, *range(rank))


def compare(w: Writer, layer: Layer) -> Tensor:
    """``nn.compare``."""
    operands, everything = broadcast(w, layer, 2)
    integer, floating = _PREDICATES[access.string(layer.op, "fn")]

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        predicate = floating if e[0].type == "f32" else integer
        return b.cast("extui", b.compare(predicate, e[0], e[1]), "i8")

    return w.generic(operands, (w.empty(layer.shape, "i8"), everything), body)


def select(w: Writer, layer: Layer) -> Tensor:
    """``nn.select``."""
    operands, everything = broadcast(w, layer, 3)

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        return b.select(b.compare("ne", e[0], 0), e[1], e[2])

    return w.generic(operands, (w.empty(layer.shape, layer.element), everything), body)


def cast(w: Writer, layer: Layer) -> Tensor:
    """``nn.cast``: by way of i32, or i64 where one of the types is that."""
    source, target = (access.string(layer.op, name) for name in ("source", "target"))

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        if source == "float32":
            return _from_float(b, e[0], target)
        wide = "i64" if "int64" in (source, target) else "i32"
        x = b.widen(e[0], -_UINT8_OFFSET if source == "uint8" else 0, wide)
        if target == "bool":
            return b.cast("extui", b.compare("ne", x, 0), "i8")
        if target == "float32":
            return b.cast("sitofp", x, "f32")
        return _narrow(b, x, target)

    return w.elementwise([layer.tensor(w, 0)], layer.shape, layer.element, body)


def _narrow(b: Writer, x: Scalar, target: str) -> Scalar:
    if target == "uint8":
        x = b.arith("subi", x, _UINT8_OFFSET)
    return b.cast("trunci", x, _ELEMENTS[target])


def _from_float(b: Writer, x: Scalar, target: str) -> Scalar:
    """Towards zero and saturated, by comparison before the conversion; NaN as the greatest."""
    if target == "bool":
        return b.cast("extui", b.compare("une", x, 0), "i8")
    low, high = _RANGES[target]
    wide = "i64" if target == "int64" else "i32"
    # The least float that is too great; 2^31 and 2^63 are floats, their predecessors are far below.
    too_great = b.compare("uge", x, float(high + 1))
    too_small = b.compare("ole", x, float(low))
    zero = b.number(0.0, "f32")
    inside = b.select(b.arith("ori", too_great, too_small), zero, x)
    whole = b.cast("fptosi", inside, wide)
    whole = b.select(too_great, b.number(high, wide), whole)
    return _narrow(b, b.select(too_small, b.number(low, wide), whole), target)
