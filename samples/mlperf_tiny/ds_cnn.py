"""DS-CNN, the keyword-spotting network of MLPerf Tiny."""

from __future__ import annotations

import torch
from mlperf_layers import SameConv2d, depthwise
from tflite_floats import load_floats
from torch import nn

FILE = "kws_ref_model_float32.tflite"
CHANNELS = 64
BLOCKS = 4


class Block(nn.Module):
    """A depthwise-separable convolution: [N, C, H, W] -> [N, C, H, W]."""

    def __init__(self, channels: int) -> None:
        """Random weights."""
        super().__init__()
        self.depthwise = depthwise(channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Both convolutions, each with ReLU."""
        return torch.relu(self.pointwise(torch.relu(self.depthwise(x))))


class DsCnn(nn.Module):
    """float32 [N, 1, 49, 10], MFCC features -> float32 [N, 12], one probability per class.

    Zhang et al., "Hello Edge: Keyword spotting on microcontrollers", 2017, in the size of MLPerf
    Tiny's reference model (benchmark/training/keyword_spotting). Batch normalization is folded.
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 1, 49, 10),)

    def __init__(self) -> None:
        """Random weights; `kws` gives the trained ones."""
        super().__init__()
        self.conv = SameConv2d(1, CHANNELS, (10, 4), stride=2)
        self.blocks = nn.Sequential(*(Block(CHANNELS) for _ in range(BLOCKS)))
        self.pool = nn.AvgPool2d((25, 5))
        self.linear = nn.Linear(CHANNELS, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One probability per class."""
        x = self.pool(self.blocks(torch.relu(self.conv(x))))
        return torch.softmax(self.linear(torch.flatten(x, 1)), 1)


def kws() -> DsCnn:
    """The reference network in eval mode; its convolution weights are int8 in the file.

    Raises:
        TinyireeError: the model file is absent or is not this network.
    """
    return load_floats(DsCnn, FILE)
