"""Arithmetic of a layer by type and bit width, as tools for deep quantization print it.

A name is ``s`` (signed), the operation, and the bits of each operand: of the activation first, of
the weight second. They are counted on the normal form, from shapes and element types alone: what
the layer asks for, whatever the kernel makes of it (padding counts as if it were computed).

===============  =====================================================================
``smult_8_8``    products of an 8-bit activation and an 8-bit weight (or activation)
``smult_16_8``   products of a 16-bit activation and an 8-bit weight
``smult_8_1``    products of an 8-bit activation and a weight of one bit: a sign
``sxor_1_1``     products of two signs, one bit each: exclusive or
``smult_8_32``   an operand of an addition brought to the common scale
``smult_32_32``  requantization: a sum of 32 bits times its fixed-point multiplier
``sadd_32``      additions into an accumulator of 32 bits
``scmp_8``       comparisons, of maxima and bounds
``slut_8``       look-ups in a table of 256 entries
``slut_16``      look-ups of 16 bits, with interpolation
``smult_f32``    products in float, and so ``sadd_f32`` and ``scmp_f32``
``sexp_f32``     exponentials in float
``sfun_f32``     other functions in float, such as a sigmoid
===============  =====================================================================

Moves, loads and stores are not operations.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from iree.compiler import ir

from tinyiree.ir.access import element_type, ints, shape

_BITS = {"f32": "f32", "i1": "1", "i8": "8", "i16": "16", "i32": "32", "i64": "64"}


@dataclass(frozen=True)
class _Op:
    """What the counts depend on.

    Attributes:
        op: of the normal form.
        kind: its name without the dialect.
        macs: its multiply-accumulates.
        inputs: elements of its first operand.
        outputs: elements of its result.
        width: bits of an element of its first operand.
    """

    op: ir.Operation
    kind: str
    macs: int
    inputs: int
    outputs: int
    width: str

    @property
    def accumulator(self) -> str:
        """Bits of a sum."""
        return "32" if self.width in ("1", "8", "16") else self.width


def count_operations(op: ir.Operation, macs: int) -> Counter[str]:
    """Operations of one op of the normal form by name; the module's docstring defines the names.

    Args:
        op: to count.
        macs: its multiply-accumulates.
    """
    site = _Op(
        op=op,
        kind=op.name.partition(".")[2],
        macs=macs,
        inputs=math.prod(shape(op.operands[0])),
        outputs=math.prod(shape(op.results[0])),
        width=_BITS[element_type(op.operands[0])],
    )
    rule = _multiply_accumulate if macs else _RULES.get(site.kind)
    counts = Counter[str]() if rule is None else rule(site)
    if _requantizes(op):
        counts["smult_32_32"] += site.outputs
    return counts


def multiplication(left: str, right: str) -> str:
    """The name of a product by the bits of its operands, ``f32`` for a float."""
    if "f32" in (left, right):
        return "smult_f32"
    return "sxor_1_1" if left == right == "1" else f"smult_{left}_{right}"


def _multiply_accumulate(site: _Op) -> Counter[str]:
    weight = _BITS[element_type(site.op.operands[1])]
    product = multiplication(site.width, weight)
    return Counter({product: site.macs, f"sadd_{site.accumulator}": site.macs})


def _addition(site: _Op) -> Counter[str]:
    counts = Counter({f"sadd_{site.accumulator}": site.outputs})
    if site.kind == "tflite_add":
        counts["smult_32_32"] += 2 * site.outputs
    elif site.width == "8":
        counts["smult_8_32"] += 2 * site.outputs
    return counts


def _product(site: _Op) -> Counter[str]:
    return Counter({multiplication(site.width, site.width): site.outputs})


def _average(site: _Op) -> Counter[str]:
    window = site.inputs // site.outputs
    if site.kind == "avg_pool2d":
        window = math.prod(ints(site.op, "kernel"))
    return Counter({f"sadd_{site.accumulator}": site.outputs * window})


def _maximum(site: _Op) -> Counter[str]:
    return Counter({f"scmp_{site.width}": site.outputs * math.prod(ints(site.op, "kernel"))})


def _compare_inputs(site: _Op) -> Counter[str]:
    return Counter({f"scmp_{site.width}": site.inputs})


def _compare_outputs(site: _Op) -> Counter[str]:
    return Counter({f"scmp_{site.width}": site.outputs})


def _norm(site: _Op) -> Counter[str]:
    return Counter({"smult_8_8": site.inputs, "sadd_32": site.inputs, "smult_32_32": site.outputs})


def _resize(site: _Op) -> Counter[str]:
    return Counter({"smult_32_32": 6 * site.outputs, "sadd_32": 3 * site.outputs})


def _lookup(site: _Op) -> Counter[str]:
    return Counter({f"slut_{site.width}": site.outputs})


def _exponentials(site: _Op) -> Counter[str]:
    name = "sexp_f32" if site.width == "f32" else f"slut_{site.width}"
    return Counter({name: site.inputs})


def _scale(site: _Op) -> Counter[str]:
    return Counter({"smult_f32": site.outputs})


def _function(site: _Op) -> Counter[str]:
    return Counter({"sfun_f32": site.outputs})


_RULES: dict[str, Callable[[_Op], Counter[str]]] = {
    "add": _addition,
    "argmax": _compare_inputs,
    "avg_pool2d": _average,
    "clamp": _compare_inputs,
    "compare": _compare_outputs,
    "dynamic_quantize": _scale,
    "dynamic_range": _compare_inputs,
    "log_softmax": _exponentials,
    "lookup": _lookup,
    "max_pool2d": _maximum,
    "maximum": _compare_outputs,
    "mean": _average,
    "minimum": _compare_outputs,
    "mul": _product,
    "softmax": _exponentials,
    "sub": _addition,
    "tflite_add": _addition,
    "tflite_l2_norm": _norm,
    "tflite_lookup": _lookup,
    "tflite_prelu": _product,
    "tflite_resize_bilinear": _resize,
    "tflite_sigmoid": _lookup,
    "tflite_softmax": _exponentials,
    "tflite_softmax16": _exponentials,
    "unary": _function,
}


def _requantizes(op: ir.Operation) -> bool:
    """True when a sum is brought to the scale of the result; an addition counts that itself."""
    return (
        op.name.startswith("qnn.")
        and "output_zero_point" in op.attributes
        and (op.name != "qnn.add")
    )
