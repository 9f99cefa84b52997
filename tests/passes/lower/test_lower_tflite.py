"""TFLite's arithmetic through IREE on this machine equals the interpreter, byte for byte."""

from collections.abc import Callable

import numpy as np
import pytest
from op_networks import Network, check_equal

from tinyiree.importers.tflite.arithmetic import softmax_table
from tinyiree.ir.fixedpoint import encode_all
from tinyiree.passes.lower.rescale import Output, plan

RELU = {"output_zero_point": -128, "clamp_min": -128, "clamp_max": 127}


def products(net: Network) -> None:
    """Multipliers on both sides of one: with and without a second rounding, also in one op."""
    for center in (2e-4, 3e-3, 0.4, 3.0):
        rows, depth, outputs = 3, 20, 9
        multiplier, shift = encode_all(center * net.rng.uniform(0.3, 3, outputs))
        bias = net.rng.integers(-500, 500, outputs).astype(np.int32)
        for out in (net.out(), RELU):
            operands = [net.input(rows, depth), net.weights(outputs, depth)]
            operands += [net.constant(array) for array in (bias, multiplier, shift)]
            attributes = {"input_zero_point": net.zero_point(), "rounding": "double", **out}
            shape = (rows, outputs)
            net.result(net.op("qnn.fully_connected", operands, shape, "i8", **attributes))


def convolution(net: Network) -> None:
    x = net.input(1, 5, 6, 4)
    for groups, depth in ((1, 4), (4, 1)):
        multiplier, shift = encode_all(net.rng.uniform(1e-4, 3e-3, 8))
        bias = net.rng.integers(-2000, 2000, 8).astype(np.int32)
        operands = [x, net.weights(8, 3, 3, depth)]
        operands += [net.constant(array) for array in (bias, multiplier, shift)]
        window = {"strides": [1, 2], "dilations": [1, 1], "padding": [1, 1, 1, 1]}
        attributes = {"input_zero_point": net.zero_point(), "rounding": "double", **net.out()}
        net.result(
            net.op(
                "qnn.conv2d", operands, (1, 5, 3, 8), "i8", groups=groups, **window, **attributes
            )
        )


def elementwise(net: Network) -> None:
    a, b = net.input(2, 5, 7), net.input(2, 5, 7)
    zeros = {"a_zero_point": net.zero_point(), "b_zero_point": net.zero_point()}
    rounding = {"rounding": "double"}
    for factor in (0.003, 0.02, 0.9):
        at = {**zeros, **net.factor(factor), **net.out(), **rounding}
        net.result(net.op("qnn.mul", [a, b], (2, 5, 7), "i8", **at))
        zero = {"input_zero_point": net.zero_point()}
        at = {**zero, **net.factor(100 * factor), **net.out(), **rounding}
        net.result(net.op("qnn.requantize", [a], (2, 5, 7), "i8", **at))
        at = {**zero, **net.factor(factor), **net.out(), **rounding}
        net.result(net.op("qnn.mean", [a], (2, 7), "i8", axes=[1], **at))
    c = net.input(2, 7, 3)
    at = {**zeros, **net.factor(2e-3), **net.out(), **rounding}
    net.result(net.op("qnn.batch_matmul", [a, c], (2, 5, 3), "i8", **at))


def sums(net: Network) -> None:
    for subtract in (False, True):
        for factors in ((0.5, 0.5), (0.5, 0.123), (0.37, 0.5)):
            (ma, mb, m), (ra, rb, r) = encode_all([*factors, 1.3 / 2**20])
            attributes = {
                "a_zero_point": net.zero_point(),
                "b_zero_point": net.zero_point(),
                "subtract": subtract,
                "left_shift": 20,
                "a_multiplier": int(ma),
                "a_shift": int(ra),
                "b_multiplier": int(mb),
                "b_shift": int(rb),
                "multiplier": int(m),
                "shift": int(r),
                **net.out(),
            }
            operands = [net.input(3, 40), net.input(1, 40)]
            net.result(net.op("qnn.tflite_add", operands, (3, 40), "i8", **attributes))


def softmax(net: Network) -> None:
    for shape in ((1, 10), (2, 3, 7), (5, 1), (2, 300)):
        for scale in (0.003, 0.05, 1.0):
            operands = [net.input(*shape), net.constant(softmax_table(scale, 1.0))]
            net.result(net.op("qnn.tflite_softmax", operands, shape, "i8"))
    # Rows of equal values: the sum is a power of two, and the reciprocal saturates.
    x = net.input(3, 8)
    net.inputs[-1] = np.repeat(np.array([[-128], [5], [127]], np.int8), 8, axis=1)
    net.result(
        net.op("qnn.tflite_softmax", [x, net.constant(softmax_table(0.1, 1.0))], (3, 8), "i8")
    )


def wide_multipliers(net: Network) -> None:
    """More bits than 31, for products of 64 bits."""
    operands = [net.input(4, 30), net.weights(5, 30)]
    multiplier = net.rng.integers(2**37, 2**38, 5)
    bias = net.rng.integers(-500, 500, 5).astype(np.int32)
    operands += [net.constant(a) for a in (bias, multiplier, np.full(5, 48, np.int32))]
    attributes = {"input_zero_point": 3, **net.out()}
    net.result(net.op("qnn.fully_connected", operands, (4, 5), "i8", **attributes))


def quantize(net: Network) -> None:
    """Halves, just below and above, on both sides of zero; and beyond the range."""
    values = np.arange(-300, 300, dtype=np.float32) / 2
    values = np.concatenate([values, np.nextafter(values, np.inf), np.nextafter(values, -np.inf)])
    for scale, rounding in ((1.0, "away"), (1.0, "even"), (0.25, "away"), (0.1, "away")):
        x = net.input(len(values), element="f32")
        net.inputs[-1] = (values * np.float32(scale)).astype(np.float32)
        attributes = {"scales": [float(np.float32(scale))], "zero_points": [7], "axis": 0}
        net.result(
            net.op("nn.quantize", [x], (len(values),), "i8", rounding=rounding, **attributes)
        )


CASES: tuple[Callable[[Network], None], ...] = (
    products,
    convolution,
    elementwise,
    sums,
    softmax,
    wide_multipliers,
    quantize,
)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_host_equals_the_interpreter(case: Callable[[Network], None], seed: int) -> None:
    net = Network(seed)
    case(net)
    check_equal(net)


def test_the_sign_is_not_corrected_where_the_clamp_hides_it() -> None:
    relu, free = Output(-128, -128, 127), Output(-100, -128, 127)
    assert not plan([2**30], [40], 2**20, relu, "double").correction.any()
    assert plan([2**30], [40], 2**20, free, "double").correction.all()


def test_one_rounding_where_there_is_no_second_shift() -> None:
    assert not plan([2**30], [31], 1000, Output(0, -128, 127), "double").twice
