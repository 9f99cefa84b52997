"""Convolutions and matrix products: bias and weight forms, and what is refused."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import qdq_models as qdq
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret
from tinyiree.passes.integerize import Integerize

ZERO_POINT = st.sampled_from([-128, -1, 0, 17, 127])
SCALE = st.floats(0.002, 0.5)
SEED = st.integers(0, 2**16)

CONV = {"strides": [1, 1], "padding": [0] * 4, "dilations": [1, 1], "groups": 1}


def uniform(seed: int, shape: Sequence[int], scale: float, zero_point: int) -> qdq.Array:
    """Values over the whole int8 range and 30 % beyond it."""
    raw = np.random.default_rng(seed).uniform(-166, 166, shape)
    return ((raw - zero_point) * scale).astype(np.float32)


@given(
    SCALE,
    ZERO_POINT,
    ZERO_POINT,
    SEED,
    st.sampled_from([(4, 6, 1), (4, 6, 2), (4, 4, 4), (4, 8, 4)]),
    st.sampled_from([(3, 3), (1, 1), (2, 4), (1, 5)]),
    st.sampled_from([(1, 1), (2, 1), (2, 3)]),
    st.sampled_from(["none", "float", "int32", "other scale"]),
    st.sampled_from([None, (0.0, math.inf), (0.0, 6.0), (-1.0, 1.0)]),
)
@settings(max_examples=60)
def test_conv2d(
    scale: float,
    zero_point: int,
    zo: int,
    seed: int,
    channels: tuple[int, int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    bias_form: str,
    clamp: tuple[float, float] | None,
) -> None:
    rng = np.random.default_rng(seed)
    c, o, groups = channels
    size = (7 - kernel[0] + 2) // strides[0] + 1, (8 - kernel[1] + 1) // strides[1] + 1
    shape = (1, *size, o)
    raw = rng.integers(-127, 128, (o, *kernel, c // groups)).astype(np.int8)
    weight_scales = rng.uniform(0.001, 0.02, o)
    bias_scales = scale * weight_scales
    raw_bias = rng.integers(-(2**12), 2**12, o).astype(np.int32)
    # Around three standard deviations of the sum fill the output's range; the rest saturates.
    out = 3 * 73 * 73 * math.sqrt(raw[0].size) * scale * 0.01 / 128
    with qdq.model([1, 7, 8, c]) as m:
        operands = [m.quantize(m.inputs[0], scale, zero_point), m.weight(raw, weight_scales)]
        if bias_form == "float":
            operands.append(m.constant((raw_bias * bias_scales).astype(np.float32)))
        elif bias_form == "int32":
            operands.append(m.weight(raw_bias, bias_scales))
        elif bias_form == "other scale":
            operands.append(m.weight(raw_bias, bias_scales * 1.7))
        y = m.op(
            "nn.conv2d", operands, shape,
            strides=strides, padding=[1, 0, 1, 1], dilations=[1, 1], groups=groups,
        )  # fmt: skip
        if clamp is not None:
            y = m.op("nn.clamp", [y], shape, min=clamp[0], max=clamp[1])
        module = m.finish(m.quantize(y, out, zo))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["qnn.conv2d"]
        (op,) = access.named(integer, "qnn.conv2d")
        expected = {
            "none": np.zeros(o),
            "float": raw_bias,
            "int32": raw_bias,
            "other scale": np.rint(raw_bias * 1.7),
        }
        assert np.array_equal(access.constant(op.operands[2]), expected[bias_form])
        x = uniform(seed, (1, 7, 8, c), scale, zero_point)
        assert qdq.steps_apart(module, integer, [x]) <= 1


@given(SCALE, ZERO_POINT, ZERO_POINT, SEED, st.booleans())
@settings(max_examples=30)
def test_fully_connected(
    scale: float, zero_point: int, zo: int, seed: int, per_channel: bool
) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.integers(-127, 128, (5, 24)).astype(np.int8)
    scales = rng.uniform(0.001, 0.02, 5) if per_channel else [0.01]
    with qdq.model([2, 24]) as m:
        x = m.quantize(m.inputs[0], scale, zero_point)
        y = m.op("nn.fully_connected", [x, m.weight(raw, scales)], [2, 5])
        module = m.finish(m.quantize(y, 73 * 73 * 15 * scale * 0.01 / 128, zo))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["qnn.fully_connected"]
        (op,) = access.named(integer, "qnn.fully_connected")
        assert access.shape(op.operands[3]) == (5,)
        assert len(set(access.constant(op.operands[3]).tolist())) == (5 if per_channel else 1)
        assert qdq.steps_apart(module, integer, [uniform(seed, (2, 24), scale, zero_point)]) <= 1


@given(SCALE, ZERO_POINT, SCALE, ZERO_POINT, ZERO_POINT, SEED)
@settings(max_examples=30)
def test_batch_matmul(sa: float, za: int, sb: float, zb: int, zo: int, seed: int) -> None:
    with qdq.model([2, 3, 9], [2, 9, 4]) as m:
        a, b = m.quantize(m.inputs[0], sa, za), m.quantize(m.inputs[1], sb, zb)
        y = m.op("nn.batch_matmul", [a, b], [2, 3, 4])
        module = m.finish(m.quantize(y, 73 * 73 * 9 * sa * sb / 128, zo))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["qnn.batch_matmul"]
        inputs = [uniform(seed, (2, 3, 9), sa, za), uniform(seed + 1, (2, 9, 4), sb, zb)]
        assert qdq.steps_apart(module, integer, inputs) <= 1


def fully_connected(
    m: qdq.Model, raw: qdq.Array, scales: Sequence[float], bias: qdq.Array | None = None
) -> None:
    """A layer of given weights on the model's input, at scale 0.05, with output scale 0.1."""
    operands = [m.quantize(m.inputs[0], 0.05, 0), m.weight(raw, scales)]
    if bias is not None:
        operands.append(m.constant(bias))
    y = m.op("nn.fully_connected", operands, [1, raw.shape[0]], layer="fc1")
    m.finish(m.quantize(y, 0.1, 0))


@pytest.mark.parametrize("weight", [0, 1])
def test_a_channel_without_weights_keeps_its_bias(weight: int) -> None:
    raw = np.array([[weight, 0], [100, -100]], np.int8)
    with qdq.model([1, 2]) as m:
        fully_connected(m, raw, [1e-12, 0.01], np.float32([5.0, 1.0]))
        integer = qdq.integerized(m.module)
        assert qdq.steps_apart(m.module, integer, [np.float32([[3.0, 2.0]])]) <= 1
        (op,) = access.named(integer, "qnn.fully_connected")
        assert access.constant(op.operands[2])[0] == 2**30
        # The other channel is as it was.
        assert access.constant(op.operands[1])[1].tolist() == [100, -100]


def refused(m: qdq.Model, message: str) -> None:
    with pytest.raises(TinyireeError, match=message) as caught:
        Integerize().run(m.module, qdq.context())
    assert "'fc1' (model.py:7)" in str(caught.value)


def test_an_accumulator_that_may_overflow_is_refused() -> None:
    with qdq.model([1, 140_000]) as m:
        raw = np.zeros((2, 140_000), np.int8)
        raw[1] = 127
        fully_connected(m, raw, [0.01])
        bound = 140_000 * 127 * 128
        refused(m, rf"accumulator may overflow: output channel 1 can reach {bound}, the limit is")


def test_the_largest_accumulator_is_not_refused() -> None:
    with qdq.model([1, 132_000]) as m:
        fully_connected(m, np.full((1, 132_000), 127, np.int8), [0.01])
        integer = qdq.integerized(m.module)
        lowest = np.full((1, 132_000), -128, np.int8)
        assert interpret(integer, [lowest])[0].item() == -128


def test_batch_matmul_is_checked_too() -> None:
    with qdq.model([1, 1, 40_000], [1, 40_000, 1]) as m:
        a, b = (m.quantize(x, 0.1, -128) for x in m.inputs)
        y = m.op("nn.batch_matmul", [a, b], [1, 1, 1], layer="fc1")
        m.finish(m.quantize(y, 1.0, 0))
        refused(m, "accumulator may overflow")


def test_weights_with_a_zero_point_are_refused() -> None:
    with qdq.model([1, 2]) as m:
        x = m.quantize(m.inputs[0], 0.1, 0)
        w = m.dequantize(m.constant(np.ones((2, 2), np.int8)), 0.1, 3)
        m.finish(m.quantize(m.op("nn.fully_connected", [x, w], [1, 2], layer="fc1"), 0.1, 0))
        refused(m, "expected int8 weights with zero point 0, found zero point 3")


def test_weight_scales_of_another_axis_are_refused() -> None:
    with qdq.model([1, 2]) as m:
        x = m.quantize(m.inputs[0], 0.1, 0)
        w = m.weight(np.ones((2, 2), np.int8), [0.1, 0.2], axis=1)
        m.finish(m.quantize(m.op("nn.fully_connected", [x, w], [1, 2], layer="fc1"), 0.1, 0))
        refused(m, "along axis 0, the output channel, found axis 1")


def test_a_weight_scale_of_zero_is_refused() -> None:
    with qdq.model([1, 2]) as m:
        fully_connected(m, np.ones((2, 2), np.int8), [0.1, 0.0])
        refused(m, "expected finite weight scales above zero, found 0.0 to 0.1")


def test_a_bias_out_of_all_proportion_is_refused() -> None:
    with qdq.model([1, 2]) as m:
        fully_connected(m, np.ones((2, 2), np.int8), [1e-25], np.float32([1, 1]))
        refused(m, "expected a bias near the range of input times weight")


def test_scales_too_far_apart_are_refused() -> None:
    with qdq.model([1, 2]) as m:
        x = m.quantize(m.inputs[0], 1e6, 0)
        w = m.weight(np.ones((2, 2), np.int8), [1e4])
        m.finish(m.quantize(m.op("nn.fully_connected", [x, w], [1, 2], layer="fc1"), 1.0, 0))
        refused(m, "its scales cannot be brought together")


def test_a_transposed_weight_is_folded() -> None:
    with qdq.model([1, 3]) as m:
        x = m.quantize(m.inputs[0], 0.1, 0)
        raw = np.arange(6).reshape(3, 2).astype(np.int8)
        w = m.op("nn.transpose", [m.weight(raw, [0.1, 0.2], axis=1)], [2, 3], permutation=[1, 0])
        module = m.finish(m.quantize(m.op("nn.fully_connected", [x, w], [1, 2]), 0.1, 0))
        integer = qdq.integerized(module)
        assert qdq.names(integer) == ["qnn.fully_connected"]
        (op,) = access.named(integer, "qnn.fully_connected")
        assert np.array_equal(access.constant(op.operands[1]), raw.T)
        assert qdq.steps_apart(module, integer, [np.float32([[1, 2, 3]])]) <= 1
