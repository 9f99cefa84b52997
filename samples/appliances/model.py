"""A small 1-D convolutional network that recognizes an appliance by the power it draws."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from tinyiree.data import load_weights

WEIGHTS = Path(__file__).parent / "weights.npz"


class Appliances(nn.Module):
    """float32 [N, 3, 365], an hour of compressed readings (data.py) -> float32 [N, 10], scores.

    The features of each moment are averaged over the hour (how much, how often) and their peaks
    taken (what happens at all), so it does not matter when in the hour the appliance was used.
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 3, 365),)

    def __init__(self) -> None:
        """Random weights; `appliances` gives the trained ones."""
        super().__init__()
        # 365 readings -> 183 -> 92 -> 46 -> 23.
        self.conv1 = nn.Conv1d(3, 16, 5, 2, 2, bias=False)
        self.norm1 = nn.BatchNorm1d(16)
        self.conv2 = nn.Conv1d(16, 24, 5, 2, 2, bias=False)
        self.norm2 = nn.BatchNorm1d(24)
        self.conv3 = nn.Conv1d(24, 32, 5, 2, 2, bias=False)
        self.norm3 = nn.BatchNorm1d(32)
        self.conv4 = nn.Conv1d(32, 48, 3, 2, 1, bias=False)
        self.norm4 = nn.BatchNorm1d(48)
        self.average = nn.AdaptiveAvgPool1d(1)
        self.peak = nn.AdaptiveMaxPool1d(1)
        self.dropout = nn.Dropout(0.3)
        self.linear = nn.Linear(96, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One score per class; the largest is the answer."""
        x = torch.relu(self.norm1(self.conv1(x)))
        x = torch.relu(self.norm2(self.conv2(x)))
        x = torch.relu(self.norm3(self.conv3(x)))
        x = torch.relu(self.norm4(self.conv4(x)))
        x = torch.flatten(torch.cat((self.average(x), self.peak(x)), 1), 1)
        scores: torch.Tensor = self.linear(self.dropout(x))
        return scores


def appliances() -> Appliances:
    """The trained network in eval mode.

    Raises:
        TinyireeError: the weights are absent or do not fit.
    """
    module = Appliances()
    load_weights(module, WEIGHTS)
    return module.eval()
