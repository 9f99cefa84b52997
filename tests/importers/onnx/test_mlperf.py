"""ResNet-8 and DS-CNN as PyTorch's exporters and onnxruntime's quantizer write them."""

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from networks import SAMPLES, count, prepare
from onnx_integers import differences, integerize
from onnx_models import Array, export, lively, quantize, run
from torch import nn

from tinyiree.importers import import_model
from tinyiree.ir.interpret import interpret
from tinyiree.python_file import load_object

FILES = {"resnet8": "resnet8.py:ResNet8", "ds_cnn": "ds_cnn.py:DsCnn"}
TRANSPOSES = {"resnet8": 1, "ds_cnn": 0}
"""What the layout pass leaves: that of the input, of one channel none."""
TOLERANCE = 1e-4
GAINS = {"resnet8": 1.0, "ds_cnn": 3.0}
"""Of the last layer, so that softmax gives every class something and none everything."""


@cache
def network(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    make: Callable[[], nn.Module] = load_object(FILES[name], SAMPLES / "mlperf_tiny")
    shape = tuple(make.example_inputs[0].shape)  # type: ignore[attr-defined]
    model = lively(make())
    with torch.no_grad():
        model.linear.weight *= GAINS[name]  # type: ignore[union-attr,operator]
    return model, shape


def normalized(model: nn.Module) -> nn.Module:
    """The network before its batch normalizations were folded: one behind each convolution."""
    for name, child in list(model.named_children()):
        if isinstance(child, nn.Conv2d):
            setattr(model, name, nn.Sequential(child, nn.BatchNorm2d(child.out_channels)))
        else:
            normalized(child)
    return model


def samples(shape: tuple[int, ...], number: int) -> list[Array]:
    """Waves of few periods: of noise, the average over an image is nearly always the same."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[0 : shape[2], 0 : shape[3]] / max(shape)
    found = []
    for _ in range(number):
        x, y, phase = generator.uniform(-20, 20, (3, shape[1], 1, 1))
        level = generator.normal(0, 1, (shape[1], 1, 1))
        wave = np.sin(x * columns + y * rows + phase) + level
        found.append(wave[None].astype(np.float32))
    return found


def check_float(path: Path, shape: tuple[int, ...], transposes: int) -> None:
    module = import_model(path)
    (x,) = samples(shape, 1)
    wanted = run(path, [x])[0]
    np.testing.assert_allclose(interpret(module, [x])[0], wanted, atol=TOLERANCE, rtol=TOLERANCE)
    prepare(module)
    np.testing.assert_allclose(interpret(module, [x])[0], wanted, atol=TOLERANCE, rtol=TOLERANCE)
    assert count(module, "nn.transpose") == transposes
    assert count(module, "nn.batch_norm") == 0


# The classic exporter writes up to opset 20; the dynamo exporter from 18 on.
EXPORTS = [(False, 13), (False, 20), (True, 18), (True, 23)]


@pytest.mark.parametrize(("dynamo", "opset"), EXPORTS)
@pytest.mark.parametrize("name", FILES)
def test_float(name: str, dynamo: bool, opset: int, tmp_path: Path) -> None:
    model, shape = network(name)
    path = export(model, [torch.randn(shape)], tmp_path / "net.onnx", dynamo, opset)
    (entry,) = [e for e in onnx.load(path, load_external_data=False).opset_import if not e.domain]
    assert entry.version == opset
    check_float(path, shape, TRANSPOSES[name])


@pytest.mark.parametrize("external", [False, True], ids=["whole", "external"])
@pytest.mark.parametrize("name", FILES)
def test_batch_norms_apart_and_external_data(name: str, external: bool, tmp_path: Path) -> None:
    model = lively(normalized(load_object(FILES[name], SAMPLES / "mlperf_tiny")()))
    shape = network(name)[1]
    options = {"do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE}
    path = export(model, [torch.randn(shape)], tmp_path / "net.onnx", **options)  # type: ignore[arg-type]
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert kinds.count("BatchNormalization") == kinds.count("Conv") == 9
    if external:
        whole, path = onnx.load(path), tmp_path / "split.onnx"
        onnx.save_model(whole, path, save_as_external_data=True, location="weights.bin")
    check_float(path, shape, TRANSPOSES[name])


@pytest.mark.parametrize("dynamo", [False, True], ids=["classic", "dynamo"])
@pytest.mark.parametrize("pool", ["global", "window"])
@pytest.mark.parametrize("name", FILES)
def test_quantized(name: str, pool: str, dynamo: bool, tmp_path: Path) -> None:
    """Integers of the whole network: at most one step from onnxruntime as it is defined.

    The networks end in a window over the whole image. Of such a one onnxruntime's quantizer gives
    the result the scale of the operand, so that averages are exact halves now and then; to which
    side these go depends on the order in which onnxruntime adds float32 numbers (test_qdq.py), and
    softmax makes more of such a step. GlobalAveragePool has a scale of its own and no halves.
    """
    model, shape = network(name)
    if pool == "global":
        model = copy.deepcopy(model)
        model.pool = nn.AdaptiveAvgPool2d(1)
    data = samples(shape, 6)
    plain = export(model, [torch.randn(shape)], tmp_path / "net.onnx", dynamo, 18 + 2 * dynamo)
    kinds = {node.op_type for node in onnx.load(plain).graph.node}
    assert ("AveragePool" in kinds) == (pool == "window")
    path = quantize(plain, data, unsigned=dynamo)
    steps = differences(integerize(path), path, data, optimize=False)
    print(f"{name}, {pool}: {(steps == 0).mean():.2%} of bytes equal")
    assert np.abs(steps).max() <= (1 if pool == "global" else 8)
    assert (steps == 0).mean() >= (0.98 if pool == "global" else 0.85)
