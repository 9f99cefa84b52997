"""Whole networks: the same numbers as PyTorch, and how many layout ops are left."""

import pytest
import torch
from networks import (
    SAMPLES,
    Autoencoder,
    Mixed,
    MobileNet,
    TemporalNet,
    count,
    largest_error,
    prepare,
    randomize,
)
from torch import nn

from tinyiree.importers import import_model
from tinyiree.importers.python_file import load_module

TOLERANCE = 1e-4


def resnet20() -> nn.Module:
    """The sample's network; its trained weights are not needed here."""
    return load_module(f"{SAMPLES}/resnet20/model.py:ResNet20")


# Model, shape of the input, transposes after import (at least), and after the passes.
NETWORKS = [
    pytest.param(resnet20, (1, 3, 32, 32), 56, 1, id="resnet20"),
    pytest.param(MobileNet, (1, 3, 24, 24), 42, 1, id="mobilenet"),
    pytest.param(TemporalNet, (1, 6, 32), 16, 1, id="temporal"),
    pytest.param(Autoencoder, (1, 1, 16, 16), 12, 0, id="autoencoder"),
    pytest.param(Mixed, (1, 4, 8, 8), 13, 4, id="mixed"),
]


@pytest.mark.parametrize(("make", "shape", "before", "after"), NETWORKS)
def test_equals_pytorch(
    make: type[nn.Module], shape: tuple[int, ...], before: int, after: int
) -> None:
    torch.manual_seed(1)
    model = randomize(make())
    x = torch.randn(shape)
    module = import_model(model, x)
    assert largest_error(module, model, [x]) < TOLERANCE
    assert count(module, "nn.transpose") >= before
    prepare(module)
    assert largest_error(module, model, [x]) < TOLERANCE
    assert count(module, "nn.transpose") == after
    assert count(module, "nn.batch_norm") == 0


@pytest.mark.parametrize(
    ("make", "shape"),
    [(MobileNet, (1, 3, 24, 24)), (TemporalNet, (1, 6, 32)), (Mixed, (1, 4, 8, 8))],
)
def test_core_aten_programs(make: type[nn.Module], shape: tuple[int, ...]) -> None:
    """The same networks, decomposed by torch to its core operators."""
    torch.manual_seed(1)
    model = randomize(make())
    x = torch.randn(shape)
    program = torch.export.export(model, (x,)).run_decompositions()
    assert largest_error(prepare(import_model(program)), model, [x]) < TOLERANCE
