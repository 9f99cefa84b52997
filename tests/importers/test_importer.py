"""The kinds of models, names, locations, and what is said about models that cannot be used."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from iree.compiler import ir
from networks import SAMPLES, count, expected, largest_error, prepare, randomize
from torch import nn

from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model
from tinyiree.ir.access import (
    argument_attribute,
    layer_name,
    main_block,
    operations,
    result_attribute,
    shape,
    source_line,
)
from tinyiree.ir.interpret import interpret

SHAPE = (1, 3, 8, 8)
MODEL = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.act = nn.ReLU()
        self.fc = nn.Linear(4, 40)

    def forward(self, image):
        y = self.act(self.stem(image))
        y = self.act(y + 1)
        return self.fc(y.mean((2, 3)))

class Ready(Net):
    example_inputs = (torch.zeros(1, 3, 8, 8),)

def ready():
    return Ready()

def broken():
    raise ValueError("no weights here")

number = 3
net = Net()
"""


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return path


def load(path: Path) -> nn.Module:
    space: dict[str, object] = {"__name__": "model"}
    exec(compile(path.read_text(), str(path), "exec"), space)
    torch.manual_seed(0)
    model = space["Net"]()  # type: ignore[operator]
    assert isinstance(model, nn.Module)
    return randomize(model)


def refusal(model: object, *arguments: object, **options: object) -> str:
    with pytest.raises(TinyireeError) as caught:
        import_model(model, *arguments, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "Traceback" not in message
    return message


@pytest.mark.parametrize("name", ["Ready", "ready"])
def test_python_file(model_file: Path, name: str) -> None:
    module = import_model(f"{model_file}:{name}")
    assert shape(main_block(module).arguments[0]) == SHAPE


def test_input_shapes_stand_for_example_inputs(model_file: Path) -> None:
    module = import_model(f"{model_file}:net", input_shapes=[(2, 3, 6, 6)])
    assert shape(main_block(module).arguments[0]) == (2, 3, 6, 6)


def test_layer_names_and_lines(model_file: Path) -> None:
    module = import_model(load(model_file), torch.zeros(SHAPE))
    prepare(module)
    found = {layer_name(op): source_line(op) for op in operations(module)[1:-1]}
    lines = {"stem.0": 13, "act": 13, "add": 14, "act_1": 14, "mean": 15, "fc": 15}
    wanted = {layer: f"{model_file}:{line}" for layer, line in lines.items()}
    assert {k: v for k, v in found.items() if k != "image"} == wanted


def test_input_and_output_names() -> None:
    class Two(nn.Module):
        def forward(self, left: torch.Tensor, right: torch.Tensor) -> object:
            return {"sum": left + right, "parts": (left * 2, right * 3)}

    module = import_model(Two(), [torch.zeros(2), torch.zeros(2)])
    arguments = [str(argument_attribute(module, i, "tiny.name")) for i in range(2)]
    results = [str(result_attribute(module, i, "tiny.name")) for i in range(3)]
    assert arguments == ['"left"', '"right"']
    assert results == ['"sum"', '"parts_0"', '"parts_1"']


def test_several_results_without_names() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x + 1, x

    module = import_model(Two(), torch.zeros(2))
    assert [str(result_attribute(module, i, "tiny.name")) for i in range(2)] == [
        '"output0"',
        '"output1"',
    ]


def test_pt2_keeps_names_lines_and_numbers(model_file: Path, tmp_path: Path) -> None:
    model, x = load(model_file), torch.randn(SHAPE)
    torch.export.save(torch.export.export(model, (x,)), tmp_path / "net.pt2")
    module = import_model(tmp_path / "net.pt2")
    assert largest_error(module, model, [x]) < 1e-4
    assert {"stem.0", "stem.1", "act", "fc"} <= {layer_name(op) for op in operations(module)}
    convolution = next(op for op in operations(module) if op.name == "nn.conv2d")
    assert source_line(convolution) == f"{model_file}:13"


def test_exported_program(model_file: Path) -> None:
    model, x = load(model_file), torch.randn(SHAPE)
    assert largest_error(import_model(torch.export.export(model, (x,))), model, [x]) < 1e-4


def test_torch_dialect_text(model_file: Path, tmp_path: Path) -> None:
    from iree.turbine import aot

    model, x = load(model_file), torch.randn(SHAPE)
    aot.export(torch.export.export(model, (x,))).save_mlir(tmp_path / "net.mlir")
    module = import_model(tmp_path / "net.mlir")
    assert largest_error(module, model, [x]) < 1e-4
    names = [layer_name(op) for op in operations(module) if op.name.startswith("nn.clamp")]
    assert names == ["relu", "relu_1"]


def test_normal_form_text(model_file: Path, tmp_path: Path) -> None:
    model, x = load(model_file), torch.randn(SHAPE)
    text = import_model(model, x).operation.get_asm(enable_debug_info=True)
    (tmp_path / "net.mlir").write_text(text)
    again = import_model(tmp_path / "net.mlir")
    assert largest_error(again, model, [x]) < 1e-4
    assert again.operation.get_asm(enable_debug_info=True) == text


@pytest.mark.parametrize("sample", ["digits", "mnist"])
def test_samples(sample: str) -> None:
    module = import_model(f"{SAMPLES}/{sample}/model.py:{sample}")
    prepare(module)
    assert count(module, "nn.transpose", "nn.batch_norm") == 0


def test_the_module_keeps_its_mode(model_file: Path) -> None:
    model = load(model_file).train()
    import_model(model, torch.zeros(SHAPE))
    assert all(part.training for part in model.modules())


def test_a_layer_may_be_called_code() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.code = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.code(x)

    model, x = Net(), torch.randn(2, 3)
    assert largest_error(import_model(model, x), model, [x]) < 1e-5


def test_large_and_shared_parameters() -> None:
    """iree-turbine makes globals of large tensors; one that is used twice is loaded twice."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(70, 70) / 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = nn.functional.linear(x, self.weight)
            return nn.functional.linear(y, self.weight)

    model, x = Tied(), torch.randn(1, 70)
    assert largest_error(import_model(model, x), model, [x]) < 1e-4


def test_an_output_that_is_a_constant_or_an_input() -> None:
    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x, torch.arange(3)

    found = interpret(import_model(Net(), torch.ones(2)), [np.ones(2, np.float32)])
    np.testing.assert_array_equal(found[0], np.ones(2))
    np.testing.assert_array_equal(found[1], expected(Net(), [torch.ones(2)])[1])


# What cannot be used.


def test_missing_files(tmp_path: Path) -> None:
    for name in ("model.py:Net", "model.pt2", "model.onnx", "model.mlir"):
        assert "no such file" in refusal(f"{tmp_path}/{name}")


@pytest.mark.parametrize("name", ["model.h5", "model", "model.py"])
def test_unknown_kinds(name: str) -> None:
    assert name in refusal(name)


def test_wrong_names_in_a_file(model_file: Path) -> None:
    message = refusal(f"{model_file}:net2")
    assert "did you mean 'net'?" in message
    assert "Ready" in message
    assert "found int" in refusal(f"{model_file}:number")
    assert "no weights here" in refusal(f"{model_file}:broken")


def test_files_that_fail(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("import nothing_like_this\n")
    assert "ModuleNotFoundError" in refusal(f"{path}:net")
    path = tmp_path / "worse.py"
    path.write_text("def net(:\n")
    assert "SyntaxError" in refusal(f"{path}:net")


def test_no_example_inputs(model_file: Path) -> None:
    assert "--input-shape" in refusal(f"{model_file}:net")
    assert "positive extents" in refusal(f"{model_file}:net", input_shapes=[(1, -3, 8, 8)])


def test_wrong_inputs(model_file: Path) -> None:
    message = refusal(f"{model_file}:net", input_shapes=[(1, 4, 8, 8)])
    assert "[1, 4, 8, 8]" in message
    assert "expected input[1, 4, 8, 8] to have 3 channels" in message
    assert "torch.int64" in refusal(load(model_file), torch.zeros(SHAPE, dtype=torch.int64))
    assert "expected a tensor" in refusal(load(model_file), [3])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floats(model_file: Path, dtype: torch.dtype) -> None:
    assert "convert the model with .float()" in refusal(
        load(model_file).to(dtype), torch.zeros(SHAPE, dtype=dtype)
    )


def test_damaged_pt2(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    path.write_bytes(b"not a program")
    assert "torch.export.load refuses" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("something", "else")
    assert "torch.export.load refuses" in refusal(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("func.func @main(", "not valid MLIR"),
        ("\xff\xfe", "cannot be read as text"),
        ("module {}", "one function of one block, found 0"),
        (
            "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n"
            '  %y = "tosa.exp"(%x) : (tensor<2xf32>) -> tensor<2xf32>\n'
            "  return %y : tensor<2xf32>}",
            "found the dialects tosa",
        ),
        (
            "func.func @main(%x: !torch.vtensor<[?,2],f32>) -> !torch.vtensor<[?,2],f32> {\n"
            "  %y = torch.aten.relu %x : !torch.vtensor<[?,2],f32> -> !torch.vtensor<[?,2],f32>\n"
            "  return %y : !torch.vtensor<[?,2],f32>}",
            "dynamic shape",
        ),
        (
            "func.func @main(%x: !torch.vtensor<[2],f16>) -> !torch.vtensor<[2],f16> {\n"
            "  %y = torch.aten.relu %x : !torch.vtensor<[2],f16> -> !torch.vtensor<[2],f16>\n"
            "  return %y : !torch.vtensor<[2],f16>}",
            "element type f16, expected float32",
        ),
    ],
)
def test_unusable_mlir(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "net.mlir"
    path.write_bytes(text.encode("latin-1"))
    assert reason in refusal(path)


def test_weights_that_were_left_out(model_file: Path, tmp_path: Path) -> None:
    from iree.turbine import aot

    program = torch.export.export(load(model_file), (torch.zeros(SHAPE),))
    text = aot.export(program).mlir_module.get_asm()
    path = tmp_path / "net.mlir"
    path.write_text(text.replace('"0x04000000', '"0x04000000"', 1).split("{-#")[0])
    assert "save the module again with all resources" in refusal(path)


def test_models_that_do_not_export() -> None:
    class Branches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1 if x.sum() > 0 else x - 1

    assert "must not branch" in refusal(Branches(), torch.zeros(2))


def test_dynamic_shapes_and_state(tmp_path: Path) -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen += 1
            return x + self.seen

    counter = Counter()
    counter.seen = counter.seen.to(torch.int64)
    text = refusal(counter, torch.zeros(2))
    assert "forward changes seen, which is torch.int64; expected state of torch.float32" in text
    dynamic = torch.export.export(
        nn.ReLU(), (torch.zeros(2, 3),), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )
    assert "dynamic shapes" in refusal(dynamic)


def test_objects_of_other_types() -> None:
    assert "a model of type int" in refusal(3)


def test_contexts_are_separate() -> None:
    one, two = (import_model(nn.ReLU(), torch.zeros(2)) for _ in range(2))
    assert isinstance(one.context, ir.Context)
    assert one.context != two.context
