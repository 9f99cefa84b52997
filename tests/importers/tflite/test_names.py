import pytest

from tinyiree.importers.tflite.names import Names, edge_name, layer_name


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        ("model/conv2d_3/Relu;model/conv2d_3/BiasAdd;x", "conv2d_3"),
        ("functional_1/dense/BiasAdd", "dense"),
        ("StatefulPartitionedCall:0", "StatefulPartitionedCall"),
        ("Relu", "Relu"),
        ("a b/ö", "layer"),
        ("", "layer"),
    ],
)
def test_layer_name(tensor: str, expected: str) -> None:
    assert layer_name(tensor) == expected


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        ("serving_default_input_1:0", "input_1"),
        ("model/dense/Softmax", "Softmax"),
        ("0", "input_0"),
        ("!", "input"),
    ],
)
def test_edge_name(tensor: str, expected: str) -> None:
    assert edge_name(tensor, "input") == expected


def test_names_are_given_once() -> None:
    names = Names()
    assert [names.unique(n) for n in ("a", "a", "a_1", "a")] == ["a", "a_1", "a_1_1", "a_2"]
