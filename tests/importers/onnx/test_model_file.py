"""Files that cannot be used: one message each, and no other error whatever the bytes are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import model_of, save

from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model
from tinyiree.importers.onnx import model_file

Edit = Callable[[onnx.ModelProto], object]


def relu(**options: object) -> onnx.ModelProto:
    nodes = [helper.make_node("Relu", ["x"], ["y"], name="act")]
    return model_of(nodes, {"x": (1, 4)}, ["y"], **options)  # type: ignore[arg-type]


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(TinyireeError) as caught:
        import_model(path, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def external(path: Path) -> onnx.ModelProto:
    """A model whose weights lie in `weights.bin`."""
    constants = {"w": np.ones((4, 64), np.float32)}
    model = model_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": (1, 4)}, ["y"], constants
    )
    onnx.save_model(
        model, path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    return onnx.load(path, load_external_data=False)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", b"\x08\x07", bytes(range(256)), relu().SerializeToString()[:-9]],
    ids=["empty", "text", "header", "noise", "cut"],
)
def test_damaged_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert "export it again" in refusal(path)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "SIZE_LIMIT", 2**20)
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate(3 * 2**20)
    assert "has 3 MiB with its external data, expected at most 1 MiB" in refusal(path)
    external(path)
    with (tmp_path / "weights.bin").open("ab") as file:
        file.truncate(5 * 2**20)
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].external_data[2].value = str(4 * 2**20)
    assert "has 4 MiB" in refusal(save(model, path))


@pytest.mark.parametrize("version", [12, 99])
def test_opset(version: int, tmp_path: Path) -> None:
    message = refusal(save(relu(opset=version), tmp_path / "model.onnx"))
    assert f"the model is of opset {version}, expected 13 to" in message


def test_external_data_is_missing(tmp_path: Path) -> None:
    external(tmp_path / "model.onnx")
    (tmp_path / "weights.bin").unlink()
    message = refusal(tmp_path / "model.onnx")
    assert f"'weights.bin' of tensor 'w' is missing; put it into {tmp_path}" in message


def test_external_data_is_cut(tmp_path: Path) -> None:
    external(tmp_path / "model.onnx")
    (tmp_path / "weights.bin").write_bytes(b"short")
    assert "has 5 bytes, expected 1024 for tensor 'w'" in refusal(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("location", "../weights.bin", "expected a file beside the model"),
        ("location", "/etc/hostname", "expected a file beside the model"),
        ("offset", "-8", "says wrongly where its data is"),
        ("length", "many", "says wrongly where its data is"),
        ("length", "8", "export it again"),
    ],
)
def test_external_data_that_is_said_wrongly(
    key: str, value: str, expected: str, tmp_path: Path
) -> None:
    model = external(tmp_path / "model.onnx")
    for entry in model.graph.initializer[0].external_data:
        if entry.key == key:
            entry.value = value
    assert expected in refusal(save(model, tmp_path / "model.onnx"))


def set_type(code: int) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.elem_type = code
        model.graph.output[0].type.tensor_type.elem_type = code

    return edit


def remove_shape(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (
            set_type(TensorProto.FLOAT16),
            "float16 in 'x' and 1 others: convert the model to float32",
        ),
        (set_type(TensorProto.INT8), "input 'x' has the element type si8, expected float32"),
        (set_type(TensorProto.DOUBLE), "input 'x' has the element type f64, expected float32"),
        (remove_shape, "input 'x' has no shape, expected a static one"),
        (lambda m: m.graph.node[0].input.append("lost"), "not a valid ONNX model"),
        (lambda m: m.graph.node[0].ClearField("op_type"), "not a valid ONNX model"),
        (lambda m: setattr(m.graph.node[0], "op_type", "Rleu"), "not a valid ONNX model"),
        (lambda m: m.opset_import.pop(), "a file without a graph"),
        (lambda m: setattr(m.graph.node[0], "domain", "lab"), "not a valid ONNX model"),
    ],
)
def test_models_that_cannot_be_used(edit: Edit, expected: str, tmp_path: Path) -> None:
    model = relu()
    edit(model)
    assert expected in refusal(save(model, tmp_path / "model.onnx"))


def test_narrow_types_are_listed(tmp_path: Path) -> None:
    scale = np.array(0.1, np.float32)
    model = model_of(
        [
            helper.make_node("QuantizeLinear", ["x", "s"], ["q"], output_dtype=TensorProto.INT4),
            helper.make_node("DequantizeLinear", ["q", "s"], ["r"]),
            helper.make_node(
                "QuantizeLinear", ["r", "s"], ["p"], output_dtype=TensorProto.FLOAT8E5M2
            ),
            helper.make_node("DequantizeLinear", ["p", "s"], ["y"]),
        ],
        {"x": (1, 4)},
        ["y"],
        {"s": scale},
        opset=21,
    )
    message = refusal(save(model, tmp_path / "model.onnx"))
    assert "int4 in 'q': quantize to 8 bits" in message
    assert "float8e5m2 in 'p': quantize to 8 bits" in message


def open_batch(extent: object = "batch") -> onnx.ModelProto:
    nodes = [helper.make_node("Reshape", ["x", "s"], ["y"])]
    constants = {"s": np.array([2, 6], np.int64)}
    return model_of(nodes, {"x": (extent, 4, 3)}, ["y"], constants)  # type: ignore[dict-item]


def test_dynamic_shapes(tmp_path: Path) -> None:
    path = save(open_batch(), tmp_path / "model.onnx")
    message = refusal(path)
    assert "input 'x' has the dynamic shape [batch,4,3], expected a static one" in message
    assert "such as --input-shape 1,4,3" in message
    import_model(path, input_shapes=[(1, 4, 3)])
    assert "has the shape [batch,4,3] in the file, found [1,3,4]" in refusal(
        path, input_shapes=[(1, 3, 4)]
    )
    assert "positive extents" in refusal(path, input_shapes=[(0, 4, 3)])
    assert "2 input shapes for 1 inputs (x)" in refusal(path, input_shapes=[(1,), (2,)])
    assert "cannot be imported" in refusal(path, input_shapes=[(2, 4, 3)])


def test_shapes_that_do_not_fit(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    model = model_of(nodes, {"x": ("batch", 4)}, ["y"], {"w": np.ones((5, 2), np.float32)})
    message = refusal(save(model, tmp_path / "model.onnx"), input_shapes=[(1, 4)])
    assert "its shapes and attributes do not fit together: (op_type:MatMul" in message


def test_texts_that_are_not_utf_8(tmp_path: Path) -> None:
    nodes = [helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[1], auto_pad=b"SAM\xf4")]
    model = model_of(nodes, {"x": (1, 2, 4)}, ["y"])
    assert "names that are not UTF-8" in refusal(save(model, tmp_path / "model.onnx"))


def test_a_split_into_more_parts_than_it_has_outputs(tmp_path: Path) -> None:
    nodes = [helper.make_node("Split", ["x"], ["y"], name="cut", num_outputs=2**40)]
    path = save(model_of(nodes, {"x": (4, 4)}, ["y"]), tmp_path / "model.onnx")
    assert "Split 'cut' has 1 outputs, expected 1099511627776" in refusal(path)
