"""Random operators on uint8, int16, int32, int64 and bool, for the tests of element types."""

from functools import partial

import cases
import numpy as np
import test_more_arithmetic as arithmetic
import test_more_movement as movement
import test_operators as operators
from builder import ModelBuilder, Options
from cases import Case, Make, Rng, scale, zero_point
from retype import retyped

TYPES = ("float32", "int8", "uint8", "int16", "int32", "int64", "bool")
QUANTIZE_TO = {
    "float32": ("int8", "uint8", "int16"),
    "int8": ("int8", "uint8", "int16", "float32"),
    "uint8": ("int8", "uint8", "int16", "float32"),
    "int16": ("int8", "int16", "int32", "float32"),
    "int32": ("int8", "int16"),
}
COMPARISONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
_STEPS = {"int16": 2**8, "int32": 2**19}


def _int8(make: object, **more: str) -> Make:
    return lambda b, rng: make(b, rng, "int8", **more)  # type: ignore[operator]


def function(b: ModelBuilder, rng: Rng, name: str) -> Case:
    """One of the functions of a tensor that kernels have for these types."""
    fixed = name == "LOGISTIC"
    x = b.tensor("x", (3, 50), scale=scale(rng), zero_point=zero_point(rng))
    y_scale, y_zero = (1 / 256, -128) if fixed else (scale(rng), zero_point(rng))
    y = b.tensor("y", (3, 50), scale=y_scale, zero_point=y_zero)
    options: Options | None = None
    if name == "LEAKY_RELU":
        options = ("LeakyReluOptions", {"alpha": float(rng.choice([0.1, 0.25, 1.5, -0.3]))})
    b.op(name, [x], [y], options, version=2)
    return Case([x], [y])


def compared(b: ModelBuilder, rng: Rng, name: str) -> Case:
    same = {"scale": scale(rng), "zero_point": zero_point(rng)}
    other = same if rng.integers(2) else {"scale": scale(rng), "zero_point": zero_point(rng)}
    x = [b.tensor("a", (3, 20), **same), b.tensor("b", (1, 20), **other)]
    y = b.tensor("y", (3, 20), "bool")
    b.op(name, x, [y], version=2)
    return Case(x, [y])


def compared_raw(b: ModelBuilder, rng: Rng, name: str, dtype: str) -> Case:
    x = [b.tensor("a", (3, 20), dtype), b.tensor("b", (20,), dtype)]
    y = b.tensor("y", (3, 20), "bool")
    b.op(name, x, [y], version=2)
    return Case(x, [y])


def requantized(b: ModelBuilder, rng: Rng, source: str, target: str) -> Case:
    def tensor(name: str, dtype: str) -> int:
        if dtype == "float32":
            return b.tensor(name, (4, 40), dtype)
        zero = {"int8": zero_point(rng), "uint8": zero_point(rng) + 128}.get(dtype, 0)
        step = scale(rng) / _STEPS.get(dtype, 1)
        return b.tensor(name, (4, 40), dtype, scale=step, zero_point=zero)

    x, y = tensor("x", source), tensor("y", target)
    b.op("DEQUANTIZE" if target == "float32" else "QUANTIZE", [x], [y], version=2)
    return Case([x], [y])


def cast(b: ModelBuilder, rng: Rng, source: str, target: str) -> Case:
    x, y = b.tensor("x", (4, 40), source), b.tensor("y", (4, 40), target)
    b.op("CAST", [x], [y])
    return Case([x], [y])


def select(b: ModelBuilder, rng: Rng, name: str, dtype: str) -> Case:
    c = b.tensor("c", (4,) if name == "SELECT" else (4, 1), "bool")
    x, z, y = (b.tensor(n, (4, 3), dtype) for n in "xzy")
    b.op(name, [c, x, z], [y])
    return Case([c, x, z], [y])


def arg_extreme(b: ModelBuilder, rng: Rng, name: str, dtype: str, index: str) -> Case:
    x = b.tensor("x", (4, 9), dtype, scale=None if dtype == "float32" else 0.1)
    axis, y = b.constant("axis", np.array(1, np.int32)), b.tensor("y", (4,), index)
    table = "ArgMaxOptions" if name == "ARG_MAX" else "ArgMinOptions"
    b.op(name, [x, axis], [y], (table, {"output_type": 4 if index == "int64" else 2}))
    return Case([x], [y])


def logical(b: ModelBuilder, rng: Rng, name: str) -> Case:
    x = [b.tensor(n, (4, 3), "bool") for n in ("a" if name == "LOGICAL_NOT" else "ab")]
    y = b.tensor("y", (4, 3), "bool")
    b.op(name, x, [y])
    return Case(x, [y])


_MADE_FOR_INT8: dict[str, Make] = {
    **{name: make for name, make in operators.CASES.items() if name != "through_float"},
    **{name: _int8(arithmetic.binary, name=name) for name in ("SUB", "MUL")},
    **{name: _int8(arithmetic.extreme, name=name) for name in ("MAXIMUM", "MINIMUM")},
    "transpose_conv": _int8(arithmetic.transpose_conv),
    "transpose": _int8(movement.transpose),
    "strided_slice": _int8(movement.strided_slice),
    "gather": _int8(movement.gather),
    "mirror_pad": _int8(movement.mirror_pad),
    "nearest": _int8(movement.resize, name="RESIZE_NEAREST_NEIGHBOR"),
    **{name: partial(function, name=name) for name in ("LOGISTIC", "TANH", "LEAKY_RELU")},
}
_NOT_FOR_INT16 = ("relu_n1_to_1", "relu_0_to_1")

UINT8: dict[str, Make] = {
    **{name: retyped(make, "uint8") for name, make in _MADE_FOR_INT8.items()},
    **{name: retyped(partial(compared, name=name), "uint8") for name in COMPARISONS},
}
INT16: dict[str, Make] = {
    name: retyped(make, "int16")
    for name, make in _MADE_FOR_INT8.items()
    if name not in _NOT_FOR_INT16
}
OTHERS: dict[str, Make] = {
    **{name: partial(compared, name=name) for name in COMPARISONS},
    **{
        f"{name} {dtype}": partial(compared_raw, name=name, dtype=dtype)
        for name in ("NOT_EQUAL", "LESS")
        for dtype in ("float32", "int32", "int64")
    },
    **{
        f"{a} quantized to {b}": partial(requantized, source=a, target=b)
        for a, targets in QUANTIZE_TO.items()
        for b in targets
    },
    **{
        f"{name} {dtype}": partial(select, name=name, dtype=dtype)
        for name in ("SELECT", "SELECT_V2")
        for dtype in TYPES
    },
    **{
        f"{name} {dtype} {index}": partial(arg_extreme, name=name, dtype=dtype, index=index)
        for name in ("ARG_MAX", "ARG_MIN")
        for dtype in ("float32", "int8", "uint8")
        for index in ("int32", "int64")
    },
    **{name: partial(logical, name=name) for name in ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT")},
}
CASTS: dict[str, Make] = {
    f"{a} cast to {b}": partial(cast, source=a, target=b) for a in TYPES for b in TYPES
}
ALL = (UINT8, INT16, OTHERS, CASTS)


def joined(table: dict[str, Make], rng: Rng) -> tuple[ModelBuilder, Case]:
    """One model with each operator of a table."""
    b = ModelBuilder()
    found: list[Case] = [make(b, rng) for make in table.values()]
    inputs = [index for case in found for index in case.inputs]
    outputs = [index for case in found for index in case.outputs]
    return b, Case(inputs, outputs)


def compare(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Integers in every byte, as the normal form stores them."""
    cases.compare(cases.stored(found), cases.stored(expected), what)
