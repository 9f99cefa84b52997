"""The operators that only TFLite models have, on simulated cores: the interpreter's bytes."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import test_more_arithmetic as arithmetic
import test_more_movement as movement
from builder import ModelBuilder
from cases import Case, Rng, data_for, import_bytes
from test_more_elementwise import prelu_model

from tinyiree.built import open_build
from tinyiree.compile import Flow
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret
from tinyiree.settings import BuildOptions
from tinyiree.targets import load


def prelu(b: ModelBuilder, rng: Rng, dtype: str) -> Case:
    inputs, outputs = prelu_model(b, rng, dtype)
    return Case(inputs, outputs)


CASES = (
    prelu,
    movement.gather,
    partial(movement.resize, name="RESIZE_BILINEAR"),
    partial(movement.resize, name="RESIZE_NEAREST_NEIGHBOR"),
    movement.mirror_pad,
    partial(arithmetic.extreme, name="MAXIMUM"),
    partial(arithmetic.extreme, name="MINIMUM"),
    partial(arithmetic.binary, name="MUL"),
    arithmetic.total,
    arithmetic.l2_norm,
    arithmetic.batch_matmul,
    arithmetic.transpose_conv,
)

NEW_OPS = {
    "nn.gather",
    "nn.maximum",
    "nn.minimum",
    "qnn.tflite_prelu",
    "qnn.tflite_l2_norm",
    "qnn.tflite_resize_bilinear",
}


@pytest.mark.parametrize("target", ["cortex-m0plus", "cortex-m4", "rv32imc"])
def test_simulated_core_equals_the_interpreter(target: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    b = ModelBuilder()
    inputs: list[int] = []
    outputs: list[int] = []
    for make in CASES:
        for _ in range(2):
            case = make(b, rng, "int8")
            inputs += case.inputs
            outputs += case.outputs
    module = import_bytes(b.finish(inputs, outputs))
    assert {op.name for op in access.operations(module)} >= NEW_OPS
    data = data_for(b.finish(inputs, outputs), rng)
    with module.context:
        expected = interpret(module, data)
        options = BuildOptions(quantize=None, formats=("static",))
        Flow(load(target), options, {}).run(module, "ops", tmp_path)
    built = open_build(tmp_path)
    names = [tensor.name for tensor in built.manifest.inputs]
    device = built.run({name: array[None] for name, array in zip(names, data, strict=True)})
    for number, (found, wanted) in enumerate(zip(device.outputs, expected, strict=True)):
        np.testing.assert_array_equal(found[0], wanted, err_msg=f"result {number}")
