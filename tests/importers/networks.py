"""Networks for the importer's tests, and how to compare an imported module with PyTorch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from iree.compiler import ir
from torch import nn
from torch.nn import functional

from tinyiree.ir.access import operations
from tinyiree.ir.interpret import interpret
from tinyiree.ir.verify import verify
from tinyiree.passes.base import PassContext
from tinyiree.passes.fold_batch_norm import FoldBatchNorm
from tinyiree.passes.propagate_layout import PropagateLayout
from tinyiree.targets import load

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def unused_context() -> PassContext:
    """A context for passes that look at the module alone."""

    def refuse(module: ir.Module) -> object:
        raise AssertionError("this pass compiles nothing")

    return PassContext(load("cortex-m4"), refuse)  # type: ignore[arg-type]


def prepare(module: ir.Module) -> ir.Module:
    """The two passes that every float model goes through, each verified."""
    for step in (PropagateLayout(), FoldBatchNorm()):
        step.run(module, unused_context())
        with module.context:
            verify(module)
    return module


def count(module: ir.Module, *names: str) -> int:
    return sum(op.name in names for op in operations(module))


def randomize(model: nn.Module, seed: int = 0) -> nn.Module:
    """Random running statistics and affine parameters, so that a lost factor shows."""
    generator = torch.Generator().manual_seed(seed)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(generator=generator)
            part.running_var.uniform_(0.5, 2.0, generator=generator)
            if part.affine:
                nn.init.normal_(part.weight, generator=generator)
                nn.init.normal_(part.bias, generator=generator)
    return model.eval()


def expected(model: nn.Module, inputs: Sequence[torch.Tensor]) -> list[np.ndarray]:
    with torch.no_grad():
        result = model.eval()(*inputs)
    found = result.values() if isinstance(result, dict) else result
    found = [found] if isinstance(found, torch.Tensor) else list(found)
    return [tensor.numpy() for tensor in found]


def largest_error(module: ir.Module, model: nn.Module, inputs: Sequence[torch.Tensor]) -> float:
    """The greatest absolute difference over all results; shapes have to agree."""
    found = interpret(module, [tensor.numpy() for tensor in inputs])
    wanted = expected(model, inputs)
    assert [f.shape for f in found] == [w.shape for w in wanted]
    pairs = zip(found, wanted, strict=True)
    return max(float(np.abs(f.astype(np.float64) - w).max()) for f, w in pairs)


class InvertedResidual(nn.Module):
    """The block of MobileNetV2, with the squeeze-and-excite of V3."""

    def __init__(self, c_in: int, c_out: int, stride: int, excite: bool) -> None:
        super().__init__()
        wide = 3 * c_in
        self.expand = nn.Conv2d(c_in, wide, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(wide)
        self.depthwise = nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(wide)
        self.squeeze = nn.Conv2d(wide, 4, 1) if excite else None
        self.excite = nn.Conv2d(4, wide, 1)
        self.project = nn.Conv2d(wide, c_out, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(c_out)
        self.skip = stride == 1 and c_in == c_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.hardswish(self.expand_norm(self.expand(x)))
        y = functional.relu6(self.depthwise_norm(self.depthwise(y)))
        if self.squeeze is not None:
            s = functional.relu(self.squeeze(functional.adaptive_avg_pool2d(y, 1)))
            y = y * functional.hardsigmoid(self.excite(s))
        y = self.project_norm(self.project(y))
        return x + y if self.skip else y


class MobileNet(nn.Module):
    """[1, 3, 24, 24] -> [1, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish(inplace=True)
        )
        self.blocks = nn.Sequential(
            InvertedResidual(8, 8, 1, True),
            InvertedResidual(8, 12, 2, False),
            InvertedResidual(12, 12, 1, True),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(12, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.blocks(self.stem(x)).mean([2, 3]))


class TemporalBlock(nn.Module):
    """Causal dilated convolutions with a residual, as in Bai et al., 2018."""

    def __init__(self, c_in: int, c_out: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(c_in, c_out, 3, padding=2 * dilation, dilation=dilation)
        self.norm1 = nn.BatchNorm1d(c_out)
        self.conv2 = nn.Conv1d(c_out, c_out, 3, dilation=dilation)
        self.match = nn.Conv1d(c_in, c_out, 1) if c_in != c_out else None
        self.dilation = dilation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.norm1(self.conv1(x)[:, :, : -2 * self.dilation]))
        y = self.conv2(functional.pad(y, (2 * self.dilation, 0)))
        return torch.relu(y + (x if self.match is None else self.match(x)))


class TemporalNet(nn.Module):
    """[1, 6, 32] -> [1, 5]."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(TemporalBlock(6, 8, 1), TemporalBlock(8, 8, 2))
        self.pool = nn.MaxPool1d(2)
        self.hidden = nn.Linear(8 * 16, 12)
        self.norm = nn.BatchNorm1d(12)
        self.out = nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.body(x)).flatten(1)
        return functional.log_softmax(self.out(torch.tanh(self.norm(self.hidden(x)))), dim=-1)


class Autoencoder(nn.Module):
    """[1, 1, 16, 16] -> [1, 1, 16, 16], by way of 12 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(1, 6, 3, 2, 1)
        self.down2 = nn.Conv2d(6, 8, 3, 2, 1)
        self.code = nn.Linear(8 * 16, 12)
        self.widen = nn.Linear(12, 8 * 16)
        self.up1 = nn.Conv2d(8, 6, 3, padding="same")
        self.up2 = nn.Conv2d(6, 1, 3, padding="same")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.down2(torch.relu(self.down1(x))))
        x = torch.relu(self.widen(self.code(x.flatten(1)))).view(1, 8, 4, 4)
        x = torch.relu(self.up1(functional.interpolate(x, scale_factor=2)))
        return torch.sigmoid(self.up2(functional.interpolate(x, scale_factor=2)))


class Mixed(nn.Module):
    """[1, 4, 8, 8] -> a dictionary: branches, channel shuffle, attention, several results."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(4, 8, 1)
        self.b = nn.Conv2d(4, 8, 3, padding=1, groups=2)
        self.norm = nn.BatchNorm2d(16)
        self.mix = nn.Conv2d(16, 8, 3, padding=1)
        self.query = nn.Linear(8, 8)
        self.scale = nn.Parameter(torch.rand(8, 1, 1))
        self.head = nn.Linear(8, 3, bias=False)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self.norm(torch.cat([self.a(image), self.b(image)], dim=1))
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = self.mix(functional.leaky_relu(x, 0.1)) * self.scale
        tokens = functional.avg_pool2d(x, 2).flatten(2).transpose(1, 2)
        q = self.query(tokens)
        attention = torch.softmax(q @ tokens.transpose(1, 2) / 2.0, dim=-1)
        y = self.head((attention @ tokens).mean(1))
        return {"scores": y, "mask": torch.sigmoid(x), "best": y.argmax(1, keepdim=True)}
