"""QDQ models on simulated cores of every kind: each byte as host and interpreter have it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from networks import count
from onnx_integers import differences, integerize
from onnx_models import Array, export, lively, quantize
from onnx_qdq import quantized
from torch import nn
from torch.nn import functional

import tinyiree
from tinyiree.ir.interpret import interpret


class Halves(nn.Module):
    """[1, 3, 12, 12] -> [1, 4, 3, 3]: averages, the greater of two, and a change of scale."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.b = nn.Conv2d(3, 8, 1)
        self.mix = nn.Conv2d(16, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.avg_pool2d(torch.maximum(self.a(x), self.b(x)), 2)
        y = torch.cat([y, torch.sigmoid(y)], 1)
        return self.mix(functional.avg_pool2d(y, 2, ceil_mode=True))


SHAPE = (1, 3, 12, 12)


def halves(folder: Path) -> tuple[Path, list[Array]]:
    generator = np.random.default_rng(0)
    samples = [generator.standard_normal(SHAPE).astype(np.float32) for _ in range(8)]
    path = export(lively(Halves()), [torch.zeros(SHAPE)], folder / "halves.onnx", opset=20)
    return quantize(path, samples, unsigned=True), samples


@pytest.mark.parametrize("target", ["cortex-m0plus", "cortex-m4", "rv32imc"])
@pytest.mark.parametrize("name", ["halves", "residual"])
def test_every_byte_equals_the_host(name: str, target: str, tmp_path: Path) -> None:
    path, samples = halves(tmp_path) if name == "halves" else quantized(name, tmp_path, False)
    module = integerize(path)
    if name == "halves":
        assert count(module, "qnn.avg_pool2d") == 2
        assert count(module, "nn.maximum") == 1
        assert (np.abs(differences(module, path, samples, optimize=False)) <= 2).all()
    built = tinyiree.build(path, target=target, out=tmp_path / "built", formats=("static",))
    x = np.concatenate([sample[None] for sample in samples[:4]])
    compared = built.verify(x)
    assert compared.bit_exact
    raw = built.encode(x)
    for i, found in enumerate(compared.device.outputs[0]):
        np.testing.assert_array_equal(found, interpret(module, [array[i] for array in raw])[0])
