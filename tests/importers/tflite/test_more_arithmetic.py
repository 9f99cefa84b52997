"""Sums, products, reductions and transposed convolutions, random: LiteRT's bytes."""

from functools import partial

import numpy as np
import pytest
from builder import ModelBuilder
from cases import (
    Case,
    Make,
    Rng,
    activation,
    check,
    compare,
    data_for,
    import_bytes,
    scale,
    zero_point,
)

from tinyiree.errors import TinyireeError
from tinyiree.ir.interpret import interpret
from tinyiree.iree.host import compile_host

SEEDS = 40


def tensor(
    b: ModelBuilder, rng: Rng, shape: tuple[int, ...], dtype: str, name: str, at: float = 0.0
) -> int:
    """A tensor of a random scale, or of one around ``at``."""
    if dtype == "float32":
        return b.tensor(name, shape, dtype)
    size = scale(rng, at / 2, at * 2) if at else scale(rng)
    return b.tensor(name, shape, scale=size, zero_point=zero_point(rng))


def scale_of(b: ModelBuilder, index: int) -> float:
    return (b._tensors[index].scales or [1.0])[0]


def broadcasting(rng: Rng) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A shape and one that broadcasts to it, of a lower rank at times."""
    shape = tuple(int(rng.integers(1, 6)) for _ in range(int(rng.integers(1, 5))))
    other = tuple(n if rng.integers(3) else 1 for n in shape)
    return shape, other[int(rng.integers(len(other))) :] if rng.integers(3) == 0 else other


def binary(b: ModelBuilder, rng: Rng, dtype: str, name: str) -> Case:
    shape, other = broadcasting(rng)
    shapes = [shape, other] if rng.integers(2) else [other, shape]
    x0, x1 = (tensor(b, rng, s, dtype, n) for n, s in zip("ab", shapes, strict=True))
    s0, s1 = scale_of(b, x0), scale_of(b, x1)
    y = tensor(b, rng, shape, dtype, "y", s0 * s1 * 100 if name == "MUL" else max(s0, s1))
    inputs = [x0, x1]
    if rng.integers(3) == 0:
        # One operand is a constant.
        found = b._tensors[x1]
        low, high = (-128, 128) if dtype == "int8" else (-4, 4)
        found.data = rng.integers(low, high, found.shape).astype(dtype)
        inputs = [x0]
    options = (f"{name.capitalize()}Options", {"fused_activation_function": activation(rng)})
    b.op(name, [x0, x1], [y], options, version=2)
    return Case(inputs, [y])


def extreme(b: ModelBuilder, rng: Rng, dtype: str, name: str) -> Case:
    shape, other = broadcasting(rng)
    shapes = (("a", shape), ("b", other), ("y", shape))
    if dtype == "float32":
        x0, x1, y = (b.tensor(n, s, dtype) for n, s in shapes)
    else:
        same = {"scale": scale(rng), "zero_point": zero_point(rng)}
        x0, x1, y = (b.tensor(n, s, **same) for n, s in shapes)
    b.op(name, [x0, x1], [y], ("MaximumMinimumOptions", {}), version=2)
    return Case([x0, x1], [y])


def total(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    shape = tuple(int(rng.integers(1, 8)) for _ in range(int(rng.integers(2, 5))))
    count = int(rng.integers(1, len(shape)))
    axes = [int(a) for a in rng.choice(len(shape), count, replace=False)]
    keep = bool(rng.integers(2))
    out = tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)
    x = tensor(b, rng, shape, dtype, "x")
    y = tensor(b, rng, out, dtype, "y", scale_of(b, x) * float(rng.choice([1, 4])))
    given = [a - len(shape) if rng.integers(2) else a for a in axes]
    a = b.constant("axes", np.array(given, np.int32))
    b.op("SUM", [x, a], [y], ("ReducerOptions", {"keep_dims": keep}), version=2)
    return Case([x], [y])


def argument(b: ModelBuilder, rng: Rng, dtype: str, name: str) -> Case:
    shape = tuple(int(rng.integers(1, 8)) for _ in range(int(rng.integers(2, 5))))
    axis = int(rng.integers(-len(shape), len(shape)))
    x = tensor(b, rng, shape, dtype, "x")
    y = b.tensor("y", [int(n) for n in np.delete(shape, axis)], "int32")
    a = b.constant("axis", np.array(axis, np.int32))
    table = "ArgMaxOptions" if name == "ARG_MAX" else "ArgMinOptions"
    b.op(name, [x, a], [y], (table, {"output_type": 2}), version=2)
    return Case([x], [y])


def l2_norm(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    # The reference kernel normalizes the last axis of images.
    shape = (*(int(rng.integers(1, 5)) for _ in range(3)), int(rng.integers(1, 90)))
    x = tensor(b, rng, shape, dtype, "x")
    y = b.tensor("y", shape, dtype) if dtype == "float32" else b.tensor("y", shape, scale=1 / 128)
    b.op("L2_NORMALIZATION", [x], [y], ("L2NormOptions", {}), version=2)
    return Case([x], [y])


def batch_matmul(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    rows, depth, columns = (int(rng.integers(1, 9)) for _ in range(3))
    lead = tuple(int(rng.integers(1, 4)) for _ in range(int(rng.integers(0, 3))))
    one = tuple(1 for _ in lead)
    lead_a, lead_b = ((lead, lead), (one, lead), (lead, one), (lead, ()))[rng.integers(4)]
    adj_x, adj_y = (bool(rng.integers(2)) for _ in range(2))
    a_shape = (*lead_a, depth, rows) if adj_x else (*lead_a, rows, depth)
    b_shape = (*lead_b, columns, depth) if adj_y else (*lead_b, depth, columns)
    x0, x1 = tensor(b, rng, a_shape, dtype, "a"), tensor(b, rng, b_shape, dtype, "b")
    size = scale_of(b, x0) * scale_of(b, x1) * 100 * np.sqrt(depth)
    y = tensor(b, rng, (*lead, rows, columns), dtype, "y", size)
    options = {"adj_x": adj_x, "adj_y": adj_y}
    b.op("BATCH_MATMUL", [x0, x1], [y], ("BatchMatMulOptions", options), version=2)
    return Case([x0, x1], [y])


def transpose_conv(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    n, h, w = int(rng.integers(1, 3)), int(rng.integers(1, 6)), int(rng.integers(1, 6))
    c, o = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    kernel, strides = rng.integers(1, 6, 2).tolist(), rng.integers(1, 4, 2).tolist()
    padding = int(rng.integers(2))
    out = []
    for size, k, s in zip((h, w), kernel, strides, strict=True):
        # All output sizes whose forward convolution gives back the input's size.
        least = (size - 1) * s + (k if padding == 1 else 1)
        out.append(int(rng.integers(least, least + s)))
    x = tensor(b, rng, (n, h, w, c), dtype, "x")
    shape = b.constant("shape", np.array([n, *out, o], np.int32))
    w_shape = (o, *kernel, c)
    if dtype == "float32":
        weights = b.constant("w", rng.normal(size=w_shape).astype(np.float32))
        bias = b.constant("b", rng.normal(size=o).astype(np.float32))
    else:
        count = o if rng.integers(2) else 1
        scales = np.array([scale(rng, 0.001, 0.05) for _ in range(count)], np.float32)
        values = rng.integers(-127, 128, w_shape).astype(np.int8)
        weights = b.constant("w", values, scale=scales)
        numbers = rng.integers(-3000, 3000, o).astype(np.int32)
        bias = b.constant("b", numbers, scale=np.float32(scale_of(b, x)) * scales)
    inputs = [shape, weights, x] + ([bias] if rng.integers(3) else [])
    y = tensor(b, rng, (n, *out, o), dtype, "y", scale_of(b, x) * 2)
    options = {
        "padding": padding, "stride_h": strides[0], "stride_w": strides[1],
        "fused_activation_function": activation(rng),
    }  # fmt: skip
    b.op("TRANSPOSE_CONV", inputs, [y], ("TransposeConvOptions", options), version=4)
    return Case([x], [y])


CASES = {
    "sub": partial(binary, name="SUB"),
    "mul": partial(binary, name="MUL"),
    "maximum": partial(extreme, name="MAXIMUM"),
    "minimum": partial(extreme, name="MINIMUM"),
    "sum": total,
    "arg_max": partial(argument, name="ARG_MAX"),
    "arg_min": partial(argument, name="ARG_MIN"),
    "l2_norm": l2_norm,
    "batch_matmul": batch_matmul,
    "transpose_conv": transpose_conv,
}


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_equals_litert(name: str, dtype: str) -> None:
    make: Make = partial(CASES[name], dtype=dtype)
    seeds = range(SEEDS) if dtype == "int8" else range(12)
    # The reference kernel of SUM takes int8 for uint8.
    check(make, seeds, 3, optimized=name == "sum")


def test_compiled_by_iree() -> None:
    """Two of each and type in one model, through the lowering and IREE for the host."""
    rng = np.random.default_rng(7)
    b = ModelBuilder()
    inputs: list[int] = []
    outputs: list[int] = []
    for dtype in ("int8", "int8", "float32"):
        for make in CASES.values():
            case = make(b, rng, dtype)
            inputs += case.inputs
            outputs += case.outputs
    model = b.finish(inputs, outputs)
    module = import_bytes(model)
    with module.context:
        program = compile_host(module)
    for _ in range(5):
        data = data_for(model, rng)
        with module.context:
            expected = interpret(module, data)
        for number, (found, wanted) in enumerate(zip(program(data), expected, strict=True)):
            compare(found, wanted, f"output {number}")


def test_indices_of_another_type_are_refused() -> None:
    b = ModelBuilder()
    x, y = b.tensor("x", (4, 5), "float32"), b.tensor("y", (4,), "int16")
    a = b.constant("axis", np.array(1, np.int32))
    b.op("ARG_MAX", [x, a], [y], ("ArgMaxOptions", {"output_type": 2}))
    with pytest.raises(TinyireeError, match="expected int32 or int64"):
        import_bytes(b.finish([x], [y]))


@pytest.mark.parametrize(
    ("name", "table"), [("SUM", "ReducerOptions"), ("ARG_MAX", "ArgMaxOptions")]
)
def test_an_output_of_another_shape_is_refused(name: str, table: str) -> None:
    b = ModelBuilder()
    x = b.tensor("x", (4, 5), "float32")
    y = b.tensor("y", (5,), "float32" if name == "SUM" else "int32")
    a = b.constant("axis", np.array(1, np.int32))
    b.op(name, [x, a], [y], (table, {}))
    with pytest.raises(TinyireeError, match="for 'x'"):
        import_bytes(b.finish([x], [y]))
