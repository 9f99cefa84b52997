"""What a model becomes, and what is said about one that cannot be imported."""

from pathlib import Path

import cases
import numpy as np
import pytest
from builder import ModelBuilder
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model
from tinyiree.ir import access


def relu_model(b: ModelBuilder, **output: object) -> bytes:
    x = b.tensor("serving_default_x:0", (1, 4), scale=0.5, zero_point=3)
    y = b.tensor("net/act/Relu", (1, 4), scale=0.5, zero_point=3)
    b.op("RELU", [x], [y])
    return b.finish([x], [y])


def test_names_edges_and_locations(tmp_path: Path) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(relu_model(ModelBuilder()))
    module = import_model(path)
    assert access.is_integer_program(module)
    (op,) = access.named(module, "qnn.clamp")
    assert access.layer_name(op) == "act"
    assert access.source_line(op) == "small.tflite:0"
    with module.context:
        name = access.argument_attribute(module, 0, "tiny.name")
        scale = access.result_attribute(module, 0, "tiny.scale")
        zero_point = access.argument_attribute(module, 0, "tiny.zero_point")
    assert ir.StringAttr(name).value == "x"
    assert ir.FloatAttr(scale).value == 0.5
    assert ir.IntegerAttr(zero_point).value == 3


def test_a_float_model_is_no_integer_program() -> None:
    b = ModelBuilder()
    x, y = b.tensor("x", (1, 4), "float32"), b.tensor("y", (1, 4), "float32")
    b.op("RELU", [x], [y])
    module = cases.import_bytes(b.finish([x], [y]))
    assert not access.is_integer_program(module)


def test_float_parts_of_an_integer_model_stay_float() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1, 4), scale=0.5)
    f, g = b.tensor("f", (1, 4), "float32"), b.tensor("g", (1, 4), "float32")
    b.op("DEQUANTIZE", [x], [f])
    b.op("SOFTMAX", [f], [g], ("SoftmaxOptions", {"beta": 1.0}))
    module = cases.import_bytes(b.finish([x], [g]))
    (op,) = access.named(module, "nn.softmax")
    assert "tiny.keep_float" in op.attributes


def refusal(b: ModelBuilder, inputs: list[int], outputs: list[int], **more: int) -> str:
    with pytest.raises(TinyireeError) as error:
        cases.import_bytes(b.finish(inputs, outputs, **more))
    return str(error.value)


def test_everything_unsupported_is_listed_at_once() -> None:
    b = ModelBuilder()
    shape = (1, 4)
    x, a, c, d, e = (b.tensor(name, shape, scale=0.5) for name in "xacde")
    b.op("WHILE", [x], [a])
    b.op("CUSTOM", [a], [c], custom="MyFilter")
    b.op("RELU", [x], [d], version=9)
    b.op("SOFTMAX", [d], [e], ("SoftmaxOptions", {"beta": 1.0}))
    b.op("RFFT2D", [e], [b.tensor("y", shape, scale=0.5)])
    text = refusal(b, [x], [c])
    assert "case.tflite: 4 things cannot be imported" in text
    assert "operator 0 WHILE (x -> a): not supported; unroll the loop" in text
    assert "operator 1 MyFilter (a -> c): a custom operator" in text
    assert "operator 2 RELU (x -> d): version 9, expected at most 3" in text
    assert "operator 4 RFFT2D (e -> y): not supported; rewrite" in text
    # What reads a tensor that could not be made is not to blame.
    assert "SOFTMAX" not in text


def test_missing_quantization_parameters() -> None:
    b = ModelBuilder()
    x, y = b.tensor("x", (1, 4)), b.tensor("y", (1, 4))
    b.op("RELU", [x], [y])
    text = refusal(b, [x], [y])
    assert "operator 0 RELU (x -> y): 'x' (int8[1, 4]) has no quantization parameters" in text
    assert "representative data set" in text


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        ({"dtype": "int4", "scale": 0.5}, "is int4, which is not supported yet"),
        ({"scale": 0.5, "sparse": True}, "is sparse"),
        ({"scale": 0.5, "signature": (1, -1)}, "has the dynamic shape [1, -1]"),
        ({"dtype": "float16", "scale": 0.5}, "is float16, expected float32 or int8"),
    ],
)
def test_tensors_that_cannot_be_used(tensor: dict[str, object], expected: str) -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1, 4), **tensor)  # type: ignore[arg-type]
    y = b.tensor("y", (1, 4), scale=0.5)
    b.op("RELU", [x], [y])
    text = refusal(b, [x], [y])
    assert "input 0 'x'" in text
    assert expected in text


def test_an_unknown_batch_is_one() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1, 4), scale=0.5, signature=(-1, 4))
    y = b.tensor("y", (1, 4), scale=0.5, signature=(-1, 4))
    b.op("RELU", [x], [y])
    module = cases.import_bytes(b.finish([x], [y]))
    assert access.shape(access.main_block(module).arguments[0]) == (1, 4)


def test_several_subgraphs() -> None:
    b = ModelBuilder()
    x, y = b.tensor("x", (1, 4), scale=0.5), b.tensor("y", (1, 4), scale=0.5)
    b.op("IF", [x], [y])
    text = refusal(b, [x], [y], subgraphs=3)
    assert "expected one subgraph, found 3 (the model uses IF)" in text


def test_weights_that_are_computed() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1, 4), scale=0.5)
    w = b.tensor("w", (2, 4), scale=0.5)
    y = b.tensor("y", (1, 2), scale=0.5)
    b.op("FULLY_CONNECTED", [x, w, -1], [y], ("FullyConnectedOptions", {}))
    text = refusal(b, [x, w], [y])
    assert "the weights, 'w' (int8[2, 4]), is computed at run time" in text


def test_shapes_that_disagree() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1, 4, 4, 2), scale=0.5)
    w = b.constant("w", np.ones((3, 1, 1, 2), np.int8), scale=0.5)
    bias = b.constant("b", np.zeros(3, np.int32), scale=0.25)
    y = b.tensor("y", (1, 5, 4, 3), scale=0.5)
    options = {"stride_h": 1, "stride_w": 1}
    b.op("CONV_2D", [x, w, bias], [y], ("Conv2DOptions", options))
    text = refusal(b, [x], [y])
    assert "an output of shape [1, 5, 4, 3], expected [1, 4, 4, 3]" in text
