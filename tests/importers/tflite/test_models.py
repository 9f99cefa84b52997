"""The MLPerf Tiny models on real inputs: every byte as LiteRT's reference kernels have it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from litert import Reference

import tinyiree as ti
from tinyiree.importers import import_model
from tinyiree.ir.interpret import interpret
from tinyiree.iree.host import compile_host

DataFile = Callable[[str], Path]

MODELS = {
    "kws": "kws_ref_model.tflite",
    "resnet8": "pretrainedResnet_quant.tflite",
    "ad": "ad01_int8.tflite",
}


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(name: str, model_file: DataFile) -> Path:
    return Path(model_file(MODELS[name]))


@pytest.fixture
def samples(name: str, data_file: DataFile) -> np.ndarray:
    """At least 100 inputs, raw int8, without batch axis."""
    if name == "kws":
        return np.load(data_file("kws01_dev500.npz"))["x"]
    if name == "resnet8":
        return (np.load(data_file("cifar10_test_dev250.npz"))["x"].astype(np.int16) - 128).astype(
            np.int8
        )
    rng = np.random.default_rng(0)
    steps = np.arange(640)
    waves = [90 * np.sin(steps / (1 + i)) + 20 * np.cos(steps / 7) for i in range(40)]
    ramps = [np.roll(np.linspace(-128, 127, 640), 16 * i) for i in range(40)]
    flat = [np.full(640, v) for v in (-128, -1, 0, 89, 127)]
    noise = list(rng.integers(-128, 128, (40, 640)))
    return np.array([*waves, *ramps, *flat, *noise]).round().astype(np.int8)


def test_compiled_by_iree_on_all_samples(path: Path, samples: np.ndarray) -> None:
    module, reference = import_model(path), Reference(path)
    assert len(samples) >= 100
    with module.context:
        program = compile_host(module)
    wrong = [i for i, x in enumerate(samples) if unequal(program([x[None]]), reference([x[None]]))]
    assert not wrong


def test_interpreted(path: Path, samples: np.ndarray) -> None:
    module, reference = import_model(path), Reference(path)
    with module.context:
        for x in samples[:: len(samples) // 10]:
            assert not unequal(interpret(module, [x[None]]), reference([x[None]]))


def test_on_the_simulated_core(path: Path, samples: np.ndarray, tmp_path: Path) -> None:
    built = ti.build(path, target="cortex-m4", out=tmp_path / "out", formats=("static",))
    reference = Reference(path)
    some = samples[:: len(samples) // 3][:3]
    outputs = built.verify(some).device.outputs[0]
    expected = np.stack([reference([x[None]])[0] for x in some])
    np.testing.assert_array_equal(outputs, expected)


def unequal(found: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return any(not np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
