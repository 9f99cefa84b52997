"""uint8, int16, bool and the casts between types on simulated cores: LiteRT's bytes."""

from itertools import islice
from pathlib import Path

import cases
import numpy as np
import pytest
from litert import Reference
from typed_cases import CASTS, INT16, OTHERS, UINT8, joined

from tinyiree.built import open_build
from tinyiree.compile import Flow
from tinyiree.passes.pipeline import Pipeline
from tinyiree.passes.plan_memory import PlanMemory
from tinyiree.settings import BuildOptions
from tinyiree.targets import load

CHOSEN = {
    **{f"uint8 {name}": make for name, make in islice(UINT8.items(), 0, None, 3)},
    **{
        f"int16 {name}": INT16[name]
        for name in ("conv", "depthwise", "fully_connected", "average_pool", "mean", "add")
    },
    **{
        f"int16 {name}": INT16[name]
        for name in ("softmax", "LOGISTIC", "TANH", "LEAKY_RELU", "MUL", "relu6", "transpose_conv")
    },
    **dict(islice(OTHERS.items(), 0, None, 6)),
    **dict(islice(CASTS.items(), 0, None, 7)),
}
# The pipeline makes integers of float edges that are only ever quantized.
CHOSEN = {name: make for name, make in CHOSEN.items() if "quantized to float32" not in name}


@pytest.mark.parametrize("target", ["cortex-m4", "rv32imc"])
def test_simulated_core_equals_litert(target: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    b, case = joined(CHOSEN, rng)
    model = b.finish(case.inputs, case.outputs)
    module, data = cases.import_bytes(model), cases.data_for(model, rng)
    with module.context:
        pipeline = Pipeline(planner=PlanMemory(effort=0.0, order=False))
        options = BuildOptions(quantize=None, formats=("static",), pipeline=pipeline)
        Flow(load(target), options, {}).run(module, "ops", tmp_path)
    built = open_build(tmp_path)
    names = [tensor.name for tensor in built.manifest.inputs]
    samples = {name: array[None] for name, array in zip(names, data, strict=True)}
    compared = built.verify(samples)
    assert compared.bit_exact
    expected = Reference(model)(data)
    assert {array.dtype.name for array in expected} >= {"uint8", "int16", "bool"}
    for number, (found, wanted) in enumerate(zip(compared.device.outputs, expected, strict=True)):
        assert found.dtype == wanted.dtype
        cases.compare(found[0], wanted, f"result {number}")
    header = (tmp_path / "ops.h").read_text()
    assert "static inline uint8_t *ops_input0(" in header
