"""A small convolutional network for 8x8 handwritten digits."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from tinyiree.data import load_weights

WEIGHTS = Path(__file__).parent / "weights.npz"


class Digits(nn.Module):
    """float32 [N, 1, 8, 8], pixels 0 to 1 -> float32 [N, 10], one score per digit.

    Convolution, depthwise-separable block at stride 2, residual block, global average pool and
    linear layer: each kind of layer that a keyword or image model for microcontrollers has.
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 1, 8, 8),)

    def __init__(self) -> None:
        """Random weights; `digits` gives the trained ones."""
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(16)
        self.pointwise = nn.Conv2d(16, 24, 1, bias=False)
        self.pointwise_norm = nn.BatchNorm2d(24)
        self.residual = nn.Conv2d(24, 24, 3, padding=1, bias=False)
        self.residual_norm = nn.BatchNorm2d(24)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(24, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One score per digit; the largest is the answer."""
        x = torch.relu(self.stem_norm(self.stem(x)))
        x = torch.relu(self.depthwise_norm(self.depthwise(x)))
        x = torch.relu(self.pointwise_norm(self.pointwise(x)))
        x = torch.relu(x + self.residual_norm(self.residual(x)))
        scores: torch.Tensor = self.linear(torch.flatten(self.pool(x), 1))
        return scores


def digits() -> Digits:
    """The trained network in eval mode.

    Raises:
        TinyireeError: the weights are absent or do not fit.
    """
    module = Digits()
    load_weights(module, WEIGHTS)
    return module.eval()
