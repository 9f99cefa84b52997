"""Damaged ONNX files: no crash, no hang, no traceback, bounded memory.

`TINYIREE_FUZZ_FILES` sets how many files.
"""

import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx_cases import CASES
from onnx_models import NETWORKS, export, lively
from onnx_qdq import OPERATORS, one_operator, quantized

from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model

FILES = int(os.environ.get("TINYIREE_FUZZ_FILES", "300"))
SECONDS = 20.0
"""For one file; the slowest takes well under one."""

Rng = np.random.Generator
NUMBERS = (0, 1, -1, 2, 3, 7, 127, 255, -128, 2**15, 2**31 - 1, -(2**31), 2**40, 2**62, -(2**63))
DIMENSIONS = (0, 1, 2, 3, 5, 127, 2**16, 2**31, 2**40, -1)


def operators() -> Iterator[onnx.ModelProto]:
    """A small model of each operator, float and quantized."""
    for operator in CASES:
        yield operator.model()
    for number, case in enumerate(OPERATORS.values()):
        yield one_operator(case, unsigned=number % 2 == 0, seed=number)[0]


def networks(folder: Path) -> Iterator[onnx.ModelProto]:
    for name, (make, shape) in NETWORKS.items():
        yield onnx.load(export(lively(make()), [torch.randn(shape)], folder / f"{name}.onnx"))
    yield onnx.load(quantized("residual", folder, unsigned=True)[0])


def changed_bytes(data: bytes, rng: Rng) -> bytes:
    """A few bytes changed; one file in four is cut, too."""
    changed = bytearray(data)
    for position in rng.integers(0, len(data), rng.integers(1, 6)):
        changed[position] = rng.integers(0, 256)
    if rng.integers(0, 4) == 0:
        changed = changed[: rng.integers(0, len(data))]
    return bytes(changed)


def changed_graph(model: onnx.ModelProto, rng: Rng) -> bytes:
    """A valid file that says something else: numbers, shapes, types, names, operators, order."""
    found = onnx.ModelProto.FromString(model.SerializeToString())
    for _ in range(int(rng.integers(1, 4))):
        _CHANGES[rng.integers(0, len(_CHANGES))](found.graph, rng)
    return found.SerializeToString()


def _one(items: object, rng: Rng) -> object | None:
    listed = list(items)  # type: ignore[call-overload]
    return listed[rng.integers(0, len(listed))] if listed else None


def _attribute(graph: onnx.GraphProto, rng: Rng) -> None:
    node = _one(graph.node, rng)
    attribute = _one(node.attribute, rng) if node is not None else None  # type: ignore[attr-defined]
    if attribute is None:
        return
    number = int(rng.choice(NUMBERS))
    attribute.i, attribute.f = number, float(rng.choice([np.nan, np.inf, -1.0, 1e38]))  # type: ignore[attr-defined]
    if attribute.ints:  # type: ignore[attr-defined]
        attribute.ints[rng.integers(0, len(attribute.ints))] = number  # type: ignore[attr-defined]
        if rng.integers(0, 3) == 0:
            attribute.ints.append(number)  # type: ignore[attr-defined]
    if attribute.s:  # type: ignore[attr-defined]
        attribute.s = bytes(rng.integers(0, 256, 5, np.uint8))  # type: ignore[attr-defined]


def _constant(graph: onnx.GraphProto, rng: Rng) -> None:
    tensor = _one(graph.initializer, rng)
    if tensor is None:
        return
    kind = rng.integers(0, 4)
    if kind == 0:
        tensor.data_type = int(rng.integers(0, 25))  # type: ignore[attr-defined]
    elif kind == 1 and tensor.dims:  # type: ignore[attr-defined]
        tensor.dims[rng.integers(0, len(tensor.dims))] = int(rng.choice(DIMENSIONS))  # type: ignore[attr-defined]
    elif kind == 2:
        tensor.dims.append(int(rng.choice(DIMENSIONS)))  # type: ignore[attr-defined]
    else:
        size = len(tensor.raw_data)  # type: ignore[attr-defined]
        tensor.raw_data = bytes(rng.choice(np.array([0, 127, 128, 255], np.uint8), size))  # type: ignore[attr-defined]


def _input(graph: onnx.GraphProto, rng: Rng) -> None:
    value = _one(graph.input, rng)
    if value is None:
        return
    tensor = value.type.tensor_type  # type: ignore[attr-defined]
    if rng.integers(0, 3) == 0:
        tensor.elem_type = int(rng.integers(0, 25))
    elif tensor.shape.dim:
        tensor.shape.dim[rng.integers(0, len(tensor.shape.dim))].dim_value = int(
            rng.choice(DIMENSIONS)
        )


def _wire(graph: onnx.GraphProto, rng: Rng) -> None:
    node = _one(graph.node, rng)
    names = [name for each in graph.node for name in (*each.input, *each.output)]
    if node is None or not node.input:  # type: ignore[attr-defined]
        return
    node.input[rng.integers(0, len(node.input))] = str(_one([*names, "", "nothing"], rng))  # type: ignore[attr-defined]


def _kind(graph: onnx.GraphProto, rng: Rng) -> None:
    node = _one(graph.node, rng)
    if node is not None:
        kinds = [case.kind for case in CASES] + ["If", "Loop", "Range", "Tile", "X"]
        node.op_type = str(_one(kinds, rng))  # type: ignore[attr-defined]


def _order(graph: onnx.GraphProto, rng: Rng) -> None:
    if graph.node:
        del graph.node[rng.integers(0, len(graph.node))]


_CHANGES = (_attribute, _attribute, _constant, _constant, _input, _wire, _kind, _order)


def test_mutated_files_give_one_error_or_a_module(tmp_path: Path) -> None:
    small, large = list(operators()), list(networks(tmp_path))
    rng = np.random.default_rng(0)
    path, messages, slowest = tmp_path / "model.onnx", 0, 0.0
    import_model(_write(path, large[0].SerializeToString()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(FILES):
        seeds = large if number % 8 == 0 else small
        seed = seeds[rng.integers(0, len(seeds))]
        data = (
            changed_graph(seed, rng) if number % 2 else changed_bytes(seed.SerializeToString(), rng)
        )
        start = time.perf_counter()
        message = _refusal(_write(path, data))
        assert message is None or message.startswith(str(path)), message
        messages += message is not None
        slowest = max(slowest, time.perf_counter() - start)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        f"{FILES} files, {messages} refused, slowest {slowest:.2f} s, {grown / 1024:.0f} MiB more"
    )
    assert slowest < SECONDS
    assert grown < 1_000_000  # KiB
    assert messages > FILES // 4


def _refusal(path: Path) -> str | None:
    """The message of the one error that may come; None for a file that can be used."""
    signal.signal(signal.SIGALRM, _too_slow)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        import_model(path)
    except TinyireeError as error:
        return str(error)
    except BaseException:
        print(f"left in {shutil.copy(path, path.with_name('crash.onnx'))}")
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def _too_slow(number: int, frame: object) -> None:
    raise TimeoutError(f"a file takes more than {SECONDS} seconds")


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["bytes", "graph"])
def test_the_mutations_change_something(name: str) -> None:
    seed = next(operators())
    rng = np.random.default_rng(1)
    whole = seed.SerializeToString()
    changed = [
        changed_bytes(whole, rng) if name == "bytes" else changed_graph(seed, rng)
        for _ in range(20)
    ]
    assert sum(data != whole for data in changed) > 12
