"""Samples in and out: what is taken, what is refused and how."""

from pathlib import Path

import numpy as np
import pytest

from tinyiree.emit.program import IoTensor
from tinyiree.errors import TinyireeError
from tinyiree.tensors import by_input, dequantize, encode, pack, read_npz, unpack

IMAGE = IoTensor("image", (1, 2, 2), "int8", 0.5, -3, 4)
RAW = IoTensor("ids", (1, 2), "int8", None, None, 2)
FLOAT = IoTensor("state", (1, 2), "float32", None, None, 8)


def test_floats_are_quantized_with_the_input_s_parameters() -> None:
    raw = encode(np.array([[[0.0, 0.25], [0.75, 1000.0]]]), IMAGE, "X")
    # Half-way values go to the even neighbour: 0.25 / 0.5 = 0.5 -> 0, 0.75 / 0.5 = 1.5 -> 2.
    assert raw.tolist() == [[[[-3, -3], [-1, 127]]]]
    assert raw.dtype == np.int8


def test_integers_are_raw() -> None:
    raw = encode(np.array([[[-128, 0], [5, 127]]], np.int64), IMAGE, "X")
    assert raw.tolist() == [[[[-128, 0], [5, 127]]]]


@pytest.mark.parametrize("shape", [(3, 2, 2), (3, 1, 2, 2)])
def test_the_batch_axis_may_be_there_or_not(shape: tuple[int, ...]) -> None:
    assert encode(np.zeros(shape, np.int8), IMAGE, "X").shape == (3, 1, 2, 2)


@pytest.mark.parametrize(
    ("array", "tensor", "message"),
    [
        (np.zeros((3, 5)), IMAGE, r"shape \[5\], expected \[2, 2\]"),
        (np.full((1, 2, 2), np.nan), IMAGE, "contains NaN"),
        (np.full((1, 2, 2), 200), IMAGE, "values from 200 to 200"),
        (np.zeros((1, 2)), RAW, "without a scale"),
        (np.zeros((1, 2), np.int8), FLOAT, "give floats"),
        (np.array([[["a", "b"], ["c", "d"]]]), IMAGE, "expected integers or floats"),
    ],
)
def test_refused(array: np.ndarray, tensor: IoTensor, message: str) -> None:
    with pytest.raises(TinyireeError, match=message):
        encode(array, tensor, "X.npz")


def test_float_inputs_of_float_models_pass() -> None:
    assert encode(np.ones((4, 2)), FLOAT, "X").dtype == np.float32


def test_by_input_takes_x_for_a_single_input() -> None:
    assert list(by_input({"x": np.zeros((1, 1))}, ["image"], "X")) == ["image"]
    assert list(by_input({"image": np.zeros((1, 1))}, ["image"], "X")) == ["image"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.zeros((1, 1))}, "no array for input a, b; it holds z"),
        ({"a": np.zeros((2, 1)), "b": np.zeros((3, 1))}, "a: 2, b: 3"),
        ({"a": np.zeros((0, 1)), "b": np.zeros((0, 1))}, "'a' is empty"),
    ],
)
def test_by_input_refuses(arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(TinyireeError, match=message):
        by_input(arrays, ["a", "b"], "X.npz")


def test_read_npz_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(TinyireeError, match="no such file"):
        read_npz(tmp_path / "absent.npz")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(TinyireeError, match=r"broken\.npz is not a readable"):
        read_npz(broken)
    np.save(tmp_path / "single.npy", np.zeros(3))
    with pytest.raises(TinyireeError, match=r"single\.npy is not a readable"):
        read_npz(tmp_path / "single.npy")
    np.savez(tmp_path / "empty.npz")
    with pytest.raises(TinyireeError, match="holds no arrays"):
        read_npz(tmp_path / "empty.npz")


def test_read_npz_refuses_pickles(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", x=np.array([{}], object), allow_pickle=True)
    with pytest.raises(TinyireeError, match="not a readable"):
        read_npz(tmp_path / "p.npz")


def test_bytes_round_trip() -> None:
    a = np.arange(-4, 4, dtype=np.int8).reshape(2, 1, 2, 2)
    b = np.array([[[1.5, -2.5]], [[3.0, 4.0]]], np.float32)
    outputs = unpack(pack([a, b], 1), [IMAGE, FLOAT])
    assert outputs[0].tobytes() == a[1].tobytes()
    assert outputs[1].tobytes() == b[1].tobytes()


def test_dequantize() -> None:
    assert dequantize(np.array([-3, 0], np.int8), IMAGE).tolist() == [0.0, 1.5]
    assert dequantize(np.array([7], np.int8), RAW).tolist() == [7.0]
