"""The interpreter against torch (float ops) and against plain loops (integer ops)."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from iree.compiler import ir
from torch.nn import functional

from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.ir.dialect import OPS, UNARY_FUNCTIONS
from tinyiree.ir.interpret import EVALUATORS, interpret, interpret_all

Array = npt.NDArray[Any]


def run(name: str, inputs: Sequence[Array], shape: Sequence[int], kind: str, **attrs: Any) -> Array:
    """One op on arrays that are passed as arguments of main."""
    with build.new_context(), ir.Location.unknown():
        types = [
            f"tensor<{'x'.join([*map(str, x.shape), build.NUMPY_TO_MLIR[str(x.dtype)]])}>"
            for x in inputs
        ]
        arguments = ", ".join(f"%{i}: {text}" for i, text in enumerate(types))
        module = ir.Module.parse(f"func.func @main({arguments}) {{ return }}")
        block = access.main_block(module)
        block.operations[0].operation.erase()
        with ir.InsertionPoint(block):
            value = build.op(name, list(block.arguments), shape, kind, **attrs)
            ir.Operation.create("func.return", operands=[value])
        build.update_function_type(module)
        return interpret(module, inputs)[0]


def normal(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def int8(*shape: int, seed: int = 0) -> npt.NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


def nchw(x: Array) -> torch.Tensor:
    return torch.from_numpy(x).permute(0, 3, 1, 2)


def nhwc(x: torch.Tensor) -> Array:
    return x.permute(0, 2, 3, 1).contiguous().numpy()


def close(found: Array, expected: Array) -> None:
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_every_operator_has_an_evaluator() -> None:
    assert set(EVALUATORS) == {spec.name for spec in OPS}


@pytest.mark.parametrize(
    ("groups", "strides", "pads", "dilations"),
    [
        (1, (1, 1), (0, 0), (1, 1)),
        (1, (2, 1), (1, 2), (1, 1)),
        (2, (1, 2), (1, 1), (2, 1)),
        (4, (1, 1), (1, 1), (1, 2)),
    ],
)
def test_conv2d(
    groups: int, strides: tuple[int, int], pads: tuple[int, int], dilations: tuple[int, int]
) -> None:
    x, w, b = normal(2, 7, 6, 4), normal(8, 3, 2, 4 // groups, seed=1), normal(8, seed=2)
    weight = torch.from_numpy(w).permute(0, 3, 1, 2)
    expected = nhwc(
        functional.conv2d(nchw(x), weight, torch.from_numpy(b), strides, pads, dilations, groups)
    )
    attributes = {
        "strides": strides,
        "padding": [*pads, *pads],
        "dilations": dilations,
        "groups": groups,
    }
    close(run("nn.conv2d", [x, w, b], expected.shape, "f32", **attributes), expected)
    close(run("nn.conv2d", [x, w], expected.shape, "f32", **attributes), expected - b)


def test_uneven_padding_is_top_left_bottom_right() -> None:
    x, w = normal(1, 3, 3, 1), np.ones((1, 1, 1, 1), np.float32)
    found = run(
        "nn.conv2d", [x, w], (1, 6, 10, 1), "f32",
        strides=[1, 1], padding=[1, 3, 2, 4], dilations=[1, 1], groups=1,
    )  # fmt: skip
    assert np.array_equal(found[0, 1:4, 3:6, 0], x[0, :, :, 0])
    assert np.count_nonzero(found) == 9


def test_matrix_products() -> None:
    x, w, b = normal(3, 5), normal(4, 5, seed=1), normal(4, seed=2)
    close(run("nn.fully_connected", [x, w, b], (3, 4), "f32"), x @ w.T + b)
    p, q = normal(2, 3, 4), normal(2, 4, 5, seed=1)
    close(run("nn.batch_matmul", [p, q], (2, 3, 5), "f32"), np.stack([p[0] @ q[0], p[1] @ q[1]]))


def test_batch_norm() -> None:
    x, scale, offset, mean = (normal(*s, seed=i) for i, s in enumerate([(1, 2, 2, 3)] + [(3,)] * 3))
    variance = np.abs(normal(3, seed=9))
    expected = nhwc(
        functional.batch_norm(
            nchw(x), *map(torch.from_numpy, (mean, variance, scale, offset)), eps=1e-3
        )
    )
    operands = [x, scale, offset, mean, variance]
    close(run("nn.batch_norm", operands, x.shape, "f32", epsilon=1e-3), expected)


TORCH_UNARY = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "hard_swish": functional.hardswish,
    "hard_sigmoid": functional.hardsigmoid,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.3),
    "silu": functional.silu,
    "gelu": functional.gelu,
    "elu": lambda x: functional.elu(x, 0.3),
    "abs": torch.abs,
    "neg": torch.neg,
    "exp": torch.exp,
    "sqrt": torch.sqrt,
    "log": torch.log,
    "rsqrt": torch.rsqrt,
}


@pytest.mark.parametrize("fn", UNARY_FUNCTIONS)
def test_unary(fn: str) -> None:
    x = np.linspace(-8, 8, 101, dtype=np.float32)
    found = run("nn.unary", [x], x.shape, "f32", fn=fn, alpha=0.3)
    expected = TORCH_UNARY[fn](torch.from_numpy(x)).numpy()
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_sigmoid_does_not_overflow() -> None:
    found = run("nn.unary", [np.float32([-1e4, 1e4])], [2], "f32", fn="sigmoid", alpha=0.0)
    assert found.tolist() == [0.0, 1.0]


def test_softmax_of_large_values() -> None:
    x = normal(3, 5) * 200
    close(run("nn.softmax", [x], x.shape, "f32"), torch.softmax(torch.from_numpy(x), -1).numpy())
    expected = torch.log_softmax(torch.from_numpy(x), -1).numpy()
    close(run("nn.log_softmax", [x], x.shape, "f32"), expected)


def test_clamp_with_infinite_bounds() -> None:
    x = normal(9)
    close(run("nn.clamp", [x], [9], "f32", min=0.0, max=math.inf), np.maximum(x, 0))


@pytest.mark.parametrize(
    ("name", "ufunc"), [("add", np.add), ("sub", np.subtract), ("mul", np.multiply)]
)
def test_broadcasting(name: str, ufunc: np.ufunc) -> None:
    a, b = normal(1, 2, 3, 4), normal(1, 1, 3, 1, seed=1)
    close(run(f"nn.{name}", [a, b], a.shape, "f32"), ufunc(a, b))


def test_max_pool2d() -> None:
    x = normal(1, 7, 8, 3) - 5
    expected = nhwc(functional.max_pool2d(nchw(x), 3, 2, 1, 2))
    attributes = {"kernel": [3, 3], "strides": [2, 2], "padding": [1] * 4, "dilations": [2, 2]}
    close(run("nn.max_pool2d", [x], expected.shape, "f32", **attributes), expected)


@pytest.mark.parametrize("include", [True, False])
def test_avg_pool2d(include: bool) -> None:
    x = normal(1, 5, 6, 3)
    expected = nhwc(functional.avg_pool2d(nchw(x), 3, 2, 1, count_include_pad=include))
    attributes = {"kernel": [3, 3], "strides": [2, 2], "padding": [1] * 4}
    found = run(
        "nn.avg_pool2d", [x], expected.shape, "f32", count_include_pad=include, **attributes
    )
    close(found, expected)


@pytest.mark.parametrize("shape", [(2, 1, 1, 3), (2, 3)])
def test_mean_keeps_or_drops_axes(shape: tuple[int, ...]) -> None:
    x = normal(2, 4, 5, 3)
    close(run("nn.mean", [x], shape, "f32", axes=[1, 2]), x.mean((1, 2)).reshape(shape))


def test_argmax_gives_the_first() -> None:
    x = np.array([[1, 5, 5], [-128, -128, -128]], np.int8)
    found = run("nn.argmax", [x], [2, 1], "i32", axis=1)
    assert found.tolist() == [[1], [0]]


def test_layout_ops() -> None:
    x = int8(1, 4, 5, 2)
    found = run("nn.slice", [x], (1, 2, 2, 1), "i8", offsets=[0, 1, 0, 1], strides=[1, 2, 3, 1])
    assert np.array_equal(found, x[:, 1:4:2, 0:4:3, 1:2])
    found = run("nn.upsample_nearest", [x], (1, 8, 15, 2), "i8", factors=[2, 3])
    assert np.array_equal(found, np.kron(x, np.ones((1, 2, 3, 1), np.int8)))
    found = run("nn.transpose", [x], (2, 1, 5, 4), "i8", permutation=[3, 0, 2, 1])
    assert np.array_equal(found, x.transpose(3, 0, 2, 1))
    found = run("nn.concat", [x, x], (1, 4, 10, 2), "i8", axis=2)
    assert np.array_equal(found[:, :, 5:], x)
    found = run("nn.pad", [x], (1, 6, 5, 2), "i8", low=[0, 2, 0, 0], high=[0] * 4, value=-7.0)
    assert (found[:, :2] == -7).all()
    assert np.array_equal(found[:, 2:], x)


def test_quantize_rounds_half_to_even_and_saturates() -> None:
    x = np.float32([0.25, 0.75, -0.25, -0.75, 1e9, -1e9])
    found = run("nn.quantize", [x], [6], "i8", scales=[0.5], zero_points=[1], axis=0)
    assert found.tolist() == [1, 3, 1, -1, 127, -128]


def test_dequantize_per_channel() -> None:
    x = np.array([[10, 20], [30, 40]], np.int32)
    quantization = {"scales": [0.5, 2.0], "zero_points": [0, 10]}
    found = run("nn.dequantize", [x], [2, 2], "f32", axis=1, **quantization)
    assert found.tolist() == [[5.0, 20.0], [15.0, 60.0]]
    found = run("nn.dequantize", [x], [2, 2], "f32", axis=0, **quantization)
    assert found.tolist() == [[5.0, 10.0], [40.0, 60.0]]


OUT = {"output_zero_point": 3, "clamp_min": -100, "clamp_max": 90}


def finish(acc: int, multiplier: int, shift: int) -> int:
    """R, zero point and clamp in Python integers."""
    return min(max(((acc * multiplier + 2 ** (shift - 1)) >> shift) + 3, -100), 90)


def test_integer_conv2d_by_loops() -> None:
    x, w, bias = int8(1, 4, 4, 2), int8(4, 3, 2, 1, seed=1), np.arange(4, dtype=np.int32) * 99
    multiplier = np.array([2**30, 2**31 - 1, 3 * 2**29, 0], np.int32)
    shift = np.array([38, 39, 40, 1], np.int32)
    found = run(
        "qnn.conv2d", [x, w, bias, multiplier, shift], (1, 2, 5, 4), "i8",
        strides=[2, 1], padding=[1, 1, 0, 1], dilations=[1, 1], groups=2, input_zero_point=7, **OUT,
    )  # fmt: skip
    for row, column, o in np.ndindex(2, 5, 4):
        acc = int(bias[o])
        for i, j in np.ndindex(3, 2):
            y, z = row * 2 + i - 1, column + j - 1
            if 0 <= y < 4 and 0 <= z < 4:
                acc += (int(x[0, y, z, o // 2]) - 7) * int(w[o, i, j, 0])
        assert found[0, row, column, o] == finish(acc, int(multiplier[o]), int(shift[o]))


def test_integer_products_by_loops() -> None:
    x, w, bias = int8(2, 5), int8(3, 5, seed=1), np.array([5, -1000, 70000], np.int32)
    multiplier, shift = np.array([2**30, 2**30 + 1, 2**30 + 2], np.int32), np.full(3, 39, np.int32)
    operands = [x, w, bias, multiplier, shift]
    found = run("qnn.fully_connected", operands, (2, 3), "i8", input_zero_point=-5, **OUT)
    for i, o in np.ndindex(2, 3):
        acc = int(bias[o]) + sum((int(a) + 5) * int(b) for a, b in zip(x[i], w[o], strict=True))
        assert found[i, o] == finish(acc, int(multiplier[o]), 39)
    a, b = int8(1, 2, 5), int8(1, 5, 3, seed=1)
    zero_points = {"a_zero_point": -5, "b_zero_point": 4}
    found = run(
        "qnn.batch_matmul",
        [a, b],
        (1, 2, 3),
        "i8",
        multiplier=2**30,
        shift=39,
        **zero_points,
        **OUT,
    )
    for i, o in np.ndindex(2, 3):
        acc = sum((int(p) + 5) * (int(q) - 4) for p, q in zip(a[0, i], b[0, :, o], strict=True))
        assert found[0, i, o] == finish(acc, 2**30, 39)


def test_integer_sum_and_product_by_loops() -> None:
    a, b = int8(6, 5), int8(6, 1, seed=1)
    zero_points = {"a_zero_point": -5, "b_zero_point": 4}
    total = run(
        "qnn.add", [a, b], (6, 5), "i8",
        a_multiplier=3000, b_multiplier=-5000, shift=13, **zero_points, **OUT,
    )  # fmt: skip
    product = run("qnn.mul", [a, b], (6, 5), "i8", multiplier=2**30, shift=37, **zero_points, **OUT)
    for i, j in np.ndindex(6, 5):
        p, q = int(a[i, j]) + 5, int(b[i, 0]) - 4
        assert total[i, j] == finish(p * 3000 - q * 5000, 1, 13)
        assert product[i, j] == finish(p * q, 2**30, 37)


def test_integer_average_by_loops() -> None:
    x = int8(1, 4, 4, 2)
    multiplier = np.array([[2**30, 2**30 + 5], [2**30 + 9, 2**30 + 7]], np.int32)
    shift = np.array([[32, 33], [33, 34]], np.int32)
    found = run(
        "qnn.avg_pool2d", [x, multiplier, shift], (1, 2, 2, 2), "i8",
        kernel=[3, 3], strides=[2, 2], padding=[1, 1, 0, 0], input_zero_point=-9, **OUT,
    )  # fmt: skip
    for row, column, c in np.ndindex(2, 2, 2):
        window = x[0, max(0, 2 * row - 1) : 2 * row + 2, max(0, 2 * column - 1) : 2 * column + 2, c]
        acc = sum(int(v) + 9 for v in window.ravel())
        expected = finish(acc, int(multiplier[row, column]), int(shift[row, column]))
        assert found[0, row, column, c] == expected
    found = run(
        "qnn.mean", [x], (1, 2), "i8",
        axes=[1, 2], input_zero_point=-9, multiplier=2**30, shift=33, **OUT,
    )  # fmt: skip
    assert found[0, 1] == finish(sum(int(v) + 9 for v in x[0, :, :, 1].ravel()), 2**30, 33)


def test_integer_functions_of_one_tensor() -> None:
    x = np.arange(-128, 128).astype(np.int8)
    table = int8(256)
    assert np.array_equal(run("qnn.lookup", [x, table], [256], "i8"), table)
    clamped = run("qnn.clamp", [x], [256], "i8", clamp_min=-3, clamp_max=5)
    assert np.array_equal(clamped, np.clip(x, -3, 5))
    found = run(
        "qnn.requantize", [x], [256], "i8", input_zero_point=4, multiplier=2**30, shift=31, **OUT
    )
    assert found.tolist() == [finish(v - 4, 2**30, 31) for v in range(-128, 128)]


def test_inputs_are_checked() -> None:
    with build.new_context(), ir.Location.unknown():
        module = ir.Module.parse(
            "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }"
        )
        with pytest.raises(TinyireeError, match="expected 1 inputs, found 0"):
            interpret(module, [])
        with pytest.raises(TinyireeError, match=r"input 0 .* float32 of shape \(2,\).* found int8"):
            interpret(module, [np.zeros(2, np.int8)])


def test_a_result_of_the_wrong_shape_names_the_op() -> None:
    with pytest.raises(TinyireeError, match=r"nn\.softmax: expected float32 of shape \(3,\)"):
        run("nn.softmax", [normal(2)], [3], "f32")
    with pytest.raises(TinyireeError, match=r"nn\.reshape: cannot be computed .* \(2,\)"):
        run("nn.reshape", [normal(2)], [3], "f32")


def test_observe_sees_every_op() -> None:
    with build.new_context(), ir.Location.unknown():
        module = ir.Module.parse(
            """func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
            %c = arith.constant dense<1.0> : tensor<2xf32>
            %a = "nn.add"(%x, %c) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
            %b = "nn.mul"(%a, %a) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
            return %b : tensor<2xf32> }"""
        )
        seen = interpret_all(module, [np.float32([1, 2])])
        assert [(op.name, array.tolist()) for op, array in seen] == [
            ("nn.add", [2.0, 3.0]),
            ("nn.mul", [4.0, 9.0]),
        ]
