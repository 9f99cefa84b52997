"""The operators that only TFLite models have, on simulated cores: the interpreter's bytes."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import test_more_arithmetic as arithmetic
import test_more_movement as movement
from builder import ModelBuilder
from cases import Case, Rng, data_for, import_bytes
from iree.compiler import ir
from test_more_elementwise import FLOATS, floats_model, prelu_model

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
    for number, (found, wanted) in enumerate(simulated(module, data, target, tmp_path)):
        np.testing.assert_array_equal(found, wanted, err_msg=f"result {number}")


def test_float_functions_link_and_agree(tmp_path: Path) -> None:
    model, data = floats_model(np.random.default_rng(2), FLOATS)
    for found, wanted in simulated(import_bytes(model), data, "cortex-m4", tmp_path):
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def simulated(
    module: ir.Module, data: list[np.ndarray], target: str, folder: Path
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What the core computes and what the interpreter does, result by result."""
    with module.context:
        expected = interpret(module, data)
        options = BuildOptions(quantize=None, formats=("static",))
        Flow(load(target), options, {}).run(module, "ops", folder)
    built = open_build(folder)
    names = [tensor.name for tensor in built.manifest.inputs]
    device = built.run({name: array[None] for name, array in zip(names, data, strict=True)})
    for found, wanted in zip(device.outputs, expected, strict=True):
        yield found[0], wanted
