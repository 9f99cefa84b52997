"""Networks for the ONNX importer's tests, the two exporters, and onnxruntime as the reference."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from torch import nn
from torch.nn import functional

Array = np.ndarray


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the exporters and the quantizer say about themselves."""
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def lively(model: nn.Module, seed: int = 0) -> nn.Module:
    """Weights with which outputs depend on inputs; PyTorch's own let small networks fade out."""
    torch.manual_seed(seed)
    for part in model.modules():
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.normal_(part.bias, std=0.1)
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(std=0.3)
            part.running_var.uniform_(0.7, 1.5)
            nn.init.uniform_(part.weight, 0.7, 1.3)
            nn.init.normal_(part.bias, std=0.2)
    return model.eval()


def export(
    model: nn.Module,
    inputs: Sequence[torch.Tensor],
    path: Path,
    dynamo: bool = False,
    opset: int = 18,
    **options: object,
) -> Path:
    """Write a model with the classic or the dynamo exporter."""
    with quiet(), torch.no_grad():
        torch.onnx.export(
            model.eval(),
            tuple(inputs),
            path,
            dynamo=dynamo,
            verbose=False,
            opset_version=opset,
            **options,  # type: ignore[arg-type]
        )
    return path


def session(path: Path, optimize: bool = True) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path: Path, inputs: Sequence[Array]) -> list[Array]:
    """One inference by onnxruntime."""
    found = session(path)
    names = [value.name for value in found.get_inputs()]
    return list(found.run(None, dict(zip(names, inputs, strict=True))))


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, tuple[int | str, ...]],
    outputs: Sequence[str],
    constants: dict[str, Array] | None = None,
    opset: int = 18,
    kind: int = onnx.TensorProto.FLOAT,
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model from its nodes; shapes of outputs are left to inference."""
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def save(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, samples: Sequence[dict[str, Array]]) -> None:
        self._samples = iter(samples)

    def get_next(self) -> dict[str, Array] | None:
        return next(self._samples, None)


def quantize(
    path: Path,
    samples: Sequence[Array],
    unsigned: bool,
    per_channel: bool = True,
    **options: object,
) -> Path:
    """onnxruntime's static quantizer, QDQ format; weights int8, activations int8 or uint8."""
    target = path.with_suffix(f".{'u' if unsigned else 's'}{int(per_channel)}.onnx")
    name = session(path).get_inputs()[0].name
    with quiet():
        quantize_static(
            path,
            target,
            _Reader([{name: sample} for sample in samples]),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
            weight_type=options.pop("weight_type", QuantType.QInt8),
            per_channel=per_channel,
            **options,
        )
    return target


class Plain(nn.Module):
    """[1, 3, 12, 12] -> [1, 5]: convolution, batch norm, max pool, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, (3, 2), 2)
        self.fc = nn.Linear(8 * 8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)
        x = functional.relu6(self.second(functional.pad(x, (1, 2, 0, 0))))
        return self.fc(x.flatten(1))


class Residual(nn.Module):
    """[1, 3, 16, 16] -> [1, 4]: depthwise, residual, global average pool, softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8))
        self.depthwise = nn.Sequential(
            nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6()
        )
        self.pointwise = nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8))
        self.fc = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.hardswish(self.stem(x))
        x = torch.relu(x + self.pointwise(self.depthwise(x)))
        return torch.softmax(self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1)), 1)


class Branches(nn.Module):
    """[1, 4, 8, 8] -> [1, 6, 8, 8]: concatenation, average pool and upsampling, two scales."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(4, 6, 3, padding=1)
        self.b = nn.Conv2d(4, 6, 1)
        self.mix = nn.Conv2d(12, 6, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = torch.tanh(self.a(x))
        low = functional.leaky_relu(self.b(functional.avg_pool2d(x, 2)), 0.1)
        low = functional.interpolate(low, scale_factor=2)
        return torch.sigmoid(self.mix(torch.cat([wide, 3 * low], 1)))


class Signal(nn.Module):
    """[1, 6, 32] -> [1, 5]: 1-D convolutions, batch norm behind a slice, log-softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(6, 8, 3, padding=4, dilation=2)
        self.norm = nn.BatchNorm1d(8)
        self.conv2 = nn.Conv1d(8, 8, 3, stride=2)
        self.fc = nn.Linear(8 * 7, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.elu(self.norm(self.conv1(x)[:, :, :-4]))
        x = functional.max_pool1d(torch.relu(self.conv2(x)), 2)
        return functional.log_softmax(self.fc(x.flatten(1)), -1)


class LinearAutoencoder(nn.Module):
    """[1, 40] -> [1, 40], with batch norms, as the anomaly detector of MLPerf Tiny."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (40, 24, 8, 24, 40)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes[:-1]):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Linear(24, 40))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


class Attention(nn.Module):
    """[1, 6, 8] -> [1, 6, 8]: matrix products, GELU, SiLU, softmax, a split."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24)
        self.out = nn.Linear(8, 16)
        self.down = nn.Linear(16, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.project(x).chunk(3, dim=-1)
        x = x + torch.softmax(q @ k.transpose(1, 2) / 4.0, -1) @ v
        return x + functional.silu(self.down(functional.gelu(self.out(x))))


NETWORKS: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "plain": (Plain, (1, 3, 12, 12)),
    "residual": (Residual, (1, 3, 16, 16)),
    "branches": (Branches, (1, 4, 8, 8)),
    "signal": (Signal, (1, 6, 32)),
    "autoencoder": (LinearAutoencoder, (1, 40)),
    "attention": (Attention, (1, 6, 8)),
}
