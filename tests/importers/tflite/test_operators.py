"""Every operator alone, with random shapes, quantization and data: equal to LiteRT in every byte.

Float operators agree to a few units in the last place.
"""

from functools import partial

import cases
import numpy as np
import pytest
from builder import ModelBuilder
from litert import Reference

from tinyiree.iree.host import compile_host

CASES: dict[str, cases.Make] = {
    "conv": partial(cases.convolution, depthwise=False),
    "depthwise": partial(cases.convolution, depthwise=True),
    "fully_connected": cases.fully_connected,
    "average_pool": partial(cases.pool, name="AVERAGE_POOL_2D"),
    "max_pool": partial(cases.pool, name="MAX_POOL_2D"),
    "mean": cases.mean,
    "add": cases.add,
    "softmax": cases.softmax,
    "relu": partial(cases.relu, name="RELU"),
    "relu6": partial(cases.relu, name="RELU6"),
    "relu_n1_to_1": partial(cases.relu, name="RELU_N1_TO_1"),
    "relu_0_to_1": partial(cases.relu, name="RELU_0_TO_1"),
    "requantize": cases.requantize,
    "reshape": cases.reshape,
    "pad": partial(cases.pad, name="PAD"),
    "padv2": partial(cases.pad, name="PADV2"),
    "concatenation": cases.concatenation,
    "through_float": cases.through_float,
}

FLOAT_CASES: dict[str, cases.Make] = {
    name: partial(make, dtype="float32")
    for name, make in CASES.items()
    if name not in ("requantize", "through_float")
}

SEEDS = 40


@pytest.mark.parametrize("name", CASES)
def test_int8_equals_litert(name: str) -> None:
    cases.check(CASES[name], range(SEEDS))


@pytest.mark.parametrize("name", FLOAT_CASES)
def test_float_agrees_with_litert(name: str) -> None:
    cases.check(FLOAT_CASES[name], range(10), samples=1)


def test_compiled_by_iree() -> None:
    """Three of each in one model, through the lowering and IREE for the host."""
    rng = np.random.default_rng(7)
    builder = ModelBuilder()
    inputs: list[int] = []
    outputs: list[int] = []
    for make in CASES.values():
        for _ in range(3):
            case = make(builder, rng)
            inputs += case.inputs
            outputs += case.outputs
    model = builder.finish(inputs, outputs)
    module, reference = cases.import_bytes(model), Reference(model)
    with module.context:
        program = compile_host(module)
    for _ in range(5):
        data = cases.data_for(model, rng)
        for number, (a, b) in enumerate(zip(program(data), reference(data), strict=True)):
            cases.compare(a, b, f"output {number}")
