"""The networks of MLPerf Tiny in PyTorch compute what the official models compute, also in int8."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from iree.compiler import ir
from torch import nn

from tinyiree import samples
from tinyiree.demo import float_score, run_sample
from tinyiree.emit.edge import inputs_of
from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model
from tinyiree.ir import access
from tinyiree.iree.host import compile_host
from tinyiree.passes.base import PassContext
from tinyiree.passes.pipeline import Pipeline
from tinyiree.passes.settings import Quantization, RangeMethod
from tinyiree.python_file import load_object
from tinyiree.targets import load
from tinyiree.tensors import encode

FOLDER = samples.samples_folder() / "mlperf_tiny"
GROUPED = ("mlperf_tiny/kws", "mlperf_tiny/resnet8")
MODULES = {
    "kws": "ds_cnn.py:DsCnn",
    "resnet8": "resnet8.py:ResNet8",
    "ad": "autoencoder.py:Autoencoder",
    "vww": "mobilenet.py:MobileNet",
}
# Multiply-accumulates of the official models, and parameters with batch normalization folded.
MACS = {"kws": 2_656_768, "resnet8": 12_501_632, "ad": 264_192, "vww": 7_489_664}
PARAMETERS = {"kws": 22_604, "resnet8": 77_706, "ad": 265_864}
# Right answers of the float networks; a sum in another order may tip one sample over.
RIGHT = {"kws": (445, 500), "resnet8": (220, 250)}
# The two largest tensors that are needed at once, in int8: nothing is padded into a copy.
ARENA_BYTES = {"kws": 2 * 25 * 5 * 64, "resnet8": 3 * 32 * 32 * 16}

ModelFile = Callable[[str], Path]


def get(spec: str) -> Any:
    return load_object(spec, FOLDER)


def sample_of(name: str) -> samples.Sample:
    sample = samples.find(f"mlperf_tiny/{name}")
    if missing := sample.missing_files():
        pytest.skip(f"needs {', '.join(missing)} (set TINYIREE_DATA)")
    return sample


def litert(path: Path, inputs: np.ndarray) -> np.ndarray:
    """The outputs [N, ...] of LiteRT's reference kernels."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    running = interpreter.Interpreter(
        model_path=str(path),
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_REF,
    )
    running.allocate_tensors()
    (taken,), (given,) = running.get_input_details(), running.get_output_details()
    outputs = []
    for sample in inputs:
        running.set_tensor(taken["index"], sample.reshape(taken["shape"]))
        running.invoke()
        outputs.append(running.get_tensor(given["index"])[0].copy())
    return np.stack(outputs)


def floats(module: nn.Module, inputs: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return np.asarray(module(torch.from_numpy(inputs)))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (49, 10, 2, (4, 5)),  # 25 outputs reach over 58 elements: 9 zeros, the odd one last
        (10, 4, 2, (1, 1)),
        (32, 3, 2, (0, 1)),
        (32, 3, 1, (1, 1)),
        (32, 1, 2, (0, 0)),  # the last input is never read, and nothing is cropped
        (5, 2, 1, (0, 1)),
    ],
)
def test_same_padding(size: int, kernel: int, stride: int, expected: tuple[int, int]) -> None:
    padding = get("mlperf_layers.py:same_padding")(size, kernel, stride)
    assert padding == expected
    assert (size + sum(padding) - kernel) // stride + 1 == -(-size // stride)


@pytest.mark.parametrize("name", MODULES)
def test_size_is_that_of_the_official_model(name: str) -> None:
    module = get(MODULES[name])().eval()
    assert macs(module) == MACS[name]
    if name in PARAMETERS:
        assert sum(p.numel() for p in module.parameters()) == PARAMETERS[name]
    else:  # Keras's convolutions have a bias in front of the batch normalization as well
        norms = sum(m.num_features for m in module.modules() if isinstance(m, nn.BatchNorm2d))
        assert sum(p.numel() for p in module.parameters()) + 3 * norms == 221_794


@pytest.mark.parametrize(
    ("make", "file", "inputs"),
    [
        ("resnet8.py:resnet8", "pretrainedResnet.tflite", "data.py:image_test"),
        ("autoencoder.py:ad", "ad01_fp32.tflite", "data.py:machine_sounds"),
    ],
)
def test_outputs_equal_the_float_model(
    make: str, file: str, inputs: str, model_file: ModelFile
) -> None:
    path = model_file(file)
    found = get(inputs)()
    x = (found[0] if isinstance(found, tuple) else found)[:40]
    expected = litert(path, x.transpose(0, 2, 3, 1) if x.ndim == 4 else x)
    np.testing.assert_allclose(floats(get(make)(), x), expected, rtol=1e-4, atol=1e-4)


def test_outputs_equal_the_hybrid_model(model_file: ModelFile) -> None:
    """Where the file has int8 weights, LiteRT rounds the layer's input to int8: so does this."""
    path = model_file("kws_ref_model_float32.tflite")
    module = get("ds_cnn.py:kws")()
    x = get("data.py:kws_test")()[0][:80]

    def rounded(layer: nn.Module, inputs: tuple[torch.Tensor]) -> torch.Tensor:
        step = inputs[0].abs().amax(dim=(1, 2, 3), keepdim=True) / 127
        return torch.round(inputs[0] / step) * step

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d) and layer.groups == 1:
            layer.register_forward_pre_hook(rounded)
    difference = np.abs(floats(module, x) - litert(path, x.transpose(0, 2, 3, 1))).max(axis=1)
    # A value half way between two steps may go to either: rare, and then the sample differs a bit.
    assert np.mean(difference < 1e-5) >= 0.95
    assert difference.max() < 0.02


@pytest.mark.parametrize("name", RIGHT)
def test_float_accuracy(name: str) -> None:
    right, count = RIGHT[name]
    score = float_score(sample_of(name))
    assert score.samples == count
    assert abs(score.right - right) <= 1


@pytest.mark.parametrize("method", ["min-max", "percentile", "mse"])
@pytest.mark.parametrize("name", RIGHT)
def test_int8_loses_half_a_point_at_most(name: str, method: RangeMethod) -> None:
    sample = sample_of(name)
    module = import_model(sample.load_model())
    inputs, labels = sample.test_data()
    with module.context, ir.Location.unknown():
        edge = inputs_of(module)[0]
        context = PassContext(
            core=load("cortex-m4"),
            compile_host=compile_host,
            quantization=Quantization(method=method),
            calibration={edge.name: sample.calibration_data()[:, None]},
        )
        for step in Pipeline():
            step.run(module, context)
        assert not list(access.named(module, "nn.pad", "qnn.pad"))
        program, edge = compile_host(module), inputs_of(module)[0]
    scores = np.stack([program([x])[0][0] for x in encode(inputs, edge, "the test")])
    right = int((scores.argmax(1) == labels).sum())
    assert 100 * (RIGHT[name][0] - right) / len(labels) <= 0.5


@pytest.mark.parametrize("name", RIGHT)
def test_firmware_keeps_accuracy_and_bytes_and_pads_no_copy(name: str, tmp_path: Path) -> None:
    sample = sample_of(name)
    result = run_sample(sample, "cortex-m4", tmp_path / name, limit=4)
    assert result.unequal == ()
    lost = RIGHT[name][0] - result.host.right
    assert 100 * lost / result.host.samples <= 0.5
    assert result.host.accuracy >= sample.accuracy_floor
    memory = result.built.report.memory
    scratch = [buffer.size for buffer in memory.buffers if buffer.kind == "scratch"]
    assert memory.arena_bytes <= ARENA_BYTES[name] + max(scratch)
    assert memory.stack_bytes is not None
    assert memory.stack_bytes < 1024
    assert not [layer for layer in result.built.report.layers if "pad" in layer.op.split(" + ")]


def test_padding_of_mobilenet_is_folded() -> None:
    """Asymmetric on all its strided layers, the first of which reads the model's own input."""
    module = import_model(get("mobilenet.py:vww")())
    with module.context, ir.Location.unknown():
        for step in list(Pipeline())[:3]:
            step.run(module, PassContext(core=load("cortex-m4"), compile_host=compile_host))
        assert not list(access.named(module, "nn.pad", "nn.batch_norm"))
        paddings = [access.ints(op, "padding") for op in access.named(module, "nn.conv2d")]
    assert paddings[0] == [0, 0, 1, 1]
    assert len(paddings) == 27
    assert paddings.count([0, 0, 1, 1]) == 5


def test_mobilenet_is_the_same_in_every_run() -> None:
    first, second = (get("mobilenet.py:vww")() for _ in range(2))
    x = get("data.py:scenes")(4)
    np.testing.assert_array_equal(floats(first, x), floats(second, x))
    assert np.ptp(floats(first, x)[:, 0]) > 1e-3  # it does look at its input


@pytest.mark.parametrize("name", ["machine_sounds", "scenes"])
def test_made_up_inputs_are_seeded_and_differ_from_calibration(name: str) -> None:
    x = get(f"data.py:{name}")()
    calibration = name.partition("_")[0] + "_calibration"
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, get(f"data.py:{name}")())
    assert not np.array_equal(x, get(f"data.py:{calibration}")())


@pytest.mark.parametrize("name", GROUPED)
def test_manifest_is_complete(name: str) -> None:
    sample = samples.find(name)
    assert f"mlperf_tiny/{sample.name}" == name
    assert re.search(sample.expect, f"{sample.name} on rv32imc: 12 of 12 samples bit-exact\n")
    assert not re.search(sample.expect, f"{sample.name} on rv32imc: 11 of 12 samples bit-exact\n")


def test_groups_are_listed_apart() -> None:
    assert set(GROUPED) <= set(samples.grouped_names())
    assert not set(GROUPED) & set(samples.names())
    with pytest.raises(
        TinyireeError, match=r"expected one of .*, mlperf_tiny/kws, mlperf_tiny/res"
    ):
        samples.find("mlperf_tiny/nope")


@pytest.mark.parametrize("name", RIGHT)
def test_calibration_is_not_the_test_set(name: str) -> None:
    sample = sample_of(name)
    seen = {x.tobytes() for x in sample.calibration_data()}
    assert len(seen) == 100
    assert not [x for x in sample.test_data()[0] if x.tobytes() in seen]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder `models` that the loaders look into."""
    monkeypatch.setenv("TINYIREE_DATA", str(tmp_path / "data"))
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("content", [b"", b"text", b"\x18\0\0\0TFL3" + bytes(40), b"\xff" * 99])
def test_damaged_weights_are_refused(content: bytes, models: Path) -> None:
    (models / "ad01_fp32.tflite").write_bytes(content)
    with pytest.raises(TinyireeError, match=r"ad01_fp32\.tflite: expected a \.tflite model"):
        get("autoencoder.py:ad")()


def test_truncated_weights_are_refused(model_file: ModelFile, models: Path) -> None:
    path = model_file("ad01_fp32.tflite")
    for size in (1_000, 20_000, 1_000_000):
        (models / "ad01_fp32.tflite").write_bytes(path.read_bytes()[:size])
        with pytest.raises(TinyireeError, match="found: "):
            get("autoencoder.py:ad")()


def test_weights_of_another_network_are_refused(model_file: ModelFile, models: Path) -> None:
    path = model_file("pretrainedResnet.tflite")
    (models / "ad01_fp32.tflite").write_bytes(path.read_bytes())
    with pytest.raises(TinyireeError, match="do not fit Autoencoder: expected layers of shapes"):
        get("autoencoder.py:ad")()


def test_absent_files_are_named(models: Path) -> None:
    with pytest.raises(TinyireeError, match=r"kws_ref_model_float32\.tflite.*is not there"):
        get("ds_cnn.py:kws")()
    with pytest.raises(TinyireeError, match=r"kws01_dev500\.npz.*is not there"):
        get("data.py:kws_test")()


def test_data_of_another_shape_are_refused(models: Path) -> None:
    data = models.parent / "data"
    data.mkdir()
    np.savez(data / "kws01_dev500.npz", x=np.zeros((3, 49, 10), np.int8), y=np.zeros(3, np.uint8))
    with pytest.raises(TinyireeError, match=r"x: expected int8 \[N, 49, 10, 1\].*found int8 \[3"):
        get("data.py:kws_test")()
    np.savez(data / "cifar10_test_dev250.npz", x=np.zeros(3))
    with pytest.raises(TinyireeError, match="found no y"):
        get("data.py:image_test")()


def macs(module: nn.Module) -> int:
    """Multiplications of the convolutions and linear layers, padding counted as if computed."""
    total = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        total += output.numel() * (layer.weight.numel() // layer.weight.shape[0])

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        module(*module.example_inputs)
    return total
