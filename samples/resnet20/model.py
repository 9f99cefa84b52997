"""ResNet-20 for CIFAR-10, with the weights of a public PyTorch checkpoint."""

from __future__ import annotations

import pickle

import torch
from torch import nn
from torch.nn import functional

from tinyiree.data import find_model
from tinyiree.errors import TinyireeError

FILE = "resnet20-12fca82f.th"
_PREFIX = "module."  # the checkpoint was saved from a DataParallel wrapper
_UNUSABLE = (  # what torch.load and load_state_dict raise on a file of another kind
    pickle.UnpicklingError,
    RuntimeError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
)


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut: [N, c_in, H, W] -> [N, c_out, H/stride, W/stride].

    A shortcut that changes shape has no weights: it takes every second row and column and adds
    zero channels on both sides (option A of He et al., "Deep residual learning for image
    recognition", 2015, section 4.2).
    """

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        """Random weights; stride is 1 or 2."""
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.stride = stride
        self.extra = (c_out - c_in) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """relu(shortcut(x) + convolutions(x))."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.stride != 1 or self.extra:
            x = x[:, :, :: self.stride, :: self.stride]
            x = functional.pad(x, (0, 0, 0, 0, self.extra, self.extra))
        return torch.relu(x + y)


class ResNet20(nn.Module):
    """float32 [N, 3, 32, 32], normalized -> float32 [N, 10], one score per class.

    The inputs are pixels from 0 to 1 less the ImageNet mean, over its deviation (data.py).
    """

    example_inputs: tuple[torch.Tensor, ...] = (torch.zeros(1, 3, 32, 32),)

    def __init__(self) -> None:
        """Random weights; `resnet20` gives the trained ones."""
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1), Block(16, 16, 1), Block(16, 16, 1))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One score per class; the largest is the answer."""
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        scores: torch.Tensor = self.linear(torch.flatten(self.pool(x), 1))
        return scores


def resnet20() -> ResNet20:
    """The trained network in eval mode, from the folder `models` beside $TINYIREE_DATA.

    Raises:
        TinyireeError: the checkpoint is absent or is not that of a ResNet-20.
    """
    path = find_model(FILE)
    module = ResNet20()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        state = {key.removeprefix(_PREFIX): value for key, value in state.items()}
        # The checkpoint is older than the batch counters, which eval mode does not use.
        counters = {k: v for k, v in module.state_dict().items() if "num_batches_tracked" in k}
        module.load_state_dict(counters | state)
    except _UNUSABLE as error:
        raise TinyireeError(
            f"{path}: expected the checkpoint of a CIFAR-10 ResNet-20 with a state_dict, found: "
            f"{error}; replace the file"
        ) from error
    return module.eval()
