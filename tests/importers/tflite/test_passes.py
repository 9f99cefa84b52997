"""What the pipeline does to a model whose every byte is defined: nothing that changes one."""

from pathlib import Path

import cases
import numpy as np
import pytest
from builder import ModelBuilder
from iree.compiler import ir
from litert import Reference

import tinyiree as ti
from tinyiree.importers.tflite import arithmetic_ops
from tinyiree.importers.tflite.arithmetic import requantize_table
from tinyiree.ir import access, build
from tinyiree.ir.interpret import interpret
from tinyiree.passes.base import PassContext
from tinyiree.passes.pipeline import Pipeline
from tinyiree.settings import Int8
from tinyiree.targets import load


def prepared(model: bytes) -> ir.Module:
    """A model after all passes, as an int8 build without calibration data runs them."""
    module = cases.import_bytes(model)
    context = PassContext(
        core=load("cortex-m4"),
        compile_host=lambda module: pytest.fail("nothing needs calibration"),
        quantization=Int8().quantization,
    )
    with module.context, ir.Location.unknown():
        for step in Pipeline():
            step.run(module, context)
    return module


def network(rng: np.random.Generator) -> bytes:
    """Padding, convolution, ReLU, another scale, and a residual: all that fuse would like."""
    b = ModelBuilder()
    x = b.tensor("x", (1, 6, 6, 3), scale=0.1, zero_point=4)
    padded = b.tensor("padded", (1, 8, 8, 3), scale=0.1, zero_point=4)
    amounts = np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)
    b.op("PAD", [x, b.constant("amounts", amounts)], [padded])
    w = b.constant("w", rng.integers(-127, 128, (3, 3, 3, 3)).astype(np.int8), scale=0.01)
    bias = b.constant("b", rng.integers(-900, 900, 3).astype(np.int32), scale=0.001)
    y = b.tensor("y", (1, 6, 6, 3), scale=0.13, zero_point=-9)
    options = {"padding": 1, "stride_h": 1, "stride_w": 1}
    b.op("CONV_2D", [padded, w, bias], [y], ("Conv2DOptions", options))
    z = b.tensor("z", (1, 6, 6, 3), scale=0.17, zero_point=3)
    b.op("RELU", [y], [z], version=2)
    r = b.tensor("r", (1, 6, 6, 3), scale=0.05, zero_point=11)
    b.op("QUANTIZE", [z], [r], version=2)
    s = b.tensor("s", (1, 6, 6, 3), scale=0.2, zero_point=0)
    b.op("ADD", [r, x], [s], ("AddOptions", {}))
    return b.finish([x], [s])


@pytest.mark.parametrize("seed", range(5))
def test_no_byte_changes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = network(rng)
    module, reference = prepared(model), Reference(model)
    for _ in range(5):
        data = cases.data_for(model, rng)
        np.testing.assert_array_equal(interpret(module, data)[0], reference(data)[0])
    names = [op.name for op in access.operations(module) if op.name != "arith.constant"]
    assert names == ["qnn.conv2d", "qnn.lookup", "qnn.add", "func.return"]


def test_float_edges_become_int8() -> None:
    b = ModelBuilder()
    case = cases.through_float(b, np.random.default_rng(0))
    module = prepared(b.finish(case.inputs, case.outputs))
    assert access.element_type(access.main_block(module).arguments[0]) == "i8"
    with module.context:
        assert access.argument_attribute(module, 0, "tiny.scale") is not None


def test_a_requantize_is_not_merged_into_an_op_that_rounds_twice() -> None:
    """TFLite's importer writes no such op, but a pass may: its producer's bytes are defined."""
    b = ModelBuilder()
    case = cases.convolution(b, np.random.default_rng(4), depthwise=False)
    module = cases.import_bytes(b.finish(case.inputs, case.outputs))
    terminator = access.operations(module)[-1]
    value = terminator.operands[0]
    with module.context, ir.Location.unknown(), ir.InsertionPoint(terminator):
        terminator.operands[0] = build.op(
            "qnn.requantize",
            [value],
            access.shape(value),
            "i8",
            input_zero_point=access.integer(access.defining_op(value), "output_zero_point"),
            multiplier=3 * 2**29,
            shift=31,
            output_zero_point=1,
            clamp_min=-128,
            clamp_max=127,
        )
    before = access.operations(module)[-2].name
    from tinyiree.passes.fuse import Fuse

    Fuse().run(module, None)  # type: ignore[arg-type]
    names = [op.name for op in access.operations(module)]
    assert before == "qnn.requantize"
    assert names[-3:-1] == ["qnn.conv2d", "qnn.requantize"]


def test_sums_without_a_plain_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rare pair of scales for which no multipliers of qnn.add are found."""
    monkeypatch.setattr(arithmetic_ops, "fit_sum", lambda *arguments: None)
    cases.check(cases.add, range(25))
    b = ModelBuilder()
    case = cases.add(b, np.random.default_rng(0))
    module = cases.import_bytes(b.finish(case.inputs, case.outputs))
    assert any(access.named(module, "qnn.tflite_add"))


def test_the_command_needs_no_calibration(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(network(np.random.default_rng(1)))
    built = ti.build(path, target="cortex-m0plus", out=tmp_path / "out", formats=("static",))
    data = cases.data_for(path.read_bytes(), np.random.default_rng(2))
    outputs = built.verify(data[0]).device.outputs[0]
    np.testing.assert_array_equal(outputs[0], Reference(path)(data)[0])


def test_a_table_of_another_scale_is_the_kernels() -> None:
    # The first rounding takes halves up, the second one away from zero.
    half, quarter = (requantize_table(f, 0, 1.0, 0, f)[126:131].tolist() for f in (0.5, 0.25))
    assert half == [-1, 0, 0, 1, 1]
    assert quarter == [-1, 0, 0, 1, 1]
