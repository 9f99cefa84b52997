"""ResNet-8, the image-classification network of MLPerf Tiny."""

from __future__ import annotations

import torch
from mlperf_layers import SameConv2d
from tflite_floats import load_floats
from torch import nn

FILE = "pretrainedResnet.tflite"


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut: [N, c_in, H, W] -> [N, c_out, H/stride, W/stride].

    A shortcut that changes shape is a 1x1 convolution.
    """

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        """Random weights; stride is 1 or 2."""
        super().__init__()
        self.conv1 = SameConv2d(c_in, c_out, 3, stride=stride)
        self.conv2 = SameConv2d(c_out, c_out, 3)
        self.shortcut: nn.Module = nn.Identity()
        if c_in != c_out:
            self.shortcut = nn.Conv2d(c_in, c_out, 1, stride=stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """relu(shortcut(x) + convolutions(x))."""
        y = self.conv2(torch.relu(self.conv1(x)))
        return torch.relu(self.shortcut(x) + y)


class ResNet8(nn.Module):
    """float32 [N, 3, 32, 32], pixels from 0 to 255 -> float32 [N, 10], probabilities.

    MLPerf Tiny's reference model (benchmark/training/image_classification), with one block of each
    width where He et al.'s ResNet-20 has three. Batch normalization is folded.
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 3, 32, 32),)

    def __init__(self) -> None:
        """Random weights; `resnet8` gives the trained ones."""
        super().__init__()
        self.conv = SameConv2d(3, 16, 3)
        self.blocks = nn.Sequential(Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2))
        self.pool = nn.AvgPool2d(8)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One probability per class."""
        x = self.pool(self.blocks(torch.relu(self.conv(x))))
        return torch.softmax(self.linear(torch.flatten(x, 1)), 1)


def resnet8() -> ResNet8:
    """The reference network in eval mode.

    Raises:
        TinyireeError: the model file is absent or is not this network.
    """
    return load_floats(ResNet8, FILE)
