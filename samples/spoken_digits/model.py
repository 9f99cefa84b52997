"""Spoken digits: a log-mel front end and a small network, in one module from the audio on."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from tinyiree.data import load_weights

WEIGHTS = Path(__file__).parent / "weights.npz"
RATE = 8000  # samples per second
SAMPLES = 8000
FRAME = 200  # 25 ms
HOP = 100
BINS = 64
FIRST_BIN, BIN_STEP = 90.0, 60.0  # Hz; the main lobe of the window is 160 Hz wide
MELS = 24
CLASSES = 10
PRE_EMPHASIS = 0.95
# Sizes above are cut off: in half of the recordings the loudest bin is.
LOUDEST = 3.0
FLOOR = 0.02  # below two steps of int8 from 0 to LOUDEST


class LogMel(nn.Module):
    """Audio to log-mel energies: float32 [N, 1, 8000] -> [N, 24, 79]. No weight is learnt.

    Framing, Hann window, pre-emphasis and DFT are one strided convolution, each bin as its real
    and its imaginary part; mel bands are a product with a matrix. Of a bin's two parts the sizes
    are added, in place of the root of their squares: squares of int8 would need twice the bits.
    """

    def __init__(self) -> None:
        """The constants of the transform."""
        super().__init__()
        time = torch.arange(FRAME, dtype=torch.float64)
        hann = 0.5 - 0.5 * torch.cos(2 * math.pi * (time + 0.5) / FRAME)
        frequencies = FIRST_BIN + BIN_STEP * torch.arange(BINS, dtype=torch.float64)
        turn = 2 * math.pi * frequencies / RATE
        emphasis = torch.sqrt(1 + PRE_EMPHASIS**2 - 2 * PRE_EMPHASIS * torch.cos(turn))
        angle = turn[:, None] * (time - FRAME / 2)
        waves = torch.cat((torch.cos(angle), torch.sin(angle))) * hann
        waves = waves * emphasis.repeat(2)[:, None] / FRAME
        self.dft = nn.Conv1d(1, 2 * BINS, FRAME, stride=HOP, bias=False)
        self.mel = nn.Conv1d(2 * BINS, MELS, 1, bias=False)
        with torch.no_grad():
            self.dft.weight.copy_(waves[:, None].float())
            self.mel.weight.copy_(_mel_matrix(frequencies).repeat(1, 2)[:, :, None].float())
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The natural logarithm of each band's size, above a floor."""
        sizes = torch.abs(functional.hardtanh(self.dft(x), -LOUDEST, LOUDEST))
        return torch.log(torch.clamp(self.mel(sizes), 0, LOUDEST) + FLOOR)

    def rounded(self, x: torch.Tensor) -> torch.Tensor:
        """`forward` with each tensor in the 256 steps that int8 has, to train behind it."""
        step = 2 * LOUDEST / 255
        parts = torch.clamp(torch.round(self.dft(x) / step) * step, -LOUDEST, LOUDEST)
        bands = torch.round(torch.clamp(self.mel(torch.abs(parts)), 0, LOUDEST) * 255 / LOUDEST)
        return torch.log(bands * LOUDEST / 255 + FLOOR)


class SpokenDigits(nn.Module):
    """float32 [N, 1, 8000], audio from -128 to 127 -> float32 [N, 10], one score per digit."""

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 1, SAMPLES),)

    def __init__(self) -> None:
        """Random weights; `spoken` gives the trained ones."""
        super().__init__()
        self.features = LogMel()
        self.network = nn.Sequential(
            *_layer(MELS, 48, 5, stride=2),
            *_layer(48, 48, 3),
            *_layer(48, 64, 3, stride=2),
            *_layer(64, 64, 3),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(64, CLASSES),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One score per digit; the largest is the answer."""
        scores: torch.Tensor = self.network(self.features(x))
        return scores


def _layer(channels: int, out: int, width: int, stride: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv1d(channels, out, width, stride, width // 2, bias=False)
    return convolution, nn.BatchNorm1d(out), nn.ReLU()


def spoken() -> SpokenDigits:
    """The trained network in eval mode; the front end is computed, not stored.

    Raises:
        TinyireeError: the weights are absent or do not fit.
    """
    module = SpokenDigits()
    load_weights(module.network, WEIGHTS)
    return module.eval()


def _mel_matrix(frequencies: torch.Tensor) -> torch.Tensor:
    """Triangles at even distances on the mel scale (O'Shaughnessy, 1987), each of sum 1."""

    def to_mel(hertz: torch.Tensor) -> torch.Tensor:
        return 2595 * torch.log10(1 + hertz / 700)

    low, high = to_mel(frequencies[:1]), to_mel(frequencies[-1:])
    corners = low + (high - low) * torch.arange(MELS + 2) / (MELS + 1)
    place = to_mel(frequencies)[None]
    left, middle, right = (corners[i : i + MELS, None] for i in range(3))
    # A band narrower than two bins would fall between them: none is.
    width_up = torch.clamp(middle - left, min=60.0)
    width_down = torch.clamp(right - middle, min=60.0)
    up, down = 1 - (middle - place) / width_up, 1 - (place - middle) / width_down
    weights = torch.clamp(torch.minimum(up, down), min=0)
    return weights / weights.sum(1, keepdim=True)
