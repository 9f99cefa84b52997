"""Every operator of the table against PyTorch, before and after the layout pass."""

from collections.abc import Callable

import pytest
import torch
from iree.compiler import ir
from networks import largest_error, prepare, randomize
from torch import nn
from torch.nn import functional as F

from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model, supported_ops
from tinyiree.importers.call import Call, Entry, Result
from tinyiree.importers.converters import TABLE

TOLERANCE = 1e-4
IMAGE, SIGNAL, ROWS = (1, 4, 9, 7), (2, 4, 11), (3, 8)


class Function(nn.Module):
    """A module around a function of tensors."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.rand(1, 4, 1, 1) + 0.5)

    def forward(self, *inputs: torch.Tensor) -> object:
        return self.function(*inputs)


def case(name: str, model: object, *shapes: tuple[int, ...]) -> object:
    return pytest.param(model, shapes or (IMAGE,), id=name)


CONVOLUTIONS = [
    case("conv2d", nn.Conv2d(4, 6, 3)),
    case("stride-padding-dilation", nn.Conv2d(4, 6, (3, 2), (2, 1), (2, 1), (1, 2))),
    case("same-even", nn.Conv2d(4, 6, (2, 4), padding="same", bias=False)),
    case("valid", nn.Conv2d(4, 6, 3, padding="valid")),
    case("depthwise-2", nn.Conv2d(4, 8, 3, groups=4)),
    case("groups", nn.Conv2d(4, 6, 3, groups=2)),
    case("unbatched", nn.Conv2d(4, 6, 3), (4, 9, 7)),
    case("conv1d", nn.Conv1d(4, 6, 3, 2, 2), SIGNAL),
    case("conv1d-same", nn.Conv1d(4, 6, 4, dilation=2, padding="same"), SIGNAL),
    case("conv1d-depthwise", nn.Conv1d(4, 4, 3, groups=4), SIGNAL),
    case(
        "convolution",
        lambda x: torch.convolution(
            x, torch.ones(2, 4, 3, 3), None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1
        ),
    ),
    case("linear", nn.Linear(8, 5), ROWS),
    case("linear-rank-3", nn.Linear(8, 5, bias=False), (2, 3, 8)),
    case("linear-rank-1", nn.Linear(8, 5), (8,)),
    case("mm-constant", lambda x: x @ torch.linspace(-1, 1, 40).view(8, 5), ROWS),
    case("constant-mm", lambda x: torch.linspace(-1, 1, 15).view(5, 3) @ x, ROWS),
    case("mm", lambda x, y: torch.mm(x, y), (3, 4), (4, 5)),
    case("bmm", lambda x, y: torch.bmm(x, y), (2, 3, 4), (2, 4, 5)),
    case("matmul-rank-4", lambda x, y: x @ y.transpose(-1, -2), (2, 3, 4, 5), (2, 3, 6, 5)),
    case("matmul-2d-activation", lambda x, y: x @ y, (2, 3, 4), (4, 5)),
    case("matmul-vector", lambda x, y: x @ y, (2, 3, 4), (4,)),
    case("addmm", lambda x: torch.addmm(torch.ones(5), x, torch.ones(8, 5)), ROWS),
    case("addmm-activation", lambda b, x, y: torch.addmm(b, x, y), (3, 5), (3, 4), (4, 5)),
    case("linear-activation", lambda x, w: F.linear(x, w), (3, 4), (5, 4)),
    case("batch-norm-2d", nn.BatchNorm2d(4)),
    case("batch-norm-plain", nn.BatchNorm2d(4, affine=False)),
    case("batch-norm-1d", nn.BatchNorm1d(4), SIGNAL),
    case("batch-norm-rows", nn.BatchNorm1d(8), ROWS),
    case("conv-norm", nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6))),
    case("linear-norm", nn.Sequential(nn.Linear(8, 5), nn.BatchNorm1d(5)), ROWS),
]
POOLING = [
    case("max", nn.MaxPool2d(2)),
    case("max-overlap", nn.MaxPool2d(3, 2, 1)),
    case("max-dilated", nn.MaxPool2d(2, 1, dilation=(2, 3))),
    case("max-ceil", nn.MaxPool2d(2, ceil_mode=True)),
    case("max-ceil-padded", nn.MaxPool2d((4, 3), (3, 2), 1, ceil_mode=True)),
    case("max-1d", nn.MaxPool1d(3, 2, 1, ceil_mode=True), SIGNAL),
    case("avg", nn.AvgPool2d(2)),
    case("avg-padded", nn.AvgPool2d(3, 2, 1)),
    case("avg-real", nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
    case("avg-ceil", nn.AvgPool2d(2, ceil_mode=True)),
    case("avg-ceil-padded", nn.AvgPool2d((4, 3), (3, 2), 1, ceil_mode=True)),
    case("avg-ceil-real", nn.AvgPool2d((4, 3), (3, 2), 1, True, count_include_pad=False)),
    case("avg-divisor", nn.AvgPool2d(3, 2, 1, divisor_override=5)),
    case("avg-1d", nn.AvgPool1d(3, 2, 1), SIGNAL),
    case("global", nn.AdaptiveAvgPool2d(1)),
    case("adaptive", nn.AdaptiveAvgPool2d((3, 7))),
    case("adaptive-uneven", nn.AdaptiveAvgPool2d((4, 3))),
    case("adaptive-1d", nn.AdaptiveAvgPool1d(3), SIGNAL),
    case("adaptive-1d-global", nn.AdaptiveAvgPool1d(1), SIGNAL),
    case("adaptive-max", nn.AdaptiveMaxPool2d((3, 1))),
    case("mean-image", lambda x: x.mean((2, 3))),
    case("mean-keep", lambda x: x.mean(-1, keepdim=True)),
    case("mean-channels", lambda x: x.mean(1)),
    case("mean-all", lambda x: x.mean()),
    case("argmax", lambda x: x.argmax(1), ROWS),
    case("argmax-keep", lambda x: F.relu6(F.max_pool2d(x, 2)).argmax(1, keepdim=True)),
    case("argmax-all", lambda x: x.argmax(), ROWS),
]
ELEMENTWISE = [
    case(
        "activations",
        lambda x: torch.cat(
            [
                f(2 * x)
                for f in (
                    torch.relu,
                    F.relu6,
                    F.hardtanh,
                    F.hardswish,
                    F.hardsigmoid,
                    F.leaky_relu,
                    torch.sigmoid,
                    torch.tanh,
                    F.silu,
                    F.gelu,
                    F.elu,
                    torch.abs,
                    torch.neg,
                    torch.exp,
                )
            ]
        ),
    ),
    case("gelu-tanh", nn.GELU("tanh")),
    case("leaky-elu", lambda x: F.leaky_relu(F.elu(x, 0.7), 0.3)),
    case("sqrt-power", lambda x: (x**2).sqrt() + x**3 + x.square() + x.abs() ** 0.5),
    case("clamp", lambda x: x.clamp(-0.5) + x.clamp(max=0.25) + x.clamp(-1, 1)),
    case("clamp-min-max", lambda x: x.clamp_min(-0.5) - x.clamp_max(0.25)),
    case("hardtanh-range", nn.Hardtanh(-2, 0.5)),
    case("scalars", lambda x: (3 - (x + 1) * 2) / 4 - 0.5),
    case("alpha", lambda x: torch.add(x, x * x, alpha=0.5) - torch.sub(x, 2, alpha=3)),
    case("rsub-alpha", lambda x: torch.rsub(x, 2.0, alpha=3)),
    case("broadcast", lambda x, y: x + y - y * x, IMAGE, (4, 1, 1)),
    case("constants", lambda x: torch.arange(7.0) * x / torch.arange(1.0, 8) - torch.ones(4, 1, 7)),
    case("softmax", lambda x: x.softmax(1) + x.softmax(-1)),
    case("log-softmax", lambda x: F.log_softmax(x, 2)),
    case("in-place", lambda x: (x * 2).relu_().add_(1).mul_(x)),
    case("folded", lambda x: x + torch.arange(4.0).view(1, 4, 1, 1).expand(1, 4, 9, 7).flip(1)),
]
LAYOUT = [
    case("flatten", lambda x: x.flatten(2).unflatten(2, (3, 21))),
    case("view", lambda x: x.view(1, 2, 2, 63).reshape(4, -1)),
    case("permute", lambda x: x.permute(0, -1, 1, 2).transpose(1, -1)),
    case("t", lambda x: x.t(), ROWS),
    case("squeeze", lambda x: x.squeeze().unsqueeze(1).squeeze(1).unsqueeze(0).squeeze((0,))),
    case("slice", lambda x: x[:, 1:3, ::2, -5:-1]),
    case("select", lambda x: x[:, 2] + x[:, -1] * x[0, 1]),
    case("narrow", lambda x: x.narrow(2, 1, 4)),
    case("split", lambda x: torch.cat(x.split(3, 1)[::-1], 1) + torch.cat(x.chunk(2, 1), 1)),
    case("split-sizes", lambda x: torch.cat(x.split([1, 3], 1)[::-1], 1)),
    case("unbind-stack", lambda x: torch.stack(x.unbind(1)[::-1], -1)),
    case("cat", lambda x, y: torch.cat([x, y, x], 1), IMAGE, (1, 2, 9, 7)),
    case("pad", lambda x: F.pad(x, (1, 2, 3, 0), value=0.5)),
    case("pad-crop", lambda x: F.pad(x, (-1, 2, 1, -3))),
    case("constant-pad", nn.ConstantPad2d(1, -2.0)),
    case("upsample", nn.Upsample(scale_factor=(2, 3))),
    case("upsample-size", lambda x: F.interpolate(x, size=(18, 7))),
    case("upsample-1d", nn.Upsample(scale_factor=2), SIGNAL),
    case("pixel-shuffle", nn.PixelShuffle(2)),
    case("nothing", nn.Sequential(nn.Identity(), nn.Dropout(), nn.Dropout2d(), nn.ReLU())),
    case("contiguous", lambda x: x.permute(0, 2, 3, 1).contiguous().clone().detach().float()),
]


ATEN = torch.ops.aten
# Spellings that programs have which other tools exported or decomposed.
OTHER_NAMES = [
    case("softmax", lambda x: ATEN._softmax(x, 1, False) + ATEN._log_softmax(x, 1, False)),
    case("adaptive", lambda x: ATEN._adaptive_avg_pool2d(x, [3, 7])),
    case("adaptive-max-1d", nn.AdaptiveMaxPool1d(1), SIGNAL),
    case(
        "convolution",
        lambda x: ATEN._convolution(
            x,
            torch.ones(2, 4, 1, 1),
            None,
            [1, 1],
            [0, 0],
            [1, 1],
            False,
            [0, 0],
            1,
            False,
            False,
            False,
            False,
        ),
    ),
    case("pad", lambda x: ATEN.constant_pad_nd(x, [1, 2], 0.5)),
    case("rsub", lambda x, y: torch.rsub(x, y), IMAGE, IMAGE),
    case("upsample", lambda x: ATEN.upsample_nearest2d(x, [18, 14])),
    case("upsample-1d", lambda x: ATEN.upsample_nearest1d(x, [22]), SIGNAL),
    case("copies", lambda x: ATEN._to_copy(ATEN.alias(x)) + 1),
    case("numpy-t", lambda x: ATEN.numpy_T(x), ROWS),
    case("view", lambda x: ATEN._unsafe_view(x, [4, 63])),
    case("split-sizes", lambda x: torch.cat(ATEN.split.sizes(x, [1, 3], 1)[::-1], 1)),
    case("expand", lambda x: x.expand(1, -1, 9, 7) + x.expand(1, *IMAGE)[0]),
]

LAYOUT_OPS = {"nn.transpose", "nn.reshape", "arith.constant"}  # allowed on top of the table


def _checked(name: str, entry: Entry) -> Entry:
    """The same converter, which fails when it writes an op that the table does not name."""

    def convert(call: Call) -> Result:
        block = ir.InsertionPoint.current.block
        before = len(list(block.operations))
        result = entry.convert(call)
        written = {op.operation.name for op in list(block.operations)[before:]}
        assert written <= LAYOUT_OPS | set(entry.emits), name
        return result

    return Entry(convert, entry.emits)


@pytest.mark.parametrize(
    ("model", "shapes"), CONVOLUTIONS + POOLING + ELEMENTWISE + LAYOUT + OTHER_NAMES
)
def test_equals_pytorch(
    model: object, shapes: tuple[tuple[int, ...], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, entry in list(TABLE.items()):
        monkeypatch.setitem(TABLE, name, _checked(name, entry))
    torch.manual_seed(3)
    module = randomize(model if isinstance(model, nn.Module) else Function(model))  # type: ignore[arg-type]
    inputs = [torch.randn(shape) for shape in shapes]
    imported = import_model(module, inputs)
    assert largest_error(imported, module, inputs) < TOLERANCE
    prepare(imported)
    assert largest_error(imported, module, inputs) < TOLERANCE


def test_the_table_is_what_supported_ops_lists() -> None:
    assert {op.name: op.becomes for op in supported_ops() if op.frontend == "pytorch"} == {
        name: entry.emits for name, entry in TABLE.items()
    }


REFUSED = [
    pytest.param(nn.ConvTranspose2d(4, 2, 2), "nn.Upsample", id="transposed"),
    pytest.param(nn.LayerNorm(7), "BatchNorm", id="layer-norm"),
    pytest.param(nn.PReLU(), "LeakyReLU", id="prelu"),
    pytest.param(nn.Upsample(scale_factor=1.5), "integer scale factor", id="upsample"),
    pytest.param(nn.Upsample(scale_factor=2, mode="bilinear"), "nearest", id="bilinear"),
    pytest.param(nn.AdaptiveMaxPool2d(4), "divides the input size", id="adaptive-max"),
    pytest.param(nn.SELU(), "nn.ELU", id="selu"),
    pytest.param(nn.ReflectionPad2d(1), "constant", id="reflect"),
    pytest.param(nn.BatchNorm2d(4, track_running_stats=False), "track", id="no-statistics"),
    pytest.param(lambda x: x / x, "divide by a constant", id="division"),
    pytest.param(lambda x: x**1.5, "exponent", id="power"),
    pytest.param(lambda x: x[:, :1].expand(1, 4, 9, 7), "broadcasting", id="expand"),
    pytest.param(lambda x: x.double().mean(), "float32", id="double"),
    pytest.param(lambda x: F.max_pool2d(x, 2, return_indices=True)[1], "tensor", id="indices"),
]


@pytest.mark.parametrize(("model", "remedy"), REFUSED)
def test_refusal_names_the_remedy(model: object, remedy: str) -> None:
    module = model if isinstance(model, nn.Module) else Function(model)  # type: ignore[arg-type]
    with pytest.raises(TinyireeError, match="cannot be imported") as caught:
        import_model(module, torch.randn(IMAGE))
    assert remedy in str(caught.value)


def test_every_refused_operation_is_listed_with_layer_and_line() -> None:
    class Several(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(7)
            self.up = nn.ConvTranspose2d(4, 2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.up(torch.cumsum(self.norm(torch.relu(x)), 1))

    with pytest.raises(TinyireeError) as caught:
        import_model(Several(), torch.randn(IMAGE))
    first, *rest = str(caught.value).splitlines()
    assert first == "Several: 3 operations cannot be imported:"
    assert ["'norm'" in rest[0], "'cumsum'" in rest[1], "'up'" in rest[2]] == [True] * 3
    assert all("test_operators.py:" in line for line in rest)
