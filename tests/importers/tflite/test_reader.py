"""Files: what the reader finds in them, and that a damaged one is one clear error."""

import os
import resource
from pathlib import Path

import cases
import numpy as np
import pytest
from builder import ModelBuilder

from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model
from tinyiree.importers.tflite import reader
from tinyiree.importers.tflite.reader import parse_model, read_model
from tinyiree.ir import build

PATH = Path("m.tflite")
MUTATIONS = int(os.environ.get("TINYIREE_FUZZ_FILES", "1000"))


def seed_file() -> bytes:
    """A small model of several operators."""
    rng = np.random.default_rng(3)
    b = ModelBuilder()
    made = [
        cases.convolution(b, rng, depthwise=False),
        cases.convolution(b, rng, depthwise=True),
        cases.fully_connected(b, rng),
        cases.reshape(b, rng),
        cases.add(b, rng),
        cases.softmax(b, rng),
        cases.mean(b, rng),
        cases.concatenation(b, rng),
    ]
    inputs = [i for case in made for i in case.inputs]
    return b.finish(inputs, [o for case in made for o in case.outputs])


def test_what_a_file_says() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (2, 3), scale=0.5, zero_point=-7)
    w = b.constant("w", np.arange(6, dtype=np.int8).reshape(2, 3), scale=[0.1, 0.2], axis=0)
    y = b.tensor("y", (2, 2), scale=1.0)
    options = {"fused_activation_function": 1, "keep_num_dims": True}
    b.op("FULLY_CONNECTED", [x, w, -1], [y], ("FullyConnectedOptions", options), version=4)
    model = parse_model(b.finish([x], [y]), PATH)
    (op,) = model.ops
    assert (op.name, op.version, op.inputs, op.outputs) == ("FULLY_CONNECTED", 4, (0, 1, -1), (2,))
    assert op.options["fused_activation_function"] == 1
    assert op.options["keep_num_dims"] is True
    weights = model.tensors[1]
    assert weights.quantization is not None
    assert weights.quantization.scales == (float(np.float32(0.1)), float(np.float32(0.2)))
    assert weights.data is not None
    np.testing.assert_array_equal(weights.data, np.arange(6).reshape(2, 3))
    assert model.tensors[0].quantization == reader.Quantization((0.5,), (-7,), 0)
    assert model.tensors[0].data is None


def test_vectors_in_options() -> None:
    model = parse_model(seed_file(), PATH)
    (op,) = [op for op in model.ops if op.name == "RESHAPE"]
    assert op.options["new_shape"][1] == -1  # type: ignore[index]


def test_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(b"this is text, not a flatbuffer")
    with pytest.raises(TinyireeError, match=r"not a TensorFlow Lite model.*TFL3"):
        import_model(path)
    path.write_bytes(b"")
    with pytest.raises(TinyireeError, match="not a TensorFlow Lite model"):
        import_model(path)


def test_missing_and_too_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TinyireeError, match="no such file"):
        import_model(tmp_path / "none.tflite")
    path = tmp_path / "large.tflite"
    path.write_bytes(seed_file())
    monkeypatch.setattr(reader, "MAX_FILE_BYTES", 1000)
    with pytest.raises(TinyireeError, match="expected a model of at most 1000 bytes"):
        read_model(path)


def test_tensors_too_large() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1, 2**20, 2**20), scale=0.5)
    b.op("RELU", [x], [b.tensor("y", (1, 4), scale=0.5)])
    with pytest.raises(TinyireeError, match=r"tensor 0 'x'.*expected at most \d+ elements"):
        cases.import_bytes(b.finish([x], [1]))


def test_a_constant_of_another_size() -> None:
    b = ModelBuilder()
    w = b.tensor("w", (2, 3), data=np.zeros(5, np.int8), scale=0.5)
    with pytest.raises(TinyireeError, match="has 5 bytes, expected 6"):
        cases.import_bytes(b.finish([], [w]))


def test_truncated_files() -> None:
    whole = seed_file()
    for length in range(0, len(whole), 37):
        _import_or_refuse(whole[:length])


def test_mutated_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """No crash, no traceback, bounded memory: files with changed bytes."""
    # One context for all: making one takes longer than the rest.
    context = build.new_context()
    monkeypatch.setattr(build, "new_context", lambda: context)
    whole = np.frombuffer(seed_file(), np.uint8)
    rng = np.random.default_rng(11)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for _ in range(MUTATIONS):
        data = whole.copy()
        count = int(rng.choice([1, 1, 2, 4, 16]))
        places = rng.integers(8, len(data), count)
        data[places] = rng.choice(np.array([0, 1, 127, 128, 255], np.uint8), count)
        refused += _import_or_refuse(data.tobytes())
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 500_000  # KiB
    assert refused > MUTATIONS // 10


def _import_or_refuse(data: bytes) -> bool:
    """True when the file was refused; anything but TinyireeError fails the test."""
    try:
        cases.import_bytes(data)
    except TinyireeError as error:
        return str(error).startswith("case.tflite: ") or pytest.fail(str(error))
    return False
