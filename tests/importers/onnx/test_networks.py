"""Whole float networks from both exporters against onnxruntime, before and after layout."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from networks import count, prepare
from onnx_models import NETWORKS, export, lively, model_of, run, save

from tinyiree.importers import import_model
from tinyiree.ir import access
from tinyiree.ir.interpret import interpret

TOLERANCE = 1e-4


def samples(path: Path, number: int = 3) -> list[list[np.ndarray]]:
    model = onnx.load(path, load_external_data=False)
    generator = np.random.default_rng(0)
    shapes = [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input]
    return [
        [generator.standard_normal(shape).astype(np.float32) for shape in shapes]
        for _ in range(number)
    ]


def check(path: Path) -> None:
    module = import_model(path)
    for _ in range(2):
        for inputs in samples(path):
            for found, wanted in zip(interpret(module, inputs), run(path, inputs), strict=True):
                np.testing.assert_allclose(found, wanted, atol=TOLERANCE, rtol=TOLERANCE)
        prepare(module)


@pytest.mark.parametrize("dynamo", [False, True], ids=["classic", "dynamo"])
@pytest.mark.parametrize("name", NETWORKS)
def test_equals_onnxruntime(name: str, dynamo: bool, tmp_path: Path) -> None:
    make, shape = NETWORKS[name]
    check(export(lively(make()), [torch.randn(shape)], tmp_path / "model.onnx", dynamo))


@pytest.mark.parametrize("opset", [13, 17, 20])
def test_opsets(opset: int, tmp_path: Path) -> None:
    """Axes move from attributes to inputs, GELU and HardSwish become operators."""
    for name in ("residual", "attention"):
        make, shape = NETWORKS[name]
        check(export(lively(make()), [torch.randn(shape)], tmp_path / f"{name}.onnx", opset=opset))


def test_batch_norm_may_stay_apart(tmp_path: Path) -> None:
    make, shape = NETWORKS["residual"]
    path = export(
        lively(make()),
        [torch.randn(shape)],
        tmp_path / "m.onnx",
        do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE,
    )
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    module = import_model(path)
    assert count(module, "nn.batch_norm") == kinds.count("BatchNormalization") == 3
    check(path)
    assert count(prepare(module), "nn.batch_norm") == 0


def test_channels_last_after_the_layout_pass(tmp_path: Path) -> None:
    make, shape = NETWORKS["residual"]
    module = import_model(export(lively(make()), [torch.randn(shape)], tmp_path / "model.onnx"))
    assert count(module, "nn.transpose") > 4
    assert count(prepare(module), "nn.transpose") == 1


def test_linear_layers_of_rank_three_take_their_bias(tmp_path: Path) -> None:
    """Exporters write MatMul and Add."""
    make, shape = NETWORKS["attention"]
    path = export(lively(make()), [torch.randn(shape)], tmp_path / "model.onnx")
    assert "Gemm" not in {node.op_type for node in onnx.load(path).graph.node}
    module = import_model(path)
    layers = list(access.named(module, "nn.fully_connected"))
    assert [len(op.operands) for op in layers] == [3, 3, 3]
    functions = [access.string(op, "fn") for op in access.named(module, "nn.unary")]
    assert sorted(functions) == ["gelu", "silu"]


@pytest.mark.parametrize("opset", [17, 20])
def test_gelu_in_parts_and_whole(opset: int, tmp_path: Path) -> None:
    path = export(torch.nn.GELU(), [torch.randn(2, 8)], tmp_path / "m.onnx", opset=opset)
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert ("Erf" in kinds) == (opset == 17)
    (op,) = access.named(import_model(path), "nn.unary")
    assert access.string(op, "fn") == "gelu"
    check(path)


def test_external_data(tmp_path: Path) -> None:
    make, shape = NETWORKS["plain"]
    whole = export(lively(make()), [torch.randn(shape)], tmp_path / "whole.onnx")
    path = tmp_path / "model.onnx"
    onnx.save_model(
        onnx.load(whole), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    assert path.stat().st_size < whole.stat().st_size / 2
    check(path)


def test_names_and_locations(tmp_path: Path) -> None:
    nodes = [
        onnx.helper.make_node("Relu", ["image.1"], ["a"], name="/block/Relu"),
        onnx.helper.make_node("Sigmoid", ["a"], ["b"]),
        onnx.helper.make_node("Tanh", ["b"], ["scores::7"], name="/block/Relu"),
    ]
    model = model_of(nodes, {"image.1": (1, 4)}, ["scores::7"])
    module = import_model(save(model, tmp_path / "net.onnx"))
    ops = access.operations(module)[:-1]
    assert [access.layer_name(op) for op in ops] == ["/block/Relu", "Sigmoid_1", "/block/Relu_2"]
    assert [access.source_line(op) for op in ops] == ["net.onnx:0", "net.onnx:1", "net.onnx:2"]
    assert str(access.argument_attribute(module, 0, "tiny.name")) == '"image.1"'
    assert str(access.result_attribute(module, 0, "tiny.name")) == '"scores::7"'


def test_an_open_batch_is_set_by_the_input_shape(tmp_path: Path) -> None:
    make, shape = NETWORKS["residual"]
    fixed = export(lively(make()), [torch.randn(shape)], tmp_path / "fixed.onnx")
    path = export(
        lively(make()),
        [torch.randn(shape)],
        tmp_path / "open.onnx",
        input_names=["x"],
        dynamic_axes={"x": {0: "batch"}},
    )
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    (found,) = interpret(import_model(path, input_shapes=[shape]), [x])
    np.testing.assert_allclose(found, run(fixed, [x])[0], atol=TOLERANCE)
