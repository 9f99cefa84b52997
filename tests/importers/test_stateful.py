"""PyTorch modules whose buffers change in forward: the state of the imported model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import tinyiree as ti
from tinyiree.importers import import_model
from tinyiree.ir.state import states_of
from tinyiree.iree.host import compile_host

SHAPE = (1, 4)


class Stream(nn.Module):
    """Changes one buffer in place and assigns another, which is not saved with the model."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.linear = nn.Linear(4, 4)
        self.register_buffer("line", torch.zeros(1, 3, 4), persistent=False)
        self.register_buffer("last", torch.full(SHAPE, 0.5))
        self.register_buffer("fixed", torch.full(SHAPE, 0.25))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.line = torch.cat([self.line[:, 1:], x[:, None]], 1)
        y = torch.tanh(self.linear(x) + self.last + self.line.mean(1) + self.fixed)
        self.last.copy_(y)
        return 2 * y


def samples(count: int) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(count, *SHAPE)).astype(np.float32)


def eager(data: np.ndarray) -> np.ndarray:
    """What PyTorch computes from a fresh start."""
    model = Stream().eval()
    with torch.no_grad():
        return np.stack([model(torch.from_numpy(x)).numpy() for x in data])


def test_buffers_become_variables() -> None:
    model = Stream().eval()
    module = import_model(model, torch.zeros(SHAPE))
    with module.context:
        states = {state.name: state.initial for state in states_of(module)}
    assert sorted(states) == ["last", "line"]
    np.testing.assert_array_equal(states["last"], np.full(SHAPE, 0.5))
    data = samples(6)
    host = compile_host(module)
    found = np.stack([host([x])[0] for x in data])
    np.testing.assert_allclose(found, eager(data), atol=1e-6)
    # Importing leaves the module as it was.
    np.testing.assert_array_equal(model.last.numpy(), states["last"])
    assert not model.line.any()


def test_simulated_core_equals_pytorch(tmp_path: Path) -> None:
    data = samples(5)
    built = ti.build(
        Stream(),
        torch.zeros(SHAPE),
        target="cortex-m4",
        quantize=None,
        name="stream",
        formats=("static", "vmfb"),
        out=tmp_path / "stream",
    )
    comparison = built.verify(data)
    assert comparison.bit_exact
    np.testing.assert_allclose(comparison.device.outputs[0], eager(data), atol=1e-6)
    assert ti.open_build(tmp_path / "stream").manifest.states == built.manifest.states


def test_int8_quantization_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ti.TinyireeError, match="without state, found the variables l"):
        ti.build(
            Stream(),
            torch.zeros(SHAPE),
            target="cortex-m4",
            quantize=ti.Int8(calibration=samples(3)),
            name="stream",
            out=tmp_path / "stream",
        )


def test_inputs_that_change_are_refused() -> None:
    class Adds(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x += 1
            return x * 2

    with pytest.raises(ti.TinyireeError, match="changes its input x; keep state in buffers"):
        import_model(Adds(), torch.zeros(SHAPE))
