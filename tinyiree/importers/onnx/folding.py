"""Nodes on constants alone are computed by ONNX's reference evaluator while importing."""

import math
from collections.abc import Sequence

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from tinyiree.importers.call import Array, Unsupported

# Weights and biases stay integers behind their DequantizeLinear; random numbers are no constants.
_KEPT = ("DequantizeLinear", "Bernoulli", "Multinomial", "If", "Loop", "Scan")
_LIMIT = 2**24
"""Elements of a folded constant: a small file must not become gigabytes."""


def fold(
    node: onnx.NodeProto, inputs: Sequence[Array | None], opsets: dict[str, int]
) -> list[Array] | None:
    """The results of a node whose inputs are all constants; None for one that is kept.

    Raises:
        Unsupported: it cannot be computed, or gives something else than tensors.
    """
    if node.domain not in ("", "ai.onnx") or node.op_type in _KEPT:
        return None
    if node.op_type.startswith("Random"):
        return None
    _check_size(node, inputs)
    feeds = {name: x for name, x in zip(node.input, inputs, strict=True) if name and x is not None}
    try:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(node, opsets=opsets).run(None, feeds)
    except Exception as error:  # it raises whatever numpy and its own checks raise
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise Unsupported(
            f"cannot be computed from its constants: {lines[0]}", "simplify the model (onnxsim)"
        ) from error
    if not all(isinstance(result, np.ndarray | np.generic) for result in results):
        raise Unsupported("a result that is not a tensor", "return tensors")
    return [np.asarray(result) for result in results]


def _check_size(node: onnx.NodeProto, inputs: Sequence[Array | None]) -> None:
    """Operators whose result may be much larger than their inputs."""
    sizes = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1, "Resize": 3}
    if node.op_type == "Range" and None not in inputs[:3]:
        start, limit, delta = (float(x.ravel()[0]) for x in inputs[:3] if x is not None)
        count = abs((limit - start) / delta) if delta else math.inf
    elif node.op_type in sizes and len(inputs) > sizes[node.op_type]:
        shape = inputs[sizes[node.op_type]]
        count = 0 if shape is None else math.prod(max(int(n), 1) for n in shape.ravel())
    else:
        return
    if count > _LIMIT:
        raise Unsupported(
            f"a constant of {count:g} elements", f"keep constants below {_LIMIT} elements"
        )
