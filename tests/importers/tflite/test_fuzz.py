"""Damaged `.tflite` files of every operator: no crash, no hang, no traceback, bounded memory.

`TINYIREE_FUZZ_FILES` sets how many files.
"""

import os
import resource
import time
from collections.abc import Iterator
from functools import partial

import cases
import numpy as np
import pytest
import test_more_arithmetic as arithmetic
import test_more_movement as movement
from builder import ModelBuilder
from test_more_device import prelu
from test_more_elementwise import TABLES, tables_model

from tinyiree.errors import TinyireeError
from tinyiree.ir import build

FILES = int(os.environ.get("TINYIREE_FUZZ_FILES", "600"))
SECONDS = 20.0
"""For one file; the slowest takes well under one."""

Rng = np.random.Generator

COMMON: dict[str, cases.Make] = {
    "conv": partial(cases.convolution, depthwise=False),
    "depthwise": partial(cases.convolution, depthwise=True),
    "fully_connected": cases.fully_connected,
    "average_pool": partial(cases.pool, name="AVERAGE_POOL_2D"),
    "max_pool": partial(cases.pool, name="MAX_POOL_2D"),
    "mean": cases.mean,
    "add": cases.add,
    "softmax": cases.softmax,
    "relu": partial(cases.relu, name="RELU6"),
    "reshape": cases.reshape,
    "pad": partial(cases.pad, name="PADV2"),
    "concatenation": cases.concatenation,
    "prelu": prelu,
    **arithmetic.CASES,
    **movement.CASES,
}
INT8_ONLY: dict[str, cases.Make] = {
    "requantize": cases.requantize,
    "through_float": cases.through_float,
}


def seeds() -> Iterator[bytes]:
    """A file of each operator and type."""
    rng = np.random.default_rng(5)
    both = [partial(make, dtype=d) for make in COMMON.values() for d in ("int8", "float32")]
    for make in (*both, *INT8_ONLY.values()):
        b = ModelBuilder()
        case = make(b, rng)
        yield b.finish(case.inputs, case.outputs)
    for name in TABLES:
        yield tables_model(name, 1, rng)


def changed(data: bytes, rng: Rng) -> bytes:
    """A few bytes, or a whole 32-bit word, take other values; one file in eight is cut, too."""
    array = np.frombuffer(data, np.uint8).copy()
    count = int(rng.choice([1, 1, 2, 4, 16]))
    places = rng.integers(8, len(array), count)
    array[places] = rng.choice(np.array([0, 1, 2, 127, 128, 255], np.uint8), count)
    if rng.integers(0, 3) == 0:
        start = int(rng.integers(2, len(array) // 4)) * 4
        word = np.array(rng.choice([0, 1, -1, 2**31 - 1, -(2**31), 2**20]), "<i4").tobytes()
        array[start : start + 4] = np.frombuffer(word, np.uint8)[: len(array) - start]
    if rng.integers(0, 8) == 0:
        array = array[: rng.integers(0, len(array))]
    return array.tobytes()


def test_mutated_files_give_one_error_or_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    # One context for all: making one takes longer than the rest.
    context = build.new_context()
    monkeypatch.setattr(build, "new_context", lambda: context)
    files = list(seeds())
    assert len(files) > 2 * len(COMMON)
    rng = np.random.default_rng(0)
    for data in files:
        assert _refusal(data) is None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused, slowest = 0, 0.0
    for number in range(FILES):
        data = changed(files[number % len(files)], rng)
        start = time.perf_counter()
        message = _refusal(data)
        slowest = max(slowest, time.perf_counter() - start)
        assert message is None or message.startswith("case.tflite: "), message
        refused += message is not None
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{FILES} files, {refused} refused, slowest {slowest:.2f} s, {grown >> 10} MiB more")
    assert slowest < SECONDS
    assert grown < 500_000  # KiB
    assert refused > FILES // 4


def _refusal(data: bytes) -> str | None:
    """The message of the one error that may come; None for a file that can be used."""
    try:
        cases.import_bytes(data)
    except TinyireeError as error:
        return str(error)
    return None
