"""Keras's convolutions in PyTorch: padding "same", channels first."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis of `size` elements for TensorFlow's padding "SAME".

    The output has ceil(size / stride) elements. The odd zero of an uneven number lies at the end,
    unlike PyTorch's symmetric padding (TensorFlow, `tf.nn` module documentation, "Notes on
    padding").
    """
    outputs = (size - 1) // stride + 1  # not -(-size // stride): traced, that rounds to zero
    total = max((outputs - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """A convolution with Keras's padding "same": [N, C, H, W] -> [N, O, ceil(H/s), ceil(W/s)]."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Pad with zeros as Keras does, then convolve."""
        height, width = input.shape[-2:]
        top, bottom = same_padding(height, self.kernel_size[0], self.stride[0])
        left, right = same_padding(width, self.kernel_size[1], self.stride[1])
        if top or bottom or left or right:
            input = functional.pad(input, (left, right, top, bottom))
        output: torch.Tensor = super().forward(input)
        return output


def depthwise(channels: int, stride: int = 1, bias: bool = True) -> SameConv2d:
    """A 3x3 convolution of each channel for itself."""
    return SameConv2d(channels, channels, 3, stride=stride, groups=channels, bias=bias)
