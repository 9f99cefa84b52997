"""The arena as text."""

from dataclasses import replace
from pathlib import Path

from tinyiree.report.memory_map import memory_map
from tinyiree.report.model import Flash, Memory, MemoryStep, PlacedBuffer, Report, StepUse, read

STEPS = (
    MemoryStep(
        "conv", "f", "armv7em.conv2d", 1, (StepUse(0, 0, 64, False), StepUse(1, 0, 64, True))
    ),
    MemoryStep("dense", "g", "iree", 1, (StepUse(1, 0, 64, False), StepUse(2, 0, 8, True))),
)
MEMORY = Memory(
    arena_bytes=96,
    arena_bound_bytes=96,
    stack_bytes=None,
    static_ram_bytes=12,
    total_ram_bytes=108,
    planner="greedy by size",
    buffers=(
        PlacedBuffer("input", 64, 16, -1, 0, "x"),
        PlacedBuffer("transient", 64, 0, 0, 1, "conv"),
        PlacedBuffer("output", 8, 64, 1, 2, "y"),
        PlacedBuffer("scratch", 16, 80, 0, 0, "conv"),
    ),
    conflicts=((0, 1),),
    steps=STEPS,
)
REPORT = Report("1", "cortex-m4", "net", MEMORY, Flash(0, 0, 0), (), {})


def test_a_map() -> None:
    assert memory_map(REPORT, 12).splitlines() == [
        "net on cortex-m4: arena 96 bytes, 8 a character",
        "",
        "inputs  |..AAAAAAAA..|",
        "conv    |BB//////AA++| <",
        "dense   |BBBBBBBBC...|",
        "outputs |........C...|",
        "",
        "A         64 bytes at        16  input      x",
        "B         64 bytes at         0  transient  conv",
        "C          8 bytes at        64  output     y",
        "+  scratch of a kernel, at most 16 bytes",
        "/  a result over the part of an input that is not read any more",
    ]


def test_a_tensor_smaller_than_a_character_is_seen() -> None:
    lines = memory_map(REPORT, 3).splitlines()
    assert lines[4] == "dense   |BBC|"


def test_an_empty_arena() -> None:
    empty = replace(MEMORY, arena_bytes=0, buffers=(), steps=(), conflicts=())
    assert "inputs" in memory_map(replace(REPORT, memory=empty))


def test_the_report_keeps_it(tmp_path: Path) -> None:
    REPORT.write(tmp_path / "report.json")
    assert read(tmp_path / "report.json").memory == MEMORY
