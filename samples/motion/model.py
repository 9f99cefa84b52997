"""A small 1-D convolutional network that tells what a wrist is doing."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from tinyiree.data import load_weights

WEIGHTS = Path(__file__).parent / "weights.npz"


class Motion(nn.Module):
    """float32 [N, 6, 50], 5 s of six scaled channels (data.py) -> float32 [N, 4], class scores."""

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 6, 50),)

    def __init__(self) -> None:
        """Random weights; `motion` gives the trained ones."""
        super().__init__()
        self.conv1 = nn.Conv1d(6, 16, 5, padding=2, bias=False)
        self.norm1 = nn.BatchNorm1d(16)
        self.conv2 = nn.Conv1d(16, 24, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm1d(24)
        self.conv3 = nn.Conv1d(24, 32, 3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm1d(32)
        self.shrink = nn.MaxPool1d(2)
        self.pool = nn.AdaptiveAvgPool1d(1)
        self.dropout = nn.Dropout(0.3)
        self.linear = nn.Linear(32, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One score per activity; the largest is the answer."""
        x = self.shrink(torch.relu(self.norm1(self.conv1(x))))
        x = self.shrink(torch.relu(self.norm2(self.conv2(x))))
        x = torch.relu(self.norm3(self.conv3(x)))
        scores: torch.Tensor = self.linear(self.dropout(torch.flatten(self.pool(x), 1)))
        return scores


def motion() -> Motion:
    """The trained network in eval mode.

    Raises:
        TinyireeError: the weights are absent or do not fit.
    """
    module = Motion()
    load_weights(module, WEIGHTS)
    return module.eval()
