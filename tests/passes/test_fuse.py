"""Each rule of fuse: the ops before and after, and that the numbers stay."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import qdq_models as qdq
from hypothesis import given, settings
from hypothesis import strategies as st
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.interpret import interpret
from tinyiree.ir.verify import verify
from tinyiree.passes.base import Pass
from tinyiree.passes.fuse import Fuse
from tinyiree.passes.integer.match import EXPLICIT

EVERY = np.arange(-128, 128).astype(np.int8)
REQUANTIZE = {
    "input_zero_point": -3,
    "multiplier": 3 * 2**29,
    "shift": 31,
    "output_zero_point": 9,
    "clamp_min": -128,
    "clamp_max": 127,
}
OUT = {"output_zero_point": -3, "clamp_min": -90, "clamp_max": 100}
CLAMP = {"clamp_min": -20, "clamp_max": 30}
TANH = np.rint(np.tanh(np.arange(-128, 128) / 40) * 127).astype(np.int8)
STEPS = np.sort(np.random.default_rng(1).integers(-128, 128, 256)).astype(np.int8)


class Chain:
    """An int8 model: the ops one after the other."""

    def __init__(self, m: qdq.Model, *shapes: Sequence[int]) -> None:
        self.m = m
        for argument, shape in zip(m.inputs, shapes, strict=True):
            argument.set_type(build.tensor_type(shape, "i8"))  # type: ignore[attr-defined]

    def op(self, name: str, operands: list[Any], shape: Sequence[int], **attrs: Any) -> ir.Value:
        values = [self.m.constant(x) if isinstance(x, np.ndarray) else x for x in operands]
        return self.m.op(name, values, shape, element="i8", **attrs)

    def pointwise(self, x: ir.Value, kind: str) -> ir.Value:
        shape = access.shape(x)
        if kind == "tanh":
            return self.op("qnn.lookup", [x, TANH], shape)
        if kind == "steps":
            return self.op("qnn.lookup", [x, STEPS], shape)
        attributes = CLAMP if kind == "clamp" else REQUANTIZE
        return self.op(f"qnn.{kind}", [x], shape, **attributes)


def fused(module: ir.Module) -> ir.Module:
    result = qdq.copy(module)
    Fuse().run(result, qdq.context())
    verify(result)
    return result


def difference(a: ir.Module, b: ir.Module, inputs: list[qdq.Array]) -> int:
    pairs = zip(interpret(a, inputs), interpret(b, inputs), strict=True)
    return max(int(np.abs(x.astype(int) - y.astype(int)).max()) for x, y in pairs)


def test_it_is_a_pass() -> None:
    assert isinstance(Fuse(), Pass)
    assert Fuse().name == "fuse"


@pytest.mark.parametrize(
    ("kinds", "after", "most"),
    [
        (["tanh", "steps"], "qnn.lookup", 0),
        (["tanh", "clamp"], "qnn.lookup", 0),
        (["clamp", "tanh"], "qnn.lookup", 0),
        (["tanh", "requantize"], "qnn.lookup", 0),
        (["requantize", "tanh"], "qnn.lookup", 0),
        (["clamp", "requantize"], "qnn.requantize", 0),
        (["requantize", "clamp"], "qnn.requantize", 0),
        (["clamp", "requantize", "tanh", "clamp", "steps"], "qnn.lookup", 0),
    ],
)
def test_functions_of_one_tensor(kinds: list[str], after: str, most: int) -> None:
    with qdq.model([256]) as m:
        chain = Chain(m, [256])
        y = m.inputs[0]
        for kind in kinds:
            y = chain.pointwise(y, kind)
        module = m.finish(y)
        result = fused(module)
        assert qdq.names(result) == [after]
        assert difference(module, result, [EVERY]) <= most


def test_two_clamps_are_the_closer_one() -> None:
    with qdq.model([256]) as m:
        chain = Chain(m, [256])
        y = chain.op("qnn.clamp", [m.inputs[0]], [256], clamp_min=-50, clamp_max=10)
        module = m.finish(chain.pointwise(y, "clamp"))
        result = fused(module)
        assert qdq.names(result) == ["qnn.clamp"]
        assert difference(module, result, [EVERY]) == 0


def test_a_clamp_to_all_of_int8_goes() -> None:
    with qdq.model([256]) as m:
        chain = Chain(m, [256])
        y = chain.op("qnn.clamp", [m.inputs[0]], [256], clamp_min=-128, clamp_max=127)
        assert qdq.names(fused(m.finish(y))) == []


SHAPE = (1, 4, 4, 8)
PER_CHANNEL = [np.arange(8, dtype=np.int32) * 100 - 400]
MULTIPLIERS = [np.arange(2**30, 2**30 + 8, dtype=np.int32), np.arange(38, 46, dtype=np.int32)]
WEIGHTS = np.random.default_rng(2).integers(-127, 128, (8, 1, 1, 8)).astype(np.int8)

Producer = Callable[[Chain, list[ir.Value]], ir.Value]

PRODUCERS: dict[str, Producer] = {
    "qnn.conv2d": lambda c, x: c.op(
        "qnn.conv2d", [x[0], WEIGHTS, *PER_CHANNEL, *MULTIPLIERS], SHAPE,
        strides=[1, 1], padding=[0] * 4, dilations=[1, 1], groups=1, input_zero_point=5, **OUT,
    ),
    "qnn.add": lambda c, x: c.op(
        "qnn.add", x, SHAPE,
        a_zero_point=1, b_zero_point=2, a_multiplier=2**20, b_multiplier=-(2**19), shift=20, **OUT,
    ),
    "qnn.mul": lambda c, x: c.op(
        "qnn.mul", x, SHAPE,
        a_zero_point=1, b_zero_point=2, multiplier=2**30 + 77, shift=37, **OUT,
    ),
    "qnn.mean": lambda c, x: c.op(
        "qnn.mean", x[:1], (1, 8),
        axes=[1, 2], input_zero_point=4, multiplier=2**30 + 99, shift=33, **OUT,
    ),
    "qnn.avg_pool2d": lambda c, x: c.op(
        "qnn.avg_pool2d", [x[0], np.array([[2**30 + 5]], np.int32), np.array([[32]], np.int32)],
        (1, 2, 2, 8), kernel=[2, 2], strides=[2, 2], padding=[0] * 4, input_zero_point=4, **OUT,
    ),
    "qnn.requantize": lambda c, x: c.op(
        "qnn.requantize", x[:1], SHAPE,
        input_zero_point=4, multiplier=2**30 + 5, shift=31, **OUT,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("multiplier", "explicit", "merged"),
    [(3 * 2**29, False, True), (3 * 2**29, True, False), (2**31, True, True)],
)
def test_an_explicit_requantize_keeps_its_rounding(
    multiplier: int, explicit: bool, merged: bool
) -> None:
    with qdq.model(SHAPE) as m:
        chain = Chain(m, SHAPE)
        y = PRODUCERS["qnn.conv2d"](chain, m.inputs)
        y = chain.op("qnn.requantize", [y], SHAPE, **{**REQUANTIZE, "multiplier": multiplier})
        if explicit:
            y.owner.attributes[EXPLICIT] = ir.UnitAttr.get()
        module = m.finish(y)
        result = fused(module)
    assert qdq.names(result) == ["qnn.conv2d", *([] if merged else ["qnn.requantize"])]
    x = np.random.default_rng(0).integers(-128, 128, SHAPE).astype(np.int8)
    assert difference(module, result, [x]) <= (1 if merged and not explicit else 0)


@pytest.mark.parametrize("name", PRODUCERS)
@given(st.integers(0, 2**16))
@settings(max_examples=5)
def test_a_requantize_and_a_clamp_belong_to_the_producer(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs = [rng.integers(-128, 128, SHAPE).astype(np.int8) for _ in range(2)]
    with qdq.model(SHAPE, SHAPE) as m:
        chain = Chain(m, SHAPE, SHAPE)
        y = PRODUCERS[name](chain, m.inputs)
        module = m.finish(chain.pointwise(y, "clamp"))
        result = fused(module)
        assert qdq.names(result) == [name]
        assert difference(module, result, inputs) == 0
    with qdq.model(SHAPE, SHAPE) as m:
        chain = Chain(m, SHAPE, SHAPE)
        module = m.finish(chain.pointwise(PRODUCERS[name](chain, m.inputs), "requantize"))
        result = fused(module)
        assert qdq.names(result) == [name]
        # One rounding in place of two.
        assert difference(module, result, inputs) <= 1


def test_a_producer_with_another_user_stays() -> None:
    with qdq.model(SHAPE, SHAPE) as m:
        chain = Chain(m, SHAPE, SHAPE)
        y = PRODUCERS["qnn.add"](chain, m.inputs)
        module = m.finish(chain.pointwise(y, "clamp"), chain.pointwise(y, "requantize"))
        assert qdq.names(fused(module)) == qdq.names(module)


def test_a_softmax_keeps_its_requantize() -> None:
    with qdq.model([1, 4]) as m:
        chain = Chain(m, [1, 4])
        attributes = {"numerator": 2**31, "shift": 23, "output_zero_point": -3}
        table = np.full(256, 2**16, np.int32)
        y = chain.op(
            "qnn.softmax", [m.inputs[0], table], [1, 4], clamp_min=-128, clamp_max=127, **attributes
        )
        module = m.finish(chain.pointwise(y, "requantize"))
        assert qdq.names(fused(module)) == ["qnn.softmax", "qnn.requantize"]


LAYOUTS: dict[str, tuple[list[tuple[str, Sequence[int], dict[str, Any]]], list[str]]] = {
    "reshapes": ([("reshape", (8, 16), {}), ("reshape", (128,), {})], ["nn.reshape"]),
    "reshapes back": ([("reshape", (8, 16), {}), ("reshape", SHAPE, {})], []),
    "transposes": (
        [
            ("transpose", (1, 8, 4, 4), {"permutation": [0, 3, 1, 2]}),
            ("transpose", (4, 8, 1, 4), {"permutation": [3, 1, 0, 2]}),
        ],
        ["nn.transpose"],
    ),
    "transposes back": (
        [
            ("transpose", (1, 8, 4, 4), {"permutation": [0, 3, 1, 2]}),
            ("transpose", SHAPE, {"permutation": [0, 2, 3, 1]}),
        ],
        [],
    ),
    "transpose of an extent of 1": (
        [("transpose", (4, 4, 1, 8), {"permutation": [1, 2, 0, 3]})],
        ["nn.reshape"],
    ),
    "transpose that moves": (
        [("transpose", (1, 8, 4, 4), {"permutation": [0, 3, 1, 2]})],
        ["nn.transpose"],
    ),
    "whole slice": ([("slice", SHAPE, {"offsets": [0] * 4, "strides": [1] * 4})], []),
    "real slice": (
        [("slice", (1, 3, 4, 8), {"offsets": [0, 1, 0, 0], "strides": [1] * 4})],
        ["nn.slice"],
    ),
    "no pad": ([("pad", SHAPE, {"low": [0] * 4, "high": [0] * 4, "value": 0.0})], []),
    "concat of one": ([("concat", SHAPE, {"axis": 3})], []),
    "upsample by one": ([("upsample_nearest", SHAPE, {"factors": [1, 1]})], []),
    "pool of one": (
        [
            (
                "max_pool2d",
                SHAPE,
                {"kernel": [1, 1], "strides": [1, 1], "padding": [0] * 4, "dilations": [1, 1]},
            )
        ],
        [],
    ),
    "pool that stays": (
        [
            (
                "max_pool2d",
                SHAPE,
                {"kernel": [3, 3], "strides": [1, 1], "padding": [1] * 4, "dilations": [1, 1]},
            )
        ],
        ["nn.max_pool2d"],
    ),
}


@pytest.mark.parametrize(("chain", "after"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layout(chain: list[tuple[str, Sequence[int], dict[str, Any]]], after: list[str]) -> None:
    x = np.random.default_rng(0).integers(-128, 128, SHAPE).astype(np.int8)
    with qdq.model(SHAPE) as m:
        ints = Chain(m, SHAPE)
        y = m.inputs[0]
        for name, shape, attributes in chain:
            y = ints.op(f"nn.{name}", [y], shape, **attributes)
        module = m.finish(y)
        result = fused(module)
        assert qdq.names(result) == after
        assert difference(module, result, [x]) == 0


@pytest.mark.parametrize(
    ("value", "channels", "merged"), [(5, 0, True), (4, 0, False), (5, 1, False)]
)
@pytest.mark.parametrize("name", ["qnn.conv2d", "qnn.avg_pool2d"])
def test_padding_by_the_zero_point(name: str, value: int, channels: int, merged: bool) -> None:
    x = np.random.default_rng(0).integers(-128, 128, (1, 4, 4, 8 - channels)).astype(np.int8)
    with qdq.model(x.shape) as m:
        chain = Chain(m, x.shape)
        padded = chain.op(
            "nn.pad", [m.inputs[0]], (1, 7, 5, 8),
            low=[0, 1, 0, 0], high=[0, 2, 1, channels], value=float(value),
        )  # fmt: skip
        if name == "qnn.conv2d":
            y = chain.op(
                name, [padded, WEIGHTS, *PER_CHANNEL, *MULTIPLIERS], (1, 8, 5, 8), strides=[1, 1],
                padding=[1, 0, 0, 0], dilations=[1, 1], groups=1, input_zero_point=5, **OUT,
            )  # fmt: skip
        else:
            one = [np.array([[2**30]], np.int32), np.array([[32]], np.int32)]
            y = chain.op(
                name, [padded, *one], (1, 7, 4, 8), kernel=[2, 2], strides=[1, 1],
                padding=[1, 0, 0, 0], input_zero_point=5, **OUT,
            )  # fmt: skip
        module = m.finish(y)
        result = fused(module)
        assert qdq.names(result) == ([name] if merged else ["nn.pad", name])
        (op,) = access.named(result, name)
        assert access.ints(op, "padding") == ([2, 0, 2, 1] if merged else [1, 0, 0, 0])
        assert difference(module, result, [x]) == 0


def test_float_padding_by_zero() -> None:
    with qdq.model([1, 4, 4, 8]) as m:
        y = m.op("nn.pad", [m.inputs[0]], (1, 5, 4, 8), low=[0, 1, 0, 0], high=[0] * 4, value=0.0)
        w = m.constant(WEIGHTS.astype(np.float32))
        y = m.op(
            "nn.conv2d", [y, w], (1, 5, 4, 8),
            strides=[1, 1], padding=[0] * 4, dilations=[1, 1], groups=1,
        )  # fmt: skip
        assert qdq.names(fused(m.finish(y))) == ["nn.conv2d"]


def test_dequantize_and_quantize_cancel() -> None:
    with qdq.model([1, 4]) as m:
        chain = Chain(m, [1, 4])
        same = m.quantize(m.dequantize(m.inputs[0], 0.1, 3), 0.1, 3)
        other = m.quantize(m.dequantize(chain.m.inputs[0], 0.1, 3), 0.2, 3)
        result = fused(m.finish(same, other))
        assert qdq.names(result).count("nn.quantize") == 1


def test_dead_code_goes() -> None:
    with qdq.model([1, 4]) as m:
        m.op("nn.softmax", [m.op("nn.softmax", [m.inputs[0]], [1, 4])], [1, 4])
        result = fused(m.finish(m.inputs[0]))
        assert [op.name for op in access.operations(result)] == ["func.return"]


def test_slices_of_slices_are_one() -> None:
    x = np.arange(1 * 9 * 9 * 2, dtype=np.int8).reshape(1, 9, 9, 2)
    with qdq.model(x.shape) as m:
        ints = Chain(m, x.shape)
        rows = {"offsets": [0, 1, 0, 0], "strides": [1, 2, 1, 1]}
        columns = {"offsets": [0, 1, 2, 0], "strides": [1, 1, 3, 1]}
        y = ints.op("nn.slice", [m.inputs[0]], (1, 4, 9, 2), **rows)
        y = ints.op("nn.slice", [y], (1, 3, 3, 2), **columns)
        module = m.finish(y)
        result = fused(module)
        assert qdq.names(result) == ["nn.slice"]
        assert difference(module, result, [x]) == 0
