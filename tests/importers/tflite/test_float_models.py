"""Float models as wholes: within 1e-4 of LiteRT's results on the host and on a simulated core.

LiteRT adds products in another order; the errors of float32 sums are what is allowed here.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from litert import Reference

import tinyiree as ti
from tinyiree.importers import import_model
from tinyiree.ir import access
from tinyiree.iree.host import compile_host

DataFile = Callable[[str], Path]
TOLERANCE = 1e-4
"""Of the greatest absolute value of a result."""


def images(data_file: DataFile) -> np.ndarray:
    return np.load(data_file("cifar10_test_dev250.npz"))["x"].astype(np.float32)


def spectra(data_file: DataFile) -> np.ndarray:
    """Log energies as the anomaly detector sees them: smooth, from about -60 to 20."""
    rng = np.random.default_rng(0)
    steps = np.arange(640)
    waves = [-20 + 20 * np.sin(steps / (5 + i)) + 5 * np.cos(steps / 128) for i in range(60)]
    return (np.array(waves) + rng.normal(size=(60, 640))).astype(np.float32)


MODELS = {"pretrainedResnet.tflite": images, "ad01_fp32.tflite": spectra}


@pytest.mark.parametrize("name", MODELS)
def test_host(name: str, model_file: DataFile, data_file: DataFile) -> None:
    path, samples = model_file(name), MODELS[name](data_file)
    module, reference = import_model(path), Reference(path)
    assert not access.is_integer_program(module)
    with module.context:
        program = compile_host(module)
    for x in samples[:60]:
        close(program([x[None]])[0], reference([x[None]])[0])


@pytest.mark.parametrize("name", MODELS)
def test_simulated_core(
    name: str, model_file: DataFile, data_file: DataFile, tmp_path: Path
) -> None:
    path, samples = model_file(name), MODELS[name](data_file)[:2]
    built = ti.build(
        path, target="cortex-m7", quantize=None, out=tmp_path / "out", formats=("static",)
    )
    reference = Reference(path)
    for x, found in zip(samples, built.run(samples).outputs[0], strict=True):
        close(found, reference([x[None]])[0])


def close(found: np.ndarray, expected: np.ndarray) -> None:
    most = max(float(np.abs(expected).max()), 1e-6)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * most)
