"""The digits sample on every core, with both toolchains, in int8, in float and mixed."""

from pathlib import Path

import numpy as np
import pytest

import tinyiree as ti
from tinyiree.demo import float_score, run_sample
from tinyiree.samples import Sample, find
from tinyiree.targets import load, names

SAMPLES = 12


@pytest.fixture(scope="module")
def digits() -> Sample:
    return find("digits")


@pytest.mark.parametrize("target", names())
def test_bytes_are_equal_on_every_core(
    target: str, digits: Sample, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if load(target).simulation.unicorn_cpu is None:
        request.getfixturevalue("needs_qemu_arm")
    result = run_sample(digits, target, tmp_path / "digits", limit=SAMPLES)
    assert result.unequal == ()
    assert result.device.samples == SAMPLES
    assert result.host.accuracy >= digits.accuracy_floor
    report = result.built.report
    assert report.memory.arena_bytes >= report.memory.arena_bound_bytes > 0
    assert report.memory.stack_bytes is not None
    assert 100 < report.memory.stack_bytes < 1024
    assert report.run is not None
    assert report.run.instructions > report.run.runtime_instructions > 0
    assert all(layer.instructions for layer in report.layers)
    total = sum(layer.instructions or 0 for layer in report.layers)
    rounding = len(report.layers) + 1
    assert abs(total + report.run.runtime_instructions - report.run.instructions) <= rounding
    # The runtime's own instructions: a loop over the dispatches, or over the calls of a chain,
    # which also moves rows, and multiplies: by a function on a core without multiplication.
    core = load(target)
    calls = [layer.calls for layer in report.layers]
    each = 80 if max(calls) == 1 else 110
    if core.isa == "riscv" and "+m" not in core.iree.features:
        each = 300
    assert report.run.runtime_instructions <= each * sum(calls) + 60


@pytest.mark.parametrize("target", ["cortex-m0plus", "cortex-m4", "rv32imc"])
def test_gcc_and_zig_images_give_identical_outputs(
    target: str, digits: Sample, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    arm = load(target).isa == "arm"
    request.getfixturevalue("needs_arm_gcc" if arm else "needs_riscv_gcc")
    inputs = digits.test_data()[0][:SAMPLES]
    outputs = []
    for toolchain in ("zig", "gcc"):
        built = ti.build(
            digits.load_model(),
            target=target,
            out=tmp_path / toolchain,
            quantize=ti.Int8(calibration=digits.calibration_data()),
            formats=("static",),
            toolchain=toolchain,  # type: ignore[arg-type]
        )
        outputs.append(built.run(inputs).outputs[0])
    assert outputs[0].tobytes() == outputs[1].tobytes()


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m0plus", "rv32imafc", "rv32imc"])
def test_float_build(target: str, digits: Sample, tmp_path: Path) -> None:
    """With and without an FPU: the same answers as PyTorch, to float accuracy."""
    import torch

    model = digits.load_model()
    built = ti.build(model, target=target, out=tmp_path / "float", quantize=None)
    assert (tmp_path / "float" / "digits.vmfb").is_file()
    inputs = digits.test_data()[0][:4]
    found = built.run(inputs).outputs[0].reshape(4, -1)
    with torch.inference_mode():
        expected = model(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_one_layer_in_float(digits: Sample, tmp_path: Path) -> None:
    built = ti.build(
        digits.load_model(),
        target="cortex-m4",
        out=tmp_path / "mixed",
        quantize=ti.Int8(
            calibration=digits.calibration_data(),
            rules=(ti.LayerRule("linear", keep_float=True),),
        ),
    )
    assert built.manifest.outputs[0].dtype == "float32"
    inputs, labels = digits.test_data()
    raw = built.encode(inputs)
    answers = built.run_host(raw)[0].reshape(len(inputs), -1).argmax(1)
    assert (answers == labels).mean() >= digits.accuracy_floor
    device = built.run(inputs[:4]).outputs[0]
    np.testing.assert_allclose(device, built.run_host([raw[0][:4]])[0], rtol=1e-5, atol=1e-5)


def test_float_score_is_the_reference(digits: Sample) -> None:
    assert float_score(digits).accuracy >= digits.accuracy_floor
