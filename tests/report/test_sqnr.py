"""Quantization noise by layer, against noise worked out by hand and made on purpose."""

import sys
from pathlib import Path

import numpy as np
import pytest
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.passes.base import PassContext
from tinyiree.passes.calibrate import Calibrate
from tinyiree.passes.integerize import Integerize
from tinyiree.passes.quantize import Quantize
from tinyiree.passes.settings import LayerRule, Quantization
from tinyiree.report.model import Sqnr
from tinyiree.report.sqnr import NO_REFERENCE, SqnrProbe, decibels

sys.path.append(str(Path(__file__).parent.parent / "passes"))

import qdq_models as qdq

from tinyiree.ir.interpret import interpret

CONV = {"strides": [1, 1], "padding": [1, 1, 1, 1], "dilations": [1, 1], "groups": 1}
WINDOW = {"kernel": [2, 2], "strides": [2, 2], "padding": [0] * 4, "dilations": [1, 1]}


def network(m: qdq.Model, outlier: float) -> ir.Module:
    """Convolution, clamp, pool and linear layer.

    An outlier among the weights of the linear layer makes their steps coarse. It meets an input
    that is always 0, so that the signal stays what it is.
    """
    random = np.random.default_rng(0)
    kernel = random.normal(0, 0.3, (4, 3, 3, 2)).astype(np.float32)
    kernel[0] = 0
    weights = random.normal(0, 0.3, (5, 64)).astype(np.float32)
    weights[:, 0] += outlier
    y = m.op("nn.conv2d", [m.inputs[0], m.constant(kernel)], (1, 8, 8, 4), layer="conv", **CONV)
    y = m.op("nn.clamp", [y], (1, 8, 8, 4), min=0.0, max=float("inf"), layer="relu")
    y = m.op("nn.max_pool2d", [y], (1, 4, 4, 4), layer="pool", **WINDOW)
    y = m.op("nn.reshape", [y], (1, 64), layer="flatten")
    y = m.op("nn.fully_connected", [y, m.constant(weights)], (1, 5), layer="linear")
    return m.finish(y)


def measured(outlier: float = 0, count: int = 4, *rules: LayerRule) -> Sqnr:
    data = np.random.default_rng(1).normal(0, 1, (count, 1, 8, 8, 2)).astype(np.float32)
    with qdq.model((1, 8, 8, 2)) as m:
        module = network(m, outlier)
        context = PassContext(
            core=None,  # type: ignore[arg-type]
            compile_host=lambda copy: lambda inputs: interpret(copy, inputs),
            quantization=Quantization(rules=rules),
            calibration={"input0": data},
        )
        probe = SqnrProbe({"input": data})
        for step in (Calibrate(), Quantize(), Integerize()):
            probe.before(step.name, module)
            step.run(module, context)
            probe.after(step.name, module)
        result = probe.measure(lambda what, done, total: None)
        left = [op.name for op in access.operations(module) if "tiny.float_op" in op.attributes]
    assert left == [], "the marks go when they have served"
    return result


def test_eight_bits_give_what_eight_bits_can() -> None:
    found = measured()
    assert found.samples == 4
    assert list(found.layers) == ["conv", "pool", "flatten", "linear"]
    # The uniform noise of 8 bits is 6.02 * 8 dB below full scale; a signal is below that itself.
    for layer, value in found.layers.items():
        assert value is not None, layer
        assert 30 < value < 50, layer
    assert found.layers["pool"] == found.layers["flatten"]


def test_a_bad_layer_shows() -> None:
    good, bad = measured(), measured(40)
    assert good.layers["pool"] == bad.layers["pool"]
    assert (good.layers["linear"] or 0) > (bad.layers["linear"] or 0) + 10


def test_a_layer_in_float_adds_no_noise_of_its_own() -> None:
    whole = measured()
    kept = measured(0, 4, LayerRule("linear", keep_float=True))
    assert kept.layers["conv"] == whole.layers["conv"]
    assert (kept.layers["linear"] or 0) > (whole.layers["linear"] or 0)


def test_few_samples_of_many_are_run() -> None:
    assert measured(0, 50).samples == 8


def test_no_reference() -> None:
    with qdq.model((1, 8, 8, 2)) as m:
        module = network(m, 0)
        probe = SqnrProbe({})
        probe.before("quantize", module)
        probe.after("quantize", module)
        probe.after("integerize", module)
        assert probe.measure(lambda what, done, total: None) == Sqnr(0, NO_REFERENCE)


@pytest.mark.parametrize(
    ("signal", "noise", "value"),
    [(100.0, 1.0, 20.0), (1.0, 100.0, -20.0), (1.0, 0.0, None), (0.0, 1.0, None)],
)
def test_decibels(signal: float, noise: float, value: float | None) -> None:
    assert decibels(signal, noise) == value
