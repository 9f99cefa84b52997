"""A convolutional network for 8x8 handwritten digits that fits 16 kB of flash and 2 kB of RAM."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from tinyiree.data import load_weights

WEIGHTS = Path(__file__).parent / "weights.npz"


class SmallDigits(nn.Module):
    """float32 [N, 1, 8, 8], pixels 0 to 1 -> float32 [N, 10], one score per digit.

    Dense 3x3 convolutions alone, so that one kernel does for all of them. What costs RAM is the
    first layer's output, what costs flash the third one's weights.
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 1, 8, 8),)

    def __init__(self, first: int = 8, second: int = 24, third: int = 24) -> None:
        """Random weights, and the channels of each convolution."""
        super().__init__()
        self.features = nn.Sequential(
            *_layer(1, first, stride=1, padding=1),
            *_layer(first, second, stride=2, padding=1),
            *_layer(second, third, stride=1, padding=0),
        )
        self.linear = nn.Linear(third * 2 * 2, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One score per digit; the largest is the answer."""
        scores: torch.Tensor = self.linear(torch.flatten(self.features(x), 1))
        return scores


def _layer(channels: int, out: int, stride: int, padding: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(channels, out, 3, stride, padding, bias=False)
    return convolution, nn.BatchNorm2d(out), nn.ReLU()


def digits() -> SmallDigits:
    """The trained network in eval mode.

    Raises:
        TinyireeError: the weights are absent or do not fit.
    """
    module = SmallDigits()
    load_weights(module, WEIGHTS)
    return module.eval()
