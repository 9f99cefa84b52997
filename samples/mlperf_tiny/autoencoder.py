"""The autoencoder of MLPerf Tiny that finds anomalies in the sound of machines."""

from __future__ import annotations

import itertools

import torch
from tflite_floats import load_floats
from torch import nn

FILE = "ad01_fp32.tflite"
WIDTHS = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)


class Autoencoder(nn.Module):
    """float32 [N, 640], five frames of 128 log-mel energies in dB -> float32 [N, 640].

    The mean squared difference of output and input is the anomaly score. MLPerf Tiny's reference
    model (benchmark/training/anomaly_detection), which is that of DCASE 2020, task 2. Batch
    normalization is folded.
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 640),)

    def __init__(self) -> None:
        """Random weights; `ad` gives the trained ones."""
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(WIDTHS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the network believes it heard."""
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        heard: torch.Tensor = self.layers[-1](x)
        return heard


def ad() -> Autoencoder:
    """The reference network in eval mode.

    Raises:
        TinyireeError: the model file is absent or is not this network.
    """
    return load_floats(Autoencoder, FILE)
