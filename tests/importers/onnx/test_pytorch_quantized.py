"""QDQ models as PyTorch's exporters write them: PT2E (dynamo) and fake quantization (classic)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from networks import count
from onnx_integers import differences, integerize
from onnx_models import NETWORKS, export, lively, quiet
from torch import nn
from torch.ao.quantization import (
    FakeQuantize,
    MovingAverageMinMaxObserver,
    default_per_channel_weight_fake_quant,
    disable_observer,
)
from torch.nn import functional
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.testing.pt2e._xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)

SHAPE = NETWORKS["plain"][1]
SAMPLES = [np.random.default_rng(i).standard_normal(SHAPE).astype(np.float32) for i in range(16)]


class FakeQuantized(nn.Module):
    """As quantization-aware training leaves it: [1, 3, 12, 12] -> [1, 5]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8 * 25, 5)
        self.steps = nn.ModuleList(
            FakeQuantize(
                observer=MovingAverageMinMaxObserver,
                quant_min=-128,
                quant_max=127,
                dtype=torch.qint8,
                qscheme=torch.per_tensor_affine,
            )
            for _ in range(4)
        )
        self.weights = nn.ModuleList(default_per_channel_weight_fake_quant() for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weights[0](self.conv.weight)
        x = torch.relu(functional.conv2d(self.steps[0](x), weight, self.conv.bias))
        x = self.steps[2](functional.max_pool2d(self.steps[1](x), 2)).flatten(1)
        return self.steps[3](functional.linear(x, self.weights[1](self.fc.weight), self.fc.bias))


def fake_quantized(path: Path) -> Path:
    model = lively(FakeQuantized()).train()
    for sample in SAMPLES:
        model(torch.from_numpy(sample))
    model.apply(disable_observer)
    return export(model, [torch.from_numpy(SAMPLES[0])], path, opset=17)


def pt2e(path: Path) -> Path:
    x = (torch.from_numpy(SAMPLES[0]),)
    quantizer = XNNPACKQuantizer().set_global(
        get_symmetric_quantization_config(is_per_channel=True)
    )
    with quiet():
        model = torch.export.export(lively(NETWORKS["plain"][0]()), x).module()
        prepared = prepare_pt2e(model, quantizer)
        for sample in SAMPLES:
            prepared(torch.from_numpy(sample))
        program = torch.export.export(convert_pt2e(prepared), x)
        torch.onnx.export(program, x, path, dynamo=True, verbose=False)
    return path


# Least share of equal bytes. PT2E quantizes a ReLU6 on both sides: `fuse` has to leave both.
@pytest.mark.parametrize(
    ("make", "fused", "share"),
    [(fake_quantized, True, 0.95), (pt2e, True, 0.9), (pt2e, False, 0.9)],
)
def test_at_most_one_step(
    make: Callable[[Path], Path], fused: bool, share: float, tmp_path: Path
) -> None:
    path = make(tmp_path / "model.onnx")
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(path).graph.node}
    module = integerize(path, fused)
    assert count(module, "qnn.conv2d", "qnn.fully_connected") >= 2
    steps = differences(module, path, SAMPLES, optimize=False)
    print(f"{make.__name__}, fused {fused}: {(steps == 0).mean():.2%} of bytes equal")
    assert np.abs(steps).max() <= 1
    assert (steps == 0).mean() >= share
