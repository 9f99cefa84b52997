"""A 1-D convolutional network that names the damage of a bearing."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from tinyiree.data import load_weights

WEIGHTS = Path(__file__).parent / "weights.npz"


class BearingFaults(nn.Module):
    """float32 [N, 1, 1024], a normalized window (data.py) -> float32 [N, 9], a score per class.

    The first kernel is wide and has a large stride, as in Zhang et al., "A new deep learning model
    for fault diagnosis with good anti-noise and domain adaptation ability on raw vibration
    signals", 2017: it learns a filter bank instead of following noise.
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 1, 1024),)

    def __init__(self) -> None:
        """Random weights; `bearing_faults` gives the trained ones."""
        super().__init__()
        # Channels in and out, kernel, stride, padding: 1024 samples -> 128 -> 64 -> 32 -> 16.
        self.conv1 = nn.Conv1d(1, 16, 32, 8, 12, bias=False)
        self.norm1 = nn.BatchNorm1d(16)
        self.conv2 = nn.Conv1d(16, 24, 5, 2, 2, bias=False)
        self.norm2 = nn.BatchNorm1d(24)
        self.conv3 = nn.Conv1d(24, 32, 3, 2, 1, bias=False)
        self.norm3 = nn.BatchNorm1d(32)
        self.conv4 = nn.Conv1d(32, 48, 3, 2, 1, bias=False)
        self.norm4 = nn.BatchNorm1d(48)
        self.conv5 = nn.Conv1d(48, 64, 3, 1, 1, bias=False)
        self.norm5 = nn.BatchNorm1d(64)
        self.pool = nn.AdaptiveAvgPool1d(1)
        self.dropout = nn.Dropout(0.2)
        self.linear = nn.Linear(64, 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One score per class; the largest is the answer."""
        x = torch.relu(self.norm1(self.conv1(x)))
        x = torch.relu(self.norm2(self.conv2(x)))
        x = torch.relu(self.norm3(self.conv3(x)))
        x = torch.relu(self.norm4(self.conv4(x)))
        x = torch.relu(self.norm5(self.conv5(x)))
        scores: torch.Tensor = self.linear(self.dropout(torch.flatten(self.pool(x), 1)))
        return scores


def bearing_faults() -> BearingFaults:
    """The trained network in eval mode.

    Raises:
        TinyireeError: the weights are absent or do not fit.
    """
    module = BearingFaults()
    load_weights(module, WEIGHTS)
    return module.eval()
