"""TinyQuantizer annotates what it should, after training and during it."""

from collections import Counter

import pytest
import torch
from torch import nn
from torch.export import ExportedProgram
from torch.nn import functional

from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret
from tinyiree.ir.verify import verify
from tinyiree.passes.base import PassContext
from tinyiree.passes.calibrate import Calibrate
from tinyiree.passes.fold_batch_norm import FoldBatchNorm
from tinyiree.passes.propagate_layout import PropagateLayout
from tinyiree.passes.quantize import Quantize
from tinyiree.quantizer import convert, prepare
from tinyiree.targets import load

EXAMPLE = (torch.zeros(1, 3, 8, 8),)
QUANTIZE = "quantize_per_tensor"
DEQUANTIZE = "dequantize_per_tensor"


class Net(nn.Module):
    """Convolution, batch normalization, relu, depthwise, residual, pool, linear, softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.depthwise_norm = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(2)
        self.linear = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.conv(x)))
        y = functional.relu6(self.depthwise_norm(self.depthwise(x)))
        x = self.pool(torch.relu(x + y))
        x = functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return functional.softmax(self.linear(x), -1)


def net() -> Net:
    torch.set_num_threads(1)
    torch.manual_seed(3)
    model = Net()
    for _ in range(3):
        model(torch.randn(8, 3, 8, 8))
    return model


def names(program: ExportedProgram) -> Counter[str]:
    return Counter(
        node.target.overloadpacket.__name__
        for node in program.graph.nodes
        if node.op == "call_function"
    )


def int8_weights(program: ExportedProgram) -> int:
    tensors = {**program.state_dict, **program.constants}.values()
    return sum(isinstance(t, torch.Tensor) and t.dtype == torch.int8 for t in tensors)


def float_result(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = model.eval()(x)
        return result


@pytest.fixture(scope="module")
def data() -> torch.Tensor:
    return torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def program(data: torch.Tensor) -> ExportedProgram:
    """The net, quantized after training."""
    prepared = prepare(net(), EXAMPLE)
    prepared(data)
    return convert(prepared, EXAMPLE)


def test_after_training(program: ExportedProgram, data: torch.Tensor) -> None:
    expected = float_result(net(), data)
    found = names(program)
    assert found["conv2d"] == 2
    assert found["batch_norm"] == 0
    # Input, conv, depthwise, add, pool, average, flatten, linear, softmax: each stored once.
    assert found[QUANTIZE] == 9
    assert found["dequantize_per_channel"] == int8_weights(program) == 3
    got = torch.cat([program.module()(data[i : i + 1]) for i in range(4)])
    assert (got - expected[:4]).abs().max() < 0.03


def test_nothing_is_rounded_between_an_op_and_its_clamp(program: ExportedProgram) -> None:
    for node in program.graph.nodes:
        if node.op == "call_function" and "relu" in str(node.target):
            assert QUANTIZE not in str(node.args[0].target)
            assert DEQUANTIZE not in str(node.args[0].target)


def test_pooling_shares_its_operands_parameters(program: ExportedProgram) -> None:
    (pool,) = [n for n in program.graph.nodes if "max_pool2d" in str(n.target)]
    (after,) = pool.users
    assert after.args[1:3] == pool.args[0].args[1:3]


def test_softmax_has_fixed_parameters(program: ExportedProgram) -> None:
    last = [n for n in program.graph.nodes if QUANTIZE in str(n.target)][-1]
    assert last.args[1:3] == (1 / 256, -128)


def test_it_imports_as_integers_only(program: ExportedProgram, data: torch.Tensor) -> None:
    module = import_model(program)
    context = PassContext(load("cortex-m4"), lambda m: lambda inputs: interpret(m, inputs))
    for step in (PropagateLayout(), FoldBatchNorm(), Calibrate(), Quantize()):
        step.run(module, context)
        verify(module)
    expected = program.module()(data[:1]).numpy()
    assert interpret(module, [data[:1].numpy()])[0] == pytest.approx(expected, abs=2 / 256)
    # Every layer reads what is dequantized, and what it gives is quantized (after its clamp).
    for op in access.operations(module):
        if op.name.startswith("nn.") and "quantize" not in op.name:
            behind = {defined.name for v in op.operands if (defined := access.defining_op(v))}
            ahead = {user.name for user in access.users(op.results[0])}
            assert behind == {"nn.dequantize"} or op.name == "nn.clamp"
            assert ahead in ({"nn.quantize"}, {"nn.clamp"})


def test_during_training() -> None:
    model, x = net(), torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    wanted = (x.mean((1, 2, 3)) > 0).long()
    prepared = prepare(model, EXAMPLE, qat=True)
    optimizer = torch.optim.Adam(prepared.parameters(), 0.02)
    losses = []
    prepared.train()
    for _ in range(25):
        loss = functional.nll_loss(prepared(x).clamp_min(1e-6).log(), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    prepared.eval()
    with torch.no_grad():
        expected = prepared(x)
    program = convert(prepared, EXAMPLE)
    found = names(program)
    assert found["batch_norm"] == 0
    assert found[QUANTIZE] == 9
    assert found["dequantize_per_channel"] == int8_weights(program) == 3
    got = torch.cat([program.module()(x[i : i + 1]) for i in range(4)])
    # The fake-quantized model in eval mode is what is converted, to a step or two of the result.
    assert (got - expected[:4]).abs().max() < 0.02


def test_a_kept_layer_has_no_integer_weight() -> None:
    prepared = prepare(net(), EXAMPLE, keep_float=["depthwise*"])
    prepared(torch.randn(4, 3, 8, 8))
    program = convert(prepared, EXAMPLE)
    assert int8_weights(program) == 2
    (node,) = [n for n in program.graph.nodes if "conv2d" in str(n.target) and len(n.args) == 7]
    assert "dequantize" not in str(node.args[1].target)


class Concat(nn.Module):
    """Concatenation, scalar multiplication and activation functions."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.hardswish(x) * 0.5
        return torch.cat([torch.sigmoid(x), torch.tanh(y), y], 1)


def test_functions_and_concatenation() -> None:
    prepared = prepare(Concat(), EXAMPLE)
    x = torch.randn(4, 3, 8, 8)
    prepared(x)
    program = convert(prepared, EXAMPLE)
    fixed = {n.args[1:3] for n in program.graph.nodes if QUANTIZE in str(n.target)}
    assert {(1 / 256, -128), (1 / 128, 0)} <= fixed
    got = program.module()(x[:1])
    assert (got - Concat()(x[:1])).abs().max() < 0.03


class Fixed(nn.Module):
    """Works with a batch of 1 only."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x.view(1, 192))


class Branch(nn.Module):
    """Cannot be exported: control flow on data."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def test_a_fixed_batch() -> None:
    with pytest.raises(TinyireeError, match=r"Fixed: expected a model.*any batch.*dynamic_batch"):
        prepare(Fixed(), EXAMPLE)
    prepared = prepare(Fixed(), EXAMPLE, dynamic_batch=False)
    prepared(torch.ones(1, 3, 8, 8))
    assert names(convert(prepared, EXAMPLE))[QUANTIZE] >= 2


def test_a_model_that_cannot_be_exported() -> None:
    with pytest.raises(TinyireeError, match="Branch: expected a model that torch"):
        prepare(Branch(), EXAMPLE, dynamic_batch=False)
