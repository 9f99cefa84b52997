"""Functions of one int8 tensor for all 256 inputs under many quantizations: LiteRT's bytes, each.

Float functions agree to a few units in the last place.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from builder import ModelBuilder, Options
from cases import Rng, compare, import_bytes, scale, zero_point
from litert import Reference

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret
from tinyiree.iree.host import compile_host

Parameters = tuple[float, int, float, int]
Choose = Callable[[Rng], Parameters]

EVERY_INT8 = np.arange(-128, 128).astype(np.int8)
QUANTIZATIONS = 80


def anything(rng: Rng) -> Parameters:
    return scale(rng, 0.002, 0.5), zero_point(rng), scale(rng, 0.002, 0.5), zero_point(rng)


def to_unit(rng: Rng) -> Parameters:
    return scale(rng, 0.002, 0.5), zero_point(rng), 1 / 256, -128


def no_upscaling(rng: Rng) -> Parameters:
    # The kernel refuses an output scale below 1/128 of the input scale.
    x, zx, y, zy = anything(rng)
    return x, zx, max(y, float(np.float32(x / 64))), zy


def same_or_other_scale(rng: Rng) -> Parameters:
    x, zx, y, zy = anything(rng)
    return x, zx, x if rng.integers(3) == 0 else y, zy


def nonnegative(rng: Rng) -> Parameters:
    # RSQRT stops at a value below the zero point.
    x, _, y, zy = anything(rng)
    return x, -128, y, zy


def leaky(rng: Rng) -> Options:
    return "LeakyReluOptions", {"alpha": float(rng.choice([0.1, 0.01, 0.25, 1.5, -0.3]))}


def no_options(rng: Rng) -> None:
    return None


TABLES: dict[str, tuple[Choose, Any]] = {
    "LOGISTIC": (to_unit, no_options),
    "TANH": (anything, no_options),
    "HARD_SWISH": (no_upscaling, no_options),
    "LEAKY_RELU": (anything, leaky),
    "ELU": (anything, no_options),
    "ABS": (same_or_other_scale, no_options),
    "NEG": (anything, no_options),
    "EXP": (anything, no_options),
    "LOG": (anything, no_options),
    "RSQRT": (nonnegative, no_options),
    "RELU": (anything, no_options),
    "RELU6": (anything, no_options),
    "RELU_N1_TO_1": (anything, no_options),
    "RELU_0_TO_1": (anything, no_options),
    "QUANTIZE": (anything, no_options),
}

ONE_VERSION = ("HARD_SWISH", "ELU", "NEG", "RELU_N1_TO_1", "RELU_0_TO_1")

NO_REFERENCE = ("ELU",)
"""Operators with one kernel only, which the reference kernels lack."""


def tables_model(name: str, count: int, rng: Rng) -> bytes:
    """Many functions with quantizations of their own, each with an input of 256 values."""
    choose, options = TABLES[name]
    b = ModelBuilder()
    inputs, outputs = [], []
    for i in range(count):
        x_scale, x_zero, y_scale, y_zero = choose(rng)
        inputs.append(b.tensor(f"x{i}", (256,), scale=x_scale, zero_point=x_zero))
        outputs.append(b.tensor(f"y{i}", (256,), scale=y_scale, zero_point=y_zero))
        version = 1 if name in ONE_VERSION else 2
        b.op(name, inputs[-1:], outputs[-1:], options(rng), version=version)
    return b.finish(inputs, outputs)


@pytest.mark.parametrize("name", TABLES)
def test_every_int8_equals_litert(name: str) -> None:
    model = tables_model(name, QUANTIZATIONS, np.random.default_rng(11))
    module = import_bytes(model)
    data = [EVERY_INT8] * QUANTIZATIONS
    with module.context:
        assert {op.name for op in access.operations(module)} <= {
            "arith.constant", "func.return", "qnn.lookup", "qnn.clamp",
        }  # fmt: skip
        found = interpret(module, data)
    reference = Reference(model, optimized=name in NO_REFERENCE)
    differing = [
        i for i, (a, b) in enumerate(zip(found, reference(data), strict=True))
        if not np.array_equal(a, b)
    ]  # fmt: skip
    assert differing == []


def prelu_model(b: ModelBuilder, rng: Rng, dtype: str, i: int = 0) -> tuple[list[int], list[int]]:
    shape = (1, 4, 16, int(rng.integers(1, 6)))
    alpha_shape = ((1, 1, shape[3]), (1, 1, 1), (4, 1, 1), (1, 16, shape[3]))[rng.integers(4)]
    if dtype == "float32":
        x, y = (b.tensor(f"{n}{i}", shape, dtype) for n in "xy")
        alpha = b.constant(f"a{i}", rng.normal(size=alpha_shape).astype(np.float32))
    else:
        x, y = (
            b.tensor(f"{n}{i}", shape, scale=scale(rng), zero_point=zero_point(rng)) for n in "xy"
        )
        values = rng.integers(-128, 128, alpha_shape).astype(np.int8)
        alpha = b.constant(
            f"a{i}", values, scale=scale(rng, 0.001, 0.02), zero_point=zero_point(rng)
        )
    b.op("PRELU", [x, alpha], [y])
    return [x], [y]


def run(model: bytes, data: list[np.ndarray], what: str, optimized: bool = False) -> None:
    module = import_bytes(model)
    with module.context:
        found = interpret(module, data)
    reference = Reference(model, optimized)
    for number, (a, b) in enumerate(zip(found, reference(data), strict=True)):
        compare(a, b, f"{what} {number}")


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_prelu_equals_litert(dtype: str) -> None:
    rng = np.random.default_rng(12)
    b = ModelBuilder()
    inputs, outputs, data = [], [], []
    for i in range(80):
        x, y = prelu_model(b, rng, dtype, i)
        inputs, outputs = inputs + x, outputs + y
        shape = b._tensors[x[0]].shape
        if dtype == "float32":
            data.append(rng.normal(size=shape).astype(np.float32))
        else:
            data.append(rng.integers(-128, 128, shape).astype(np.int8))
    run(b.finish(inputs, outputs), data, "prelu")


FLOATS = {
    "LOGISTIC": -1, "TANH": -1, "HARD_SWISH": -1, "LEAKY_RELU": -1, "ELU": -1, "ABS": -1, "NEG": -1,
    "EXP": -1, "SQUARE": -1, "LOG": 0, "RSQRT": 0, "SQRT": 0,
}  # fmt: skip
"""Least value of the data: -1 stands for a symmetric range."""


def floats_model(rng: Rng, names: Iterable[str]) -> tuple[bytes, list[np.ndarray]]:
    b = ModelBuilder()
    inputs, outputs, data = [], [], []
    for name in names:
        low = FLOATS[name]
        inputs.append(b.tensor(f"x_{name}", (3, 50), "float32"))
        outputs.append(b.tensor(f"y_{name}", (3, 50), "float32"))
        b.op(name, inputs[-1:], outputs[-1:], leaky(rng) if name == "LEAKY_RELU" else None)
        data.append(rng.uniform(low * 5 + (low == 0) * 0.01, 5, (3, 50)).astype(np.float32))
    return b.finish(inputs, outputs), data


def test_floats_agree_with_litert() -> None:
    rng = np.random.default_rng(13)
    run(*floats_model(rng, [n for n in FLOATS if n not in NO_REFERENCE]), "function")
    run(*floats_model(rng, NO_REFERENCE), "function", optimized=True)


def test_compiled_by_iree() -> None:
    """Through the lowering and IREE for the host: equal to the interpreter."""
    rng = np.random.default_rng(14)
    b = ModelBuilder()
    pairs = [prelu_model(b, rng, "int8", i) for i in range(4)]
    model = b.finish([p[0][0] for p in pairs], [p[1][0] for p in pairs])
    data = [rng.integers(-128, 128, b._tensors[p[0][0]].shape).astype(np.int8) for p in pairs]
    for bytes_, inputs in ((model, data), floats_model(rng, FLOATS)):
        module = import_bytes(bytes_)
        with module.context:
            program = compile_host(module)
            expected = interpret(module, inputs)
        for number, (a, e) in enumerate(zip(program(inputs), expected, strict=True)):
            compare(a, e, f"output {number}")


def test_what_kernels_refuse_is_refused() -> None:
    b = ModelBuilder()
    x, y = b.tensor("x", (4,), scale=0.5), b.tensor("y", (4,), scale=0.001)
    b.op("HARD_SWISH", [x], [y])
    with pytest.raises(TinyireeError, match="quantize the output with a greater scale"):
        import_bytes(b.finish([x], [y]))
    b = ModelBuilder()
    x, y = b.tensor("x", (4,), scale=0.5), b.tensor("y", (4,), scale=0.5)
    b.op("LOGISTIC", [x], [y])
    with pytest.raises(TinyireeError, match="1/256"):
        import_bytes(b.finish([x], [y]))
    b = ModelBuilder()
    x, y = b.tensor("x", (4,), scale=0.5), b.tensor("y", (4,), scale=0.5)
    b.op("SQRT", [x], [y])
    with pytest.raises(TinyireeError, match="expected float32"):
        import_bytes(b.finish([x], [y]))
