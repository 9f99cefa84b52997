"""What is judged, decided by shapes, labels and options."""

from typing import Any

import numpy as np
import pytest

from tinyiree.emit.program import IoTensor
from tinyiree.errors import TinyireeError
from tinyiree.evaluation.score import Judge, make_judge

INPUT = np.zeros((4, 1, 6))


def output(*shape: int, dtype: str = "int8", scale: float | None = 0.5) -> IoTensor:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return IoTensor("y", shape, dtype, scale, None if scale is None else -3, size)


def judge(labels: Any, tensor: IoTensor, **options: Any) -> Judge:
    options = {"score": "auto", "inputs": [INPUT], **options}
    return make_judge(labels=np.asarray(labels), count=4, output=tensor, **options)


@pytest.mark.parametrize(
    ("labels", "tensor", "score"),
    [
        ([0, 1, 2, 0], output(1, 3), "class"),
        ([0, 1, 0, 1], output(1, 6), "reconstruction"),
        ([0, 1, 0, 1], output(1, 1), "positive"),
        ([0, 3, 0, 1], output(1, dtype="int32", scale=None), "class"),
        ([0.5, 1, 0, 1], output(1, 1), "value"),
    ],
)
def test_auto(labels: list[float], tensor: IoTensor, score: str) -> None:
    assert judge(labels, tensor).score == score


def test_the_first_of_equal_outputs_wins_on_raw_bytes() -> None:
    raw = np.array([[[5, 5, 1]], [[-9, 3, 3]], [[0, 0, 0]], [[1, 2, 3]]], np.int8)
    found, answers = judge([0, 1, 0, 2], output(1, 3)).judge(raw, 0)
    assert answers.tolist() == [0, 1, 0, 2]
    assert found.values["accuracy"] == 1


def test_the_error_of_a_reconstruction_is_in_real_numbers() -> None:
    found = judge([0, 1, 0, 1], output(1, 6), inputs=[INPUT + 1.0])
    raw = np.full((4, 1, 6), -1, np.int8)  # (-1 + 3) / 2 = 1: what went in
    raw[1] = 3  # 3: an error of 2 in every element
    assert found.scores(raw).tolist() == [0, 4, 0, 0]
    assert found.names == ("normal", "anomaly")


def test_one_output_as_a_score() -> None:
    raw = np.array([[[1, 7, 0]], [[2, 5, 0]], [[3, 9, 0]], [[4, 0, 0]]], np.int8)
    found = judge([1, 0, 1, 2], output(1, 3), score="positive", positive=1)
    assert found.scores(raw).tolist() == [5, 4, 6, 1.5]
    assert found.labels.tolist() == [1, 0, 1, 0]
    threshold, note = found.chosen_threshold(raw)
    assert threshold == 4.5
    assert "optimistic" in note
    assert found.judge(raw, threshold)[0].values["accuracy"] == 1


def test_an_index_as_output() -> None:
    raw = np.array([[0], [3], [9], [1]], np.int32)
    tensor = output(1, dtype="int32", scale=None)
    found, answers = judge([0, 3, 0, 1], tensor).judge(raw, 0)
    assert answers.tolist() == [0, 3, 3, 1]
    assert found.values["accuracy"] == 0.75


def test_names_and_the_class_to_find() -> None:
    found = judge([0, 1, 2, 0], output(1, 1), classes=("a", "b", "c"), positive="b")
    assert found.names == ("not b", "b")
    assert found.labels.tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("labels", "tensor", "options", "message"),
    [
        ([0, 1, 2, 0], output(1, 3), {"classes": ("a", "b")}, "class names: expected 3"),
        ([0, 1, 2, 0], output(1, 3), {"score": "positive"}, "expected --positive CLASS, one of 0,"),
        ([0, 1, 2, 0], output(1, 3), {"positive": "z"}, "--positive z: expected a class, one of"),
        ([0, 1, 2, 0], output(1, 3), {"score": "reconstruction"}, "3 outputs for 1 inputs of 6"),
        ([0, 1, 2, 0], output(1, 1), {}, "found 3 classes; name the class to find"),
        ([0, 1, 1, 0], output(1, 3), {"threshold": 0.5}, "no use for --score class"),
        ([0.5, 1, 1, 0], output(1, 3), {}, "4 rows of 3 numbers"),
    ],
)
def test_what_does_not_fit(
    labels: list[float], tensor: IoTensor, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TinyireeError, match=message):
        judge(labels, tensor, **options)


def test_no_threshold_from_one_kind() -> None:
    found = judge([0, 0, 0, 0], output(1, 1))
    with pytest.raises(TinyireeError, match="give samples of both, or --threshold"):
        found.chosen_threshold(np.zeros((4, 1, 1), np.int8))
    given = judge([0, 0, 0, 0], output(1, 1), threshold=2.5)
    assert given.chosen_threshold(np.zeros((4, 1, 1), np.int8)) == (2.5, "threshold as given")
