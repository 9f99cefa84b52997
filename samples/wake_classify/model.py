"""The wake stage: is there a word in this second of sound, or none?"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from tinyiree.data import load_weights

WEIGHTS = Path(__file__).parent / "weights.npz"
FRAMES, COEFFICIENTS = 49, 10
PART = 7  # frames that the convolution takes at a time, without overlap
CHANNELS = 4


class Wake(nn.Module):
    """float32 [N, 1, 49, 10], MFCC features -> float32 [N, 2], scores of silence and of a word.

    2,016 multiply-accumulates, of the classifier's 2.7 million less than a thousandth.
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 1, FRAMES, COEFFICIENTS),)

    def __init__(self) -> None:
        """Random weights; `wake` gives the trained ones."""
        super().__init__()
        self.parts = nn.Conv2d(1, CHANNELS, (PART, COEFFICIENTS), stride=(PART, 1))
        self.decide = nn.Linear(CHANNELS * FRAMES // PART, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Two scores; the larger one is the answer."""
        scores: torch.Tensor = self.decide(torch.flatten(torch.relu(self.parts(x)), 1))
        return scores


def wake() -> Wake:
    """The trained network in eval mode.

    Raises:
        TinyireeError: the weights are absent or do not fit.
    """
    module = Wake()
    load_weights(module, WEIGHTS)
    return module.eval()
