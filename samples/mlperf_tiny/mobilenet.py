"""MobileNetV1 of width 0.25 for 96x96 images, the visual-wake-words network of MLPerf Tiny."""

from __future__ import annotations

import torch
from mlperf_layers import SameConv2d, depthwise
from torch import nn

SEED = 20
FIRST = 8
# Output channels and stride of each depthwise-separable block.
BLOCKS = (
    (16, 1),
    (32, 2),
    (32, 1),
    (64, 2),
    (64, 1),
    (128, 2),
    (128, 1),
    (128, 1),
    (128, 1),
    (128, 1),
    (128, 1),
    (256, 2),
    (256, 1),
)


class Block(nn.Module):
    """A depthwise-separable convolution: [N, c_in, H, W] -> [N, c_out, H/stride, W/stride]."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        """Random weights; stride is 1 or 2."""
        super().__init__()
        self.depthwise = depthwise(c_in, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(c_in)
        self.pointwise = nn.Conv2d(c_in, c_out, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Both convolutions, each with batch normalization and ReLU."""
        x = torch.relu(self.bn1(self.depthwise(x)))
        return torch.relu(self.bn2(self.pointwise(x)))


class MobileNet(nn.Module):
    """float32 [N, 3, 96, 96], pixels from 0 to 1 -> float32 [N, 2], probabilities.

    Howard et al., "MobileNets", 2017, in the size of MLPerf Tiny's reference model
    (benchmark/training/visual_wake_words).
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 3, 96, 96),)

    def __init__(self) -> None:
        """PyTorch's own random weights; `vww` gives seeded ones."""
        super().__init__()
        self.conv = SameConv2d(3, FIRST, 3, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(FIRST)
        widths = (FIRST, *(width for width, _ in BLOCKS))
        self.blocks = nn.Sequential(
            *(Block(c_in, *block) for c_in, block in zip(widths, BLOCKS, strict=False))
        )
        self.pool = nn.AvgPool2d(3)
        self.linear = nn.Linear(widths[-1], 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The probabilities of no person and a person."""
        x = self.pool(self.blocks(torch.relu(self.bn(self.conv(x)))))
        return torch.softmax(self.linear(torch.flatten(x, 1)), 1)


def vww() -> MobileNet:
    """The network with seeded random weights in eval mode: right in shape and cost, not trained."""
    generator = torch.Generator().manual_seed(SEED)
    module = MobileNet()
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            elif isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.2, generator=generator)
                nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.BatchNorm2d):
                # A spread such as training leaves: folding it changes each channel in its own way.
                for tensor, low, high in (
                    (layer.weight, 0.8, 1.2),
                    (layer.bias, -0.2, 0.2),
                    (layer.running_mean, -0.2, 0.2),
                    (layer.running_var, 0.7, 1.3),
                ):
                    assert tensor is not None
                    nn.init.uniform_(tensor, low, high, generator=generator)
    return module.eval()
