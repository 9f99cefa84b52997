"""Quantize and dequantize ops: by hand, and as torchao's PT2E flow leaves them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from networks import count, expected, prepare
from torch import nn
from torch.ao.quantization.fx import _decomposed  # registers torch.ops.quantized_decomposed
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.testing.pt2e._xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)

from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret

OPS: Any = torch.ops.quantized_decomposed
assert _decomposed is not None


class Function(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.linspace(-1, 1, 12).view(3, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def run(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> None:
    """The same integers as torch, so the same numbers but for the last bit of scaling them."""
    model = Function(function)
    module = import_model(model, x)
    for _ in range(2):
        (found,) = interpret(module, [x.numpy()])
        np.testing.assert_allclose(found, expected(model, [x])[0], rtol=3e-7)
        prepare(module)


X = torch.linspace(-3, 3, 24).view(2, 3, 4)


def test_per_tensor() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        q = OPS.quantize_per_tensor(x, 0.0173, -5, -128, 127, torch.int8)
        return OPS.dequantize_per_tensor(q, 0.0173, -5, -128, 127, torch.int8)

    run(f, X)


def test_parameters_in_tensors() -> None:
    scale, zero = torch.tensor(0.0625), torch.tensor(4)

    def f(x: torch.Tensor) -> torch.Tensor:
        q = OPS.quantize_per_tensor.tensor(x, scale, zero, -128, 127, torch.int8)
        return OPS.dequantize_per_tensor.tensor(q, scale, zero, -128, 127, torch.int8)

    run(f, X)


def test_a_narrower_range_is_a_clamp() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        q = OPS.quantize_per_tensor(x, 0.015625, 3, -127, 100, torch.int8)
        return OPS.dequantize_per_tensor(q, 0.015625, 3, -127, 100, torch.int8)

    run(f, X)


def test_per_channel_behind_a_transpose() -> None:
    scales, zeros = torch.tensor([0.25, 0.5, 0.125]), torch.zeros(3, dtype=torch.int64)

    def f(x: torch.Tensor) -> torch.Tensor:
        y = x.transpose(1, 2)
        q = OPS.quantize_per_channel(y, scales, zeros, 2, -128, 127, torch.int8)
        return OPS.dequantize_per_channel(q, scales, zeros, 2, -128, 127, torch.int8)

    run(f, X)


def test_a_constant_is_quantized_while_importing() -> None:
    weight = torch.linspace(-1, 1, 12).view(3, 4)

    def f(x: torch.Tensor) -> torch.Tensor:
        q = OPS.quantize_per_tensor(weight, 0.0078125, 0, -127, 127, torch.int8)
        return x + OPS.dequantize_per_tensor(q, 0.0078125, 0, -127, 127, torch.int8)

    module = import_model(Function(f), X)
    assert count(module, "nn.quantize") == 0
    run(f, X)


def test_unsigned_is_refused() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        q = OPS.quantize_per_tensor(x, 0.02, 128, 0, 255, torch.uint8)
        return OPS.dequantize_per_tensor(q, 0.02, 128, 0, 255, torch.uint8)

    with pytest.raises(TinyireeError, match="signed 8 bits"):
        import_model(Function(f), X)


class Net(nn.Module):
    """[1, 3, 8, 8] -> [1, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8)
        self.fc = nn.Linear(8 * 36, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.conv(x)))
        x = torch.relu(self.depthwise(x))
        return self.fc(x.flatten(1))


@pytest.fixture(scope="module")
def quantized() -> torch.export.ExportedProgram:
    torch.manual_seed(0)
    x = (torch.randn(1, 3, 8, 8),)
    quantizer = XNNPACKQuantizer().set_global(
        get_symmetric_quantization_config(is_per_channel=True)
    )
    prepared = prepare_pt2e(torch.export.export(Net().eval(), x).module(), quantizer)
    prepared(*x)
    return torch.export.export(convert_pt2e(prepared), x)


def test_pt2e(quantized: torch.export.ExportedProgram) -> None:
    """One quantization step at most: rounding of a sum may fall to the other side."""
    module = prepare(import_model(quantized))
    x = torch.randn(1, 3, 8, 8)
    (found,) = interpret(module, [x.numpy()])
    wanted = quantized.module()(x)
    last = [op for op in access.operations(module) if op.name == "nn.dequantize"][-1]
    step = access.floats(last, "scales")[0]
    assert np.abs(found - wanted.detach().numpy()).max() <= 1.01 * step
    assert count(module, "nn.transpose") == 1


def test_pt2e_weights_are_int8_constants(quantized: torch.export.ExportedProgram) -> None:
    module = prepare(import_model(quantized))
    for op in access.named(module, "nn.conv2d", "nn.fully_connected"):
        dequantize = access.defining_op(op.operands[1])
        assert dequantize is not None
        assert dequantize.name == "nn.dequantize"
        assert access.is_constant(dequantize.operands[0])
        assert access.element_type(dequantize.operands[0]) == "i8"
        assert access.integer(dequantize, "axis") == 0
        assert len(access.floats(dequantize, "scales")) == access.shape(op.operands[1])[0]
