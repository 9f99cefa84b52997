"""float32 data with int8 weights, as a converter's dynamic range quantization leaves it.

LiteRT computes ranges and zero points in float64, and this project in float32: where the two round
a number to different int8, results are one step of the data times a weight apart. The tolerance is
1/100 of the range of the results; the mean error is far below that.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from builder import ModelBuilder
from cases import Case, Rng, _output_extents, activation, data_for, import_bytes
from litert import Reference

import tinyiree as ti
from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret
from tinyiree.iree.host import compile_host

DataFile = Callable[[str], Path]


def weights(
    b: ModelBuilder, rng: Rng, shape: tuple[int, ...], axis: int, per_channel: bool
) -> tuple[int, int]:
    count = shape[axis] if per_channel else 1
    scales = rng.uniform(0.002, 0.05, count).astype(np.float32)
    values = rng.integers(-127, 128, shape).astype(np.int8)
    w = b.constant("w", values, scale=scales, axis=axis)
    return w, b.constant("b", rng.normal(size=shape[axis]).astype(np.float32))


def convolution(b: ModelBuilder, rng: Rng, depthwise: bool, per_channel: bool) -> Case:
    channels = int(rng.integers(1, 5))
    outputs = channels * int(rng.integers(1, 3)) if depthwise else int(rng.integers(2, 6))
    shape = (int(rng.integers(1, 3)), int(rng.integers(4, 9)), int(rng.integers(4, 9)), channels)
    kernel = [int(rng.integers(1, 4)) for _ in range(2)]
    strides, padding = [int(rng.integers(1, 3))] * 2, int(rng.integers(2))
    extents = _output_extents(shape, kernel, strides, [1, 1], padding)
    x = b.tensor("x", shape, "float32")
    y = b.tensor("y", (shape[0], *extents, outputs), "float32")
    options = {
        "padding": padding,
        "stride_h": strides[0],
        "stride_w": strides[1],
        "fused_activation_function": activation(rng),
        "dilation_h_factor": 1,
        "dilation_w_factor": 1,
    }
    if depthwise:
        w, bias = weights(b, rng, (1, *kernel, outputs), 3, True)
        table = "DepthwiseConv2DOptions"
        options["depth_multiplier"] = outputs // channels
        b.op("DEPTHWISE_CONV_2D", [x, w, bias], [y], (table, options), version=6)
    else:
        w, bias = weights(b, rng, (outputs, *kernel, channels), 0, per_channel)
        b.op("CONV_2D", [x, w, bias], [y], ("Conv2DOptions", options), version=5)
    return Case([x], [y])


def fully_connected(b: ModelBuilder, rng: Rng, per_channel: bool, asymmetric: bool) -> Case:
    rows, depth, outputs = (int(rng.integers(2, high)) for high in (6, 40, 12))
    x, y = b.tensor("x", (rows, depth), "float32"), b.tensor("y", (rows, outputs), "float32")
    w, bias = weights(b, rng, (outputs, depth), 0, per_channel)
    options = {
        "fused_activation_function": activation(rng),
        "asymmetric_quantize_inputs": asymmetric,
    }
    b.op(
        "FULLY_CONNECTED", [x, w, bias], [y], ("FullyConnectedOptions", options), version=9
    )  # fmt: skip
    return Case([x], [y])


CASES = {
    "conv": partial(convolution, depthwise=False, per_channel=False),
    "conv per channel": partial(convolution, depthwise=False, per_channel=True),
    "depthwise": partial(convolution, depthwise=True, per_channel=True),
    "linear": partial(fully_connected, per_channel=False, asymmetric=False),
    "linear per channel": partial(fully_connected, per_channel=True, asymmetric=False),
    "linear asymmetric": partial(fully_connected, per_channel=True, asymmetric=True),
}


def close(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    span = max(float(np.ptp(expected)), 1e-3)
    error = np.abs(found - expected)
    assert error.max() <= span / 100, f"{what}: {error.max()} in a range of {span}"
    assert error.mean() <= span / 1000, what


@pytest.mark.parametrize("name", CASES)
def test_the_interpreter_agrees_with_litert(name: str) -> None:
    for seed in range(20):
        rng, b = np.random.default_rng(seed), ModelBuilder()
        case = CASES[name](b, rng)
        model = b.finish(case.inputs, case.outputs)
        module, reference = import_bytes(model), Reference(model)
        for data in (data_for(model, rng), [np.zeros_like(x) for x in data_for(model, rng)]):
            with module.context:
                found = interpret(module, data)
            close(found[0], reference(data)[0], f"seed {seed}")


def test_compiled_for_the_host() -> None:
    rng, b = np.random.default_rng(3), ModelBuilder()
    cases = [make(b, rng) for make in CASES.values() for _ in range(2)]
    model = b.finish([i for c in cases for i in c.inputs], [i for c in cases for i in c.outputs])
    module, reference, data = import_bytes(model), Reference(model), data_for(model, rng)
    with module.context:
        program = compile_host(module)
    for number, (a, e) in enumerate(zip(program(data), reference(data), strict=True)):
        close(a, e, f"output {number}")


def test_weights_stay_int8_in_flash() -> None:
    rng, b = np.random.default_rng(1), ModelBuilder()
    case = CASES["linear"](b, rng)
    module = import_bytes(b.finish(case.inputs, case.outputs))
    (op,) = access.named(module, "qnn.hybrid_fully_connected")
    assert access.element_type(op.operands[1]) == "i8"
    assert access.element_type(op.operands[0]) == "i8"


def test_a_zero_point_of_weights_is_refused() -> None:
    b = ModelBuilder()
    x, y = b.tensor("x", (1, 3), "float32"), b.tensor("y", (1, 2), "float32")
    w = b.constant("w", np.ones((2, 3), np.int8), scale=0.5, zero_point=3)
    b.op("FULLY_CONNECTED", [x, w, -1], [y], ("FullyConnectedOptions", {}), version=9)
    with pytest.raises(TinyireeError, match="has a zero point of 3, expected 0"):
        import_bytes(b.finish([x], [y]))


def test_float16_weights_behind_dequantize() -> None:
    rng, b = np.random.default_rng(4), ModelBuilder()
    x, y = b.tensor("x", (2, 5), "float32"), b.tensor("y", (2, 3), "float32")
    half = b.constant("w", rng.normal(size=(3, 5)).astype(np.float16))
    w = b.tensor("w32", (3, 5), "float32")
    b.op("DEQUANTIZE", [half], [w], version=3)
    b.op("FULLY_CONNECTED", [x, w, -1], [y], ("FullyConnectedOptions", {}), version=1)
    model = b.finish([x], [y])
    module, data = import_bytes(model), data_for(model, rng)
    assert not access.is_integer_program(module)
    with module.context:
        found = interpret(module, data)
    np.testing.assert_allclose(found[0], Reference(model)(data)[0], rtol=1e-5, atol=1e-5)


SCALE, ZERO_POINT = 0.5847029089927673, 83


def test_keyword_spotting_as_a_whole(
    model_file: DataFile, data_file: DataFile, tmp_path: Path
) -> None:
    """The hybrid DS-CNN: probabilities within 0.01 of LiteRT's, the device equal to the host."""
    path = model_file("kws_ref_model_float32.tflite")
    raw = np.load(data_file("kws01_dev500.npz"))["x"][::10]
    samples = (raw.astype(np.float32) - ZERO_POINT) * np.float32(SCALE)
    module, reference = import_model(path), Reference(path)
    with module.context:
        program = compile_host(module)
    expected = np.stack([reference([x[None]])[0] for x in samples])
    found = np.stack([program([x[None]])[0] for x in samples])
    assert np.abs(found - expected).max() < 0.01
    np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))
    built = ti.build(path, target="cortex-m4", out=tmp_path / "out", formats=("static",))
    device = built.run(samples[:2]).outputs[0]
    assert np.abs(device - expected[:2]).max() < 0.01
    assert built.report.flash.weight_bytes < 60_000  # 22,604 parameters, most of them one byte
