"""An autoencoder that has learnt to draw normal heartbeats."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from tinyiree.data import load_weights

WEIGHTS = Path(__file__).parent / "weights.npz"


class EcgAnomaly(nn.Module):
    """float32 [N, 1, 140], one beat, 0 to 1 if normal -> float32 [N, 1, 140], the beat redrawn.

    Eight numbers have to describe the beat, which is enough for normal ones only: others are
    redrawn badly, and the mean absolute error is the score.
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 1, 140),)

    def __init__(self) -> None:
        """Random weights; `ecg_anomaly` gives the trained ones."""
        super().__init__()
        self.encode1 = nn.Linear(140, 64)
        self.encode2 = nn.Linear(64, 8)
        self.decode1 = nn.Linear(8, 64)
        self.decode2 = nn.Linear(64, 140)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The beat as the network remembers such beats."""
        x = torch.relu(self.encode2(torch.relu(self.encode1(x))))
        beat: torch.Tensor = self.decode2(torch.relu(self.decode1(x)))
        return beat


def ecg_anomaly() -> EcgAnomaly:
    """The trained network in eval mode.

    Raises:
        TinyireeError: the weights are absent or do not fit.
    """
    module = EcgAnomaly()
    load_weights(module, WEIGHTS)
    return module.eval()
