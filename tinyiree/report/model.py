"""What a build costs, as data: the content of report.json.

The fields named in the design's contract are stable; measurements by others rely on them.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyiree.errors import TinyireeError


@dataclass(frozen=True)
class PlacedBuffer:
    """A tensor in the arena.

    An output may lie over the part of an input that its step does not read any more: at that step
    the bytes of both overlap.

    Attributes:
        kind: input, output, transient, scratch or state.
        size: bytes.
        offset: from the arena's start.
        first_step: number of the first step that needs it; -1: from before the first.
        last_step: of the last one; the number of steps: to after the last.
        name: of the argument or result, or of the layer that writes it.
    """

    kind: str
    size: int
    offset: int
    first_step: int
    last_step: int
    name: str = ""


@dataclass(frozen=True)
class StepUse:
    """Bytes of a buffer, by its index, that a step reads or writes.

    The `spare` bytes behind them may be read whatever they hold: no result depends on them.
    """

    buffer: int
    offset: int
    length: int
    writes: bool
    spare: int = 0


@dataclass(frozen=True)
class MemoryStep:
    """A step of the schedule and its memory.

    Attributes:
        name: of its layer; "copy" or "fill" for what the runtime does itself.
        function: that computes it, empty for the runtime.
        kernel: hand-made kernel, "iree" for a compiled dispatch, empty for the runtime.
        calls: of the function.
        uses: its tensors in order.
    """

    name: str
    function: str
    kernel: str
    calls: int
    uses: tuple[StepUse, ...]


@dataclass(frozen=True)
class Memory:
    """RAM in bytes.

    Attributes:
        arena_bytes: inputs, outputs, all tensors between, and kernel scratch.
        arena_bound_bytes: proven lower bound of it for the chosen order of steps; the arena is
            the smallest there is when both are equal.
        stack_bytes: greatest depth measured under an invoke, on the simulated core; None before
            a run.
        static_ram_bytes: variables of the model and the runtime besides arena and stack.
        total_ram_bytes: arena + stack (once measured) + static.
        planner: how the arena was laid out.
        buffers: where each tensor lies.
        conflicts: pairs of buffers that exclude some distances in the arena.
        planner_seconds: time that it took.
        steps: what each step of the schedule reads and writes.
        state_bytes: of the arena, its last ones: variables that keep their values between
            invocations.
    """

    arena_bytes: int
    arena_bound_bytes: int
    stack_bytes: int | None
    static_ram_bytes: int
    total_ram_bytes: int
    planner: str
    buffers: tuple[PlacedBuffer, ...]
    conflicts: tuple[tuple[int, int], ...]
    planner_seconds: float = 0.0
    steps: tuple[MemoryStep, ...] = ()
    state_bytes: int = 0


@dataclass(frozen=True)
class Flash:
    """Flash in bytes that model and runtime add to a firmware, without the self-test harness."""

    code_bytes: int
    weight_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class Run:
    """Cost of one inference on the simulated core, the mean over the samples of the last run.

    Attributes:
        instructions: retired, exact.
        runtime_instructions: of them outside the dispatches: the runtime's own.
        cycles_estimate: an estimate by the target's cycle model, not a measurement.
        assumption: of that estimate.
        samples: how many inferences.
        simulator: what ran them.
    """

    instructions: int
    runtime_instructions: int
    cycles_estimate: int
    assumption: str
    samples: int
    simulator: str


@dataclass(frozen=True)
class Verification:
    """Result of comparing the simulated core with the host module, byte for byte."""

    samples: int
    bit_exact: bool


@dataclass(frozen=True)
class Layer:
    """One dispatch of the schedule.

    Attributes:
        name: of the layer in the model.
        op: operators of the normal form that it computes, joined by " + ".
        macs: multiply-accumulates.
        kernel: what computes it.
        why: it was chosen, or why no kernel was; empty when there is none for such layers.
        weight_bytes: constants that it reads.
        output_bytes: of the tensors that it writes.
        calls: of its function in one inference.
        instructions: mean per inference; None before a run.
        cycles_estimate: see `Run`.
        sqnr_db: see `Sqnr`; None when it is not known, or nothing was lost.
        operations: arithmetic by type and bit width (`tinyiree.report.operations`).
    """

    name: str
    op: str
    macs: int
    kernel: str
    weight_bytes: int
    output_bytes: int
    calls: int = 1
    instructions: int | None = None
    cycles_estimate: int | None = None
    sqnr_db: float | None = None
    operations: dict[str, int] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True)
class Sqnr:
    """Signal to quantization noise of the layers (`tinyiree.report.sqnr`).

    Attributes:
        samples: how many calibration samples were compared; 0: there was nothing to compare with.
        note: what was compared, or why nothing was.
        layers: dB by layer name; None for a layer of zeros, or without any difference.
    """

    samples: int
    note: str
    layers: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """Everything that is known about a build."""

    version: str
    target: str
    model: str
    memory: Memory
    flash: Flash
    layers: tuple[Layer, ...]
    operations: dict[str, int]
    run: Run | None = None
    verify: Verification | None = None
    passes: tuple[str, ...] = field(default=())
    board: str | None = None
    sqnr: Sqnr | None = None

    def write(self, path: Path) -> None:
        """Write report.json."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")


def read(path: Path) -> Report:
    """Read report.json.

    Raises:
        TinyireeError: the file is missing or is not a report.
    """
    try:
        return _report(json.loads(path.read_text()))
    except FileNotFoundError as error:
        raise TinyireeError(f"{path}: no such file; build the model first") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TinyireeError(f"{path} is damaged ({error}); build again") from error


def _report(content: dict[str, Any]) -> Report:
    memory = content["memory"]
    memory["buffers"] = tuple(PlacedBuffer(**buffer) for buffer in memory["buffers"])
    memory["conflicts"] = tuple((a, b) for a, b in memory["conflicts"])
    memory["steps"] = tuple(
        MemoryStep(**{**step, "uses": tuple(StepUse(**use) for use in step["uses"])})
        for step in memory["steps"]
    )
    return Report(
        version=content["version"],
        target=content["target"],
        model=content["model"],
        memory=Memory(**memory),
        flash=Flash(**content["flash"]),
        layers=tuple(Layer(**layer) for layer in content["layers"]),
        operations=content["operations"],
        run=Run(**content["run"]) if content["run"] else None,
        verify=Verification(**content["verify"]) if content["verify"] else None,
        passes=tuple(content["passes"]),
        board=content["board"],
        sqnr=Sqnr(**content["sqnr"]) if content["sqnr"] else None,
    )
