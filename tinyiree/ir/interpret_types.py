"""The interpreter's ops between element types: casts, comparisons, selection."""

from collections.abc import Callable, Sequence

import numpy as np
from iree.compiler import ir

from tinyiree.ir.access import Array, string

_UINT8_OFFSET = 128
_COMPARE: dict[str, Callable[[Array, Array], Array]] = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}


def _cast(op: ir.Operation, operands: Sequence[Array]) -> Array:
    source, target = string(op, "source"), string(op, "target")
    x: Array = operands[0]
    if source == "uint8":
        x = (x.astype(np.int16) + _UINT8_OFFSET).astype(np.uint8)
    if target == "bool":
        return np.not_equal(x, np.zeros_like(x)).astype(np.int8)
    if source == "float32" and target != "float32":
        x = _saturated(x, target)
    y: Array = x.astype(target)
    if target == "uint8":
        y = (y.astype(np.int16) - _UINT8_OFFSET).astype(np.int8)
    return y


def _saturated(x: Array, target: str) -> Array:
    """Floats towards zero, clamped to an integer type; NaN is its greatest number."""
    limits = np.iinfo(target)
    whole = np.trunc(x.astype(np.float64))
    whole = np.where(np.isnan(whole), np.inf, whole)
    # The greatest int64 is no float64: what reaches it is set apart.
    beyond = whole >= float(limits.max)
    clipped = np.where(beyond, 0.0, np.maximum(whole, float(limits.min)))
    result: Array = np.where(beyond, limits.max, clipped.astype(np.int64))
    return result


def _compare(op: ir.Operation, operands: Sequence[Array]) -> Array:
    return _COMPARE[string(op, "fn")](operands[0], operands[1]).astype(np.int8)


def _select(op: ir.Operation, operands: Sequence[Array]) -> Array:
    condition, a, b = operands
    result: Array = np.where(condition != 0, a, b)
    return result


TYPE_OPS: dict[str, Callable[[ir.Operation, Sequence[Array]], Array]] = {
    "nn.cast": _cast,
    "nn.compare": _compare,
    "nn.select": _select,
}
