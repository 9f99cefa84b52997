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
    """A tensor in the arena: its kind, bytes, offset, and the first and last step that need it."""

    kind: str
    size: int
    offset: int
    first_step: int
    last_step: int


@dataclass(frozen=True)
class Memory:
    """RAM in bytes.

    Attributes:
        arena_bytes: inputs, outputs, all tensors between, and kernel scratch.
        arena_bound_bytes: proven lower bound of it for the chosen order of steps.
        stack_bytes: greatest depth measured under an invoke, on the simulated core; None before
            a run.
        static_ram_bytes: variables of the model and the runtime besides arena and stack.
        total_ram_bytes: arena + stack (once measured) + static.
        planner: how the arena was laid out.
        buffers: where each tensor lies.
        conflicts: pairs of buffers that are needed at the same time.
    """

    arena_bytes: int
    arena_bound_bytes: int
    stack_bytes: int | None
    static_ram_bytes: int
    total_ram_bytes: int
    planner: str
    buffers: tuple[PlacedBuffer, ...]
    conflicts: tuple[tuple[int, int], ...]


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
        weight_bytes: constants that it reads.
        output_bytes: of the tensors that it writes.
        instructions: mean per inference; None before a run.
        cycles_estimate: see `Run`.
    """

    name: str
    op: str
    macs: int
    kernel: str
    weight_bytes: int
    output_bytes: int
    instructions: int | None = None
    cycles_estimate: int | None = None


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
    )
