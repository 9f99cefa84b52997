"""Every float op through IREE on this machine agrees with the interpreter."""

import numpy as np
import pytest
from op_networks import Network, both_ways, check_close

from tinyiree.ir.dialect import UNARY_FUNCTIONS

SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_convolutions_and_products(seed: int) -> None:
    net = Network(seed)
    for height, width, channels in ((7, 6, 5), (1, 1, 1)):
        x = net.input(1, height, width, channels, element="f32")
        net.result(net.convolution(x, 6, 1, "f32"))
        net.result(net.convolution(x, 2 * channels, channels, "f32"))
    x = net.input(3, 33, element="f32")
    w, bias = (net.rng.normal(size=shape).astype(np.float32) for shape in ((7, 33), (7,)))
    operands = [x, net.constant(w), net.constant(bias)]
    net.result(net.op("nn.fully_connected", operands, (3, 7), "f32"))
    net.result(net.op("nn.fully_connected", operands[:2], (3, 7), "f32"))
    a, b = net.input(2, 3, 5, element="f32"), net.input(2, 5, 4, element="f32")
    net.result(net.op("nn.batch_matmul", [a, b], (2, 3, 4), "f32"))
    check_close(net)


def test_elementwise() -> None:
    net = Network(1)
    full = (1, 5, 4, 3)
    x, row = net.input(*full, element="f32", scale=4), net.input(1, 1, 1, 3, element="f32")
    for name in ("nn.add", "nn.sub", "nn.mul"):
        net.result(net.op(name, [x, row], full, "f32"))
        net.result(net.op(name, [row, x], full, "f32"))
    for low, high in ((0.0, np.inf), (0.0, 6.0), (-np.inf, 1.0)):
        net.result(net.op("nn.clamp", [x], full, "f32", min=low, max=high))
    positive = net.op("nn.unary", [x], full, "f32", fn="abs", alpha=0.0)
    for function in UNARY_FUNCTIONS:
        operand = positive if function == "sqrt" else x
        net.result(net.op("nn.unary", [operand], full, "f32", fn=function, alpha=0.3))
    check_close(net)


def test_unary_functions_far_out() -> None:
    net = Network(2)
    x = net.input(1, 8, element="f32")
    net.inputs[0] = np.array([[-1e4, -90, -20, -1e-6, 0, 20, 80, 1e4]], np.float32)
    for function in set(UNARY_FUNCTIONS) - {"sqrt", "exp"}:
        net.result(net.op("nn.unary", [x], (1, 8), "f32", fn=function, alpha=0.3))
    check_close(net)


def test_reductions() -> None:
    net = Network(3)
    x = net.input(1, 5, 4, 3, element="f32")
    for axes, shape in (([1, 2], (1, 3)), ([1, 2], (1, 1, 1, 3)), ([3], (1, 5, 4))):
        net.result(net.op("nn.mean", [x], shape, "f32", axes=axes))
    rows = net.input(2, 3, 10, element="f32", scale=20)
    net.result(net.op("nn.softmax", [rows], (2, 3, 10), "f32"))
    net.result(net.op("nn.log_softmax", [rows], (2, 3, 10), "f32"))
    for counted in (True, False):
        window = {"kernel": [3, 3], "strides": [2, 1], "padding": [1, 1, 1, 1]}
        shape = (1, 3, 4, 3)
        net.result(net.op("nn.avg_pool2d", [x], shape, "f32", count_include_pad=counted, **window))
    check_close(net)


def test_quantize_and_dequantize() -> None:
    net = Network(4)
    x, full = net.input(1, 5, 4, 3, element="f32", scale=2), (1, 5, 4, 3)
    y = net.input(*full)
    for scales, zeros in (([0.013], [-7]), ([0.013, 0.02, 0.1], [-128, 3, 127])):
        at = {"scales": scales, "zero_points": zeros, "axis": 3}
        net.result(net.op("nn.quantize", [x], full, "i8", **at))
        net.result(net.op("nn.dequantize", [y], full, "f32", **at))
    halves = net.input(1, 6, element="f32")
    net.inputs[-1] = np.array([[0.5, 1.5, 2.5, -0.5, -1.5, 1e30]], np.float32)
    at = {"scales": [1.0], "zero_points": [0], "axis": 0}
    net.result(net.op("nn.quantize", [halves], (1, 6), "i8", **at))
    pairs = both_ways(net)
    np.testing.assert_array_equal(pairs[-1][0], [[0, 2, 2, 0, -2, 127]])
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("element", ["i8", "f32"])
def test_layout_and_selection(element: str) -> None:
    net = Network(6)
    x = net.input(1, 6, 5, 3, element=element)
    window = {"kernel": [2, 3], "strides": [2, 1], "padding": [0, 1, 0, 1], "dilations": [1, 1]}
    net.result(net.op("nn.max_pool2d", [x], (1, 3, 5, 3), element, **window))
    window |= {"dilations": [2, 2], "padding": [1, 2, 1, 2], "kernel": [4, 3]}
    net.result(net.op("nn.max_pool2d", [x], (1, 1, 5, 3), element, **window))
    for axis, shape in ((3, (1, 6, 5)), (1, (1, 1, 5, 3))):
        net.result(net.op("nn.argmax", [x], shape, "i32", axis=axis))
    net.result(net.op("nn.concat", [x, x], (1, 6, 5, 6), element, axis=3))
    net.result(net.op("nn.concat", [x, x, x], (1, 18, 5, 3), element, axis=1))
    net.result(net.op("nn.transpose", [x], (1, 3, 6, 5), element, permutation=[0, 3, 1, 2]))
    at = {"low": [0, 1, 0, 0], "high": [0, 2, 1, 1], "value": -3}
    net.result(net.op("nn.pad", [x], (1, 9, 6, 4), element, **at))
    at = {"offsets": [0, 1, 0, 1], "strides": [1, 2, 1, 1]}
    net.result(net.op("nn.slice", [x], (1, 2, 5, 2), element, **at))
    net.result(net.op("nn.upsample_nearest", [x], (1, 12, 15, 3), element, factors=[2, 3]))
    flat = net.op("nn.reshape", [x], (1, 90), element)
    net.result(net.op("nn.concat", [flat, flat], (1, 180), element, axis=1))
    net.result(flat)
    for found, expected in both_ways(net):
        np.testing.assert_array_equal(found, expected)


def test_argmax_takes_the_first_of_equals() -> None:
    net = Network(8)
    for element in ("i8", "f32"):
        x = net.input(1, 5, element=element)
        net.inputs[-1] = np.array([[1, 7, 3, 7, 7]], net.inputs[-1].dtype)
        net.result(net.op("nn.argmax", [x], (1,), "i32", axis=1))
    for found, _ in both_ways(net):
        assert found.tolist() == [1]
