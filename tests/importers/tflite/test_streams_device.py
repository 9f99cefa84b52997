"""Models with state on simulated cores: LiteRT's bytes over consecutive invocations."""

from pathlib import Path

import numpy as np
import pytest
from builder import ModelBuilder
from streams import accumulator, expected, imported, lstm, stream_of, svdf

from tinyiree.built import Built, open_build
from tinyiree.compile import Flow
from tinyiree.settings import BuildOptions
from tinyiree.targets import load

INVOCATIONS = 7


def build(model: bytes, target: str, folder: Path) -> Built:
    module = imported(model)
    with module.context:
        options = BuildOptions(quantize=None, formats=("static",))
        Flow(load(target), options, {}).run(module, "stream", folder)
    return open_build(folder)


@pytest.mark.parametrize("target", ["cortex-m4", "rv32imc"])
def test_simulated_core_equals_litert(target: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    b = ModelBuilder()
    inputs: list[int] = []
    outputs: list[int] = []
    for made in (
        lstm(b, rng, "int8", features=8, cells=6),
        lstm(b, rng, "int8", features=5, cells=3, steps=2, batch=2),
        svdf(b, rng, "int8", rank=2, memory=4),
        accumulator(b, "int8"),
    ):
        inputs += made[0]
        outputs += made[1]
    model = b.finish(inputs, outputs)
    stream = stream_of(model, rng, INVOCATIONS)
    wanted = expected(model, stream)
    built = build(model, target, tmp_path)
    names = [tensor.name for tensor in built.manifest.inputs]
    data = {name: np.stack([item[i] for item in stream]) for i, name in enumerate(names)}
    comparison = built.verify(data)
    assert comparison.bit_exact
    assert comparison.samples == INVOCATIONS
    for i, found in enumerate(comparison.device.outputs):
        np.testing.assert_array_equal(found, np.stack([results[i] for results in wanted]))
    # A run starts anew.
    again = built.run(data, limit=3)
    for found, first in zip(again.outputs, comparison.device.outputs, strict=True):
        np.testing.assert_array_equal(found, first[:3])
    check_state(built)


def check_state(built: Built) -> None:
    """Variables lie behind all other tensors, and nothing else lies there."""
    memory = built.report.memory
    kept = [buffer for buffer in memory.buffers if buffer.kind == "state"]
    assert len(kept) == len(built.manifest.states) == 6
    assert sum(buffer.size for buffer in kept) <= memory.state_bytes
    start = memory.arena_bytes - memory.state_bytes
    assert min(buffer.offset for buffer in kept) == start
    assert all(b.offset + b.size <= start for b in memory.buffers if b.kind != "state")
    header = (built.folder / "stream.h").read_text()
    assert f"#define STREAM_STATE_BYTES {memory.state_bytes}\n" in header
    assert "stream_reset(stream_t *model)" in header
    source = (built.folder / "stream.c").read_text()
    assert ".initial_state = initial_state" in source


def test_a_delay_line_costs_no_memory_but_its_own(tmp_path: Path) -> None:
    b = ModelBuilder()
    rng = np.random.default_rng(2)
    model = b.finish(*svdf(b, rng, "int8", rank=2, memory=9))
    built = build(model, "cortex-m4", tmp_path)
    (state,) = built.manifest.states
    ends = [tensor.size for tensor in (*built.manifest.inputs, *built.manifest.outputs)]
    # Rounded up to the alignment of tensors.
    assert built.report.memory.arena_bytes <= state.size + sum(ends) + 3 * 8
    stream = stream_of(model, rng, INVOCATIONS)
    found = built.run(np.stack([x for (x,) in stream])).outputs[0]
    np.testing.assert_array_equal(found, np.stack([y for (y,) in expected(model, stream)]))
