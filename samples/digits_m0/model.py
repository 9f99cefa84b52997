"""The network of samples/digits_ch32v003 with more channels: 32 kB of flash hold them."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from tinyiree.data import load_weights
from tinyiree.python_file import load_object

HERE = Path(__file__).parent
WEIGHTS = HERE / "weights.npz"


def untrained() -> nn.Module:
    """float32 [N, 1, 8, 8], pixels 0 to 1 -> float32 [N, 10], one score per digit."""
    make = load_object("../digits_ch32v003/model.py:SmallDigits", HERE)
    module: nn.Module = make(16, 32, 32)
    return module


def digits() -> nn.Module:
    """The trained network in eval mode.

    Raises:
        TinyireeError: the weights are absent or do not fit.
    """
    module = untrained()
    load_weights(module, WEIGHTS)
    return module.eval()
