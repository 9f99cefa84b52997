"""nn.pad disappears into the ops that can pad themselves, and nothing else changes."""

import math
from typing import Any

import numpy as np
import pytest
from op_networks import Network

from tinyiree.ir import access
from tinyiree.ir.interpret import interpret
from tinyiree.passes.fold_padding import FoldPadding

POOL = {"kernel": [3, 3], "strides": [1, 1], "padding": [0, 0, 0, 0]}


def padded(value: float, reader: str, **attributes: Any) -> Network:
    net = Network(1)
    x = net.input(1, 4, 5, 3, element="f32")
    at = {"low": [0, 1, 1, 0], "high": [0, 1, 2, 0]}
    y = net.op("nn.pad", [x], (1, 6, 8, 3), "f32", value=value, **at)
    operands = [y]
    if reader == "nn.conv2d":
        weights = net.rng.normal(size=(3, 3, 3, 3)).astype(np.float32)
        operands.append(net.constant(weights))
    net.result(net.op(reader, operands, (1, 4, 6, 3), "f32", **attributes))
    return net


@pytest.mark.parametrize(
    ("value", "reader", "attributes", "folds"),
    [
        (0.0, "nn.conv2d", {"groups": 1, "dilations": [1, 1]}, True),
        (1.0, "nn.conv2d", {"groups": 1, "dilations": [1, 1]}, False),
        (-math.inf, "nn.max_pool2d", {"dilations": [1, 1]}, True),
        (0.0, "nn.max_pool2d", {"dilations": [1, 1]}, False),
        (0.0, "nn.avg_pool2d", {"count_include_pad": True}, True),
        (0.0, "nn.avg_pool2d", {"count_include_pad": False}, True),
        (2.0, "nn.avg_pool2d", {"count_include_pad": True}, False),
    ],
)
def test_folds_where_the_value_is_what_the_op_pads_with(
    value: float, reader: str, attributes: dict[str, Any], folds: bool
) -> None:
    window = {key: POOL[key] for key in POOL if reader != "nn.conv2d" or key != "kernel"}
    net = padded(value, reader, **window, **attributes)
    module = net.finish()
    (before,) = interpret(module, net.inputs)
    FoldPadding().run(module, None)  # type: ignore[arg-type]
    assert (not list(access.named(module, "nn.pad"))) is folds
    np.testing.assert_allclose(interpret(module, net.inputs)[0], before, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("value", "folds"), [(-7.0, True), (0.0, False)])
def test_an_integer_convolution_pads_with_its_zero_point(value: float, folds: bool) -> None:
    net = Network(2)
    x = net.input(1, 4, 5, 3)
    at = {"low": [0, 1, 1, 0], "high": [0, 1, 1, 0]}
    y = net.op("nn.pad", [x], (1, 6, 7, 3), "i8", value=value, **at)
    operands = [y, net.weights(4, 3, 3, 3), *net.per_channel(4, 27)]
    window = {"strides": [1, 1], "dilations": [1, 1], "padding": [0, 0, 0, 0], "groups": 1}
    edge = {"input_zero_point": -7, **net.out()}
    net.result(net.op("qnn.conv2d", operands, (1, 4, 5, 4), "i8", **window, **edge))
    module = net.finish()
    (before,) = interpret(module, net.inputs)
    FoldPadding().run(module, None)  # type: ignore[arg-type]
    assert (not list(access.named(module, "nn.pad"))) is folds
    np.testing.assert_array_equal(interpret(module, net.inputs)[0], before)


@pytest.mark.parametrize("channels", [1, 3])
def test_padding_in_the_frontends_layout_is_folded(channels: int) -> None:
    """With one channel the transpose is a reshape."""
    net = Network(3)
    x = net.input(1, channels, 4, 5, element="f32")
    at = {"low": [0, 0, 0, 1], "high": [0, 0, 1, 2]}
    y = net.op("nn.pad", [x], (1, channels, 5, 8), "f32", value=0.0, **at)
    if channels == 1:
        y = net.op("nn.reshape", [y], (1, 5, 8, 1), "f32")
    else:
        y = net.op("nn.transpose", [y], (1, 5, 8, channels), "f32", permutation=[0, 2, 3, 1])
    weights = net.constant(net.rng.normal(size=(2, 3, 3, channels)).astype(np.float32))
    window = {"strides": [1, 1], "dilations": [1, 1], "padding": [0, 0, 0, 0], "groups": 1}
    net.result(net.op("nn.conv2d", [y, weights], (1, 3, 6, 2), "f32", **window))
    module = net.finish()
    (before,) = interpret(module, net.inputs)
    FoldPadding().run(module, None)  # type: ignore[arg-type]
    assert not list(access.named(module, "nn.pad"))
    (conv,) = access.named(module, "nn.conv2d")
    assert access.ints(conv, "padding") == [0, 1, 1, 2]
    np.testing.assert_allclose(interpret(module, net.inputs)[0], before, rtol=1e-6, atol=1e-6)
