"""Clamps move above ops that move elements, exactly, and above nothing else."""

import numpy as np
import pytest
import qdq_models as qdq

from tinyiree.ir.interpret import interpret
from tinyiree.passes.hoist_clamp import HoistClamp

WINDOW = {"kernel": [2, 2], "strides": [2, 2], "padding": [1, 1, 0, 0], "dilations": [1, 1]}
MOVERS = {
    "nn.max_pool2d": ((1, 2, 2, 3), WINDOW),
    "nn.reshape": ((1, 16, 1, 3), {}),
    "nn.transpose": ((1, 3, 4, 4), {"permutation": [0, 3, 1, 2]}),
    "nn.slice": ((1, 2, 2, 3), {"offsets": [0, 1, 0, 0], "strides": [1, 2, 2, 1]}),
    "nn.upsample_nearest": ((1, 8, 8, 3), {"factors": [2, 2]}),
}


@pytest.mark.parametrize("name", MOVERS)
def test_moves_above(name: str) -> None:
    shape, attributes = MOVERS[name]
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype(np.float32)
    with qdq.model(x.shape) as m:
        y = m.op("nn.unary", [m.inputs[0]], x.shape, fn="neg", alpha=0.0)
        y = m.op(name, [y], shape, **attributes)
        module = m.finish(m.op("nn.clamp", [y], shape, min=0.0, max=0.5))
        before = interpret(module, [x])[0]
        HoistClamp().run(module, qdq.context())
        assert qdq.names(module) == ["nn.unary", "nn.clamp", name]
        np.testing.assert_array_equal(interpret(module, [x])[0], before)


def test_moves_above_several() -> None:
    with qdq.model((1, 4, 4, 3)) as m:
        y = m.op("nn.max_pool2d", [m.inputs[0]], (1, 2, 2, 3), **WINDOW)
        y = m.op("nn.reshape", [y], (1, 12))
        module = m.finish(m.op("nn.clamp", [y], (1, 12), min=0.0, max=float("inf")))
        HoistClamp().run(module, qdq.context())
        assert qdq.names(module) == ["nn.clamp", "nn.max_pool2d", "nn.reshape"]


def test_stays_below_a_value_with_another_reader() -> None:
    with qdq.model((1, 4, 4, 3)) as m:
        y = m.op("nn.max_pool2d", [m.inputs[0]], (1, 2, 2, 3), **WINDOW)
        module = m.finish(m.op("nn.clamp", [y], (1, 2, 2, 3), min=0.0, max=1.0), y)
        HoistClamp().run(module, qdq.context())
        assert qdq.names(module) == ["nn.max_pool2d", "nn.clamp"]


def test_stays_below_padding_and_arithmetic() -> None:
    with qdq.model((1, 4, 4, 3)) as m:
        pad = {"low": [0, 1, 1, 0], "high": [0, 1, 1, 0], "value": 0.0}
        y = m.op("nn.pad", [m.inputs[0]], (1, 6, 6, 3), **pad)
        module = m.finish(m.op("nn.clamp", [y], (1, 6, 6, 3), min=1.0, max=2.0))
        HoistClamp().run(module, qdq.context())
        assert qdq.names(module) == ["nn.pad", "nn.clamp"]
