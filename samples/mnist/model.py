"""A LeNet for MNIST: fewer operations and parameters than LeNet-5, and more accurate."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from tinyiree.data import load_weights

WEIGHTS = Path(__file__).parent / "weights.npz"


class Mnist(nn.Module):
    """float32 [N, 1, 28, 28], pixels 0 to 1 -> float32 [N, 10], one score per digit.

    Convolutions without padding and 2x2 max pools, as in LeNet-5 (LeCun et al., "Gradient-based
    learning applied to document recognition", 1998), with ReLU and batch normalization.
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 1, 28, 28),)

    def __init__(self) -> None:
        """Random weights; `mnist` gives the trained ones."""
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5, bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 24, 3, bias=False)
        self.norm2 = nn.BatchNorm2d(24)
        self.conv3 = nn.Conv2d(24, 48, 3, bias=False)
        self.norm3 = nn.BatchNorm2d(48)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.2)
        self.linear = nn.Linear(48 * 3 * 3, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One score per digit; the largest is the answer."""
        x = self.pool(torch.relu(self.norm1(self.conv1(x))))
        x = self.pool(torch.relu(self.norm2(self.conv2(x))))
        x = torch.relu(self.norm3(self.conv3(x)))
        scores: torch.Tensor = self.linear(self.dropout(torch.flatten(x, 1)))
        return scores


def mnist() -> Mnist:
    """The trained network in eval mode.

    Raises:
        TinyireeError: the weights are absent or do not fit.
    """
    module = Mnist()
    load_weights(module, WEIGHTS)
    return module.eval()
