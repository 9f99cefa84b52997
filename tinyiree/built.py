"""A finished build: run it, verify it, read its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from tinyiree import artifact
from tinyiree.cycles import estimate
from tinyiree.emit.program import StateTensor
from tinyiree.errors import TinyireeError
from tinyiree.evaluation import Evaluation, ScoreName, Where, evaluate
from tinyiree.iree import host
from tinyiree.passes.base import Progress, no_progress
from tinyiree.report import model as report_model
from tinyiree.report.model import Report, Run, Verification
from tinyiree.sim import Image, Machine, Probe, Region, RunResult, Simulator
from tinyiree.sim import run as simulate
from tinyiree.targets import Core, load
from tinyiree.tensors import as_stored, by_input, encode, pack, unpack
from tinyiree.version import VERSION

Array = npt.NDArray[np.generic]
Inputs = Array | Mapping[str, Array]

# Of a record in tinyiree.out: int32 status, uint32 stack bytes.
_RECORD_HEADER_BYTES = 8


@dataclass(frozen=True)
class DeviceRun:
    """What the simulated core computed.

    Attributes:
        outputs: one array ``[N, *shape]`` for each output, raw.
        instructions: int64 ``[N]``, retired per inference.
        report: the report with the costs of this run.
    """

    outputs: list[Array]
    instructions: npt.NDArray[np.int64]
    report: Report


@dataclass(frozen=True)
class Comparison:
    """Device against host, byte for byte.

    Attributes:
        samples: how many were compared.
        unequal: indices of the samples whose bytes differ.
        device: the run on the simulated core.
        host: outputs of the host module.
    """

    samples: int
    unequal: tuple[int, ...]
    device: DeviceRun
    host: list[Array]

    @property
    def bit_exact(self) -> bool:
        """True when every byte of every sample is equal."""
        return not self.unequal


@dataclass(frozen=True)
class Built:
    """A folder that a build wrote."""

    folder: Path
    manifest: artifact.Manifest

    @property
    def report(self) -> Report:
        """The report as it stands on disk: with the costs of the last run."""
        return report_model.read(self.folder / artifact.REPORT)

    @property
    def core(self) -> Core:
        """The core that the firmware is for."""
        return load(self.manifest.target)

    def encode(
        self, inputs: Inputs, source: str = "the input", limit: int | None = None
    ) -> list[Array]:
        """Samples as raw input tensors ``[N, *shape]``, one array for each input of the model."""
        arrays = inputs if isinstance(inputs, Mapping) else {"x": inputs}
        names = [tensor.name for tensor in self.manifest.inputs]
        chosen = by_input(arrays, names, source)
        return [
            encode(chosen[tensor.name][:limit], tensor, source) for tensor in self.manifest.inputs
        ]

    def run(
        self,
        inputs: Inputs,
        *,
        limit: int | None = None,
        simulator: Simulator = "auto",
        jobs: int | None = None,
        progress: Progress = no_progress,
        source: str = "the input",
    ) -> DeviceRun:
        """Run samples on the simulated core, and put the cost into report.json.

        A model with state starts anew, and sees the samples as consecutive invocations.

        Args:
            inputs: one array ``[N, ...]`` for a model of one input, or one by input name.
                Integers are raw input, floats are quantized with the input's scale and zero point.
            limit: use the first samples only.
            simulator: ``unicorn``, ``qemu``, or ``auto``.
            jobs: how many simulators side by side; None: one for each core of this machine.
            progress: told how many samples are done.
            source: what messages call the inputs.

        Raises:
            TinyireeError: the inputs do not fit the model, or the simulation fails.
        """
        return self._run(self.encode(inputs, source, limit), simulator, jobs, progress)

    def run_host(self, raw: Sequence[Array], progress: Progress = no_progress) -> list[Array]:
        """Run encoded samples through the host module, as consecutive invocations from a reset on.

        Args:
            raw: as `encode` gives them.
            progress: told how many samples are done.

        Returns:
            One array ``[N, *shape]`` for each output, raw.
        """
        states = [initial_value(state) for state in self.manifest.states]
        module = host.load(self.folder / f"{self.manifest.name}.host.vmfb", states)
        count = len(raw[0])
        results = []
        for i in range(count):
            results.append(module([as_stored(array[i]) for array in raw]))
            progress("host", i + 1, count)
        dtypes = [tensor.dtype for tensor in self.manifest.outputs]
        stacked = [np.stack(outputs) for outputs in zip(*results, strict=True)]
        return [array.view(dtype) for array, dtype in zip(stacked, dtypes, strict=True)]

    def verify(
        self,
        inputs: Inputs,
        *,
        limit: int | None = None,
        simulator: Simulator = "auto",
        jobs: int | None = None,
        progress: Progress = no_progress,
        source: str = "the input",
    ) -> Comparison:
        """Compare the simulated core with the host module in every byte; arguments as of `run`."""
        raw = self.encode(inputs, source, limit)
        expected = self.run_host(raw, progress)
        device = self._run(raw, simulator, jobs, progress)
        unequal = tuple(
            i
            for i in range(len(raw[0]))
            if any(
                a[i].tobytes() != b[i].tobytes()
                for a, b in zip(expected, device.outputs, strict=True)
            )
        )
        report = replace(
            device.report, verify=Verification(samples=len(raw[0]), bit_exact=not unequal)
        )
        report.write(self.folder / artifact.REPORT)
        return Comparison(len(raw[0]), unequal, replace(device, report=report), expected)

    def evaluate(
        self,
        inputs: Inputs,
        labels: Array | Sequence[int] | Sequence[str],
        *,
        on: Where = "host",
        limit: int | None = None,
        score: ScoreName = "auto",
        positive: str | int | None = None,
        threshold: float | None = None,
        classes: Sequence[str] = (),
        simulator: Simulator = "auto",
        progress: Progress = no_progress,
        source: str = "the input",
    ) -> Evaluation:
        """Judge labelled samples and write evaluation.json; see `tinyiree.evaluation.evaluate`."""
        return evaluate(
            self,
            inputs,
            labels,
            on=on,
            limit=limit,
            score=score,
            positive=positive,
            threshold=threshold,
            classes=classes,
            simulator=simulator,
            progress=progress,
            source=source,
        )

    def _run(
        self, raw: list[Array], simulator: Simulator, jobs: int | None, progress: Progress
    ) -> DeviceRun:
        core, elf = self.core, self.folder / artifact.SELFTEST
        result = simulate(
            elf,
            machine_of(core),
            self._probe(elf),
            [pack(raw, i) for i in range(len(raw[0]))],
            simulator=simulator,
            jobs=jobs,
            progress=lambda done, total: progress(f"simulated {core.name}", done, total),
            stream=bool(self.manifest.states),
        )
        outputs, stack_bytes = self._records(result, len(raw[0]))
        report = self._with_costs(result, stack_bytes, core, simulator)
        report.write(self.folder / artifact.REPORT)
        counts = np.array([inference.instructions for inference in result.inferences], np.int64)
        return DeviceRun(outputs, counts, report)

    def _probe(self, elf: Path) -> Probe:
        image = Image.load(elf)
        return Probe(
            invoke=image.symbol(self.manifest.runtime_symbol).address,
            steps=tuple(image.symbol(name).address for name in self.manifest.step_functions),
        )

    def _records(self, result: RunResult, count: int) -> tuple[list[Array], int]:
        """The outputs by tensor, and the greatest stack depth."""
        size = sum(tensor.size for tensor in self.manifest.outputs)
        record = _RECORD_HEADER_BYTES + size
        if len(result.output) != record * count:
            raise TinyireeError(
                f"the self-test wrote {len(result.output)} bytes for {count} samples, expected "
                f"{record * count}; its console says: {result.console.strip() or 'nothing'}"
            )
        rows, stack = [], 0
        for i in range(count):
            data = result.output[i * record : (i + 1) * record]
            status, used = np.frombuffer(data[:_RECORD_HEADER_BYTES], "<i4")
            if status != 0:
                raise TinyireeError(
                    f"sample {i}: the firmware's invoke returned status {status}; its console "
                    f"says: {result.console.strip() or 'nothing'}"
                )
            stack = max(stack, int(used))
            rows.append(unpack(data[_RECORD_HEADER_BYTES:], self.manifest.outputs))
        return [np.stack(column) for column in zip(*rows, strict=True)], stack

    def _with_costs(
        self, result: RunResult, stack_bytes: int, core: Core, simulator: Simulator
    ) -> Report:
        report, count = self.report, len(result.inferences)
        totals = [inference.instructions for inference in result.inferences]
        overhead = [inference.runtime_instructions for inference in result.inferences]
        per_call = np.array([i.layer_instructions for i in result.inferences], np.int64)
        per_layer = _by_layer(per_call, report, self.manifest.calls)
        cycles = estimate(result.profile, Image.load(self.folder / artifact.SELFTEST), core)
        layers = tuple(
            replace(layer, instructions=int(mean), cycles_estimate=int(spent))
            for layer, mean, spent in zip(
                report.layers,
                np.rint(per_layer.mean(axis=0)).astype(np.int64),
                _by_layer(np.array([cycles.calls], np.int64), report, self.manifest.calls)[0],
                strict=True,
            )
        )
        mean = round(sum(totals) / count)
        memory = replace(
            report.memory,
            stack_bytes=stack_bytes,
            total_ram_bytes=report.memory.arena_bytes
            + report.memory.static_ram_bytes
            + stack_bytes,
        )
        run = Run(
            instructions=mean,
            runtime_instructions=round(sum(overhead) / count),
            cycles_estimate=round(cycles.total * mean / totals[0]),
            assumption=core.cycles.assumption,
            samples=count,
            simulator=_used(simulator, core),
        )
        return replace(report, memory=memory, layers=layers, run=run)


def open_build(folder: Path) -> Built:
    """Open a folder that a build wrote.

    Raises:
        TinyireeError: it is none, is incomplete or changed, or another version wrote it.
    """
    return Built(folder, artifact.read(folder, VERSION))


def machine_of(core: Core) -> Machine:
    """The simulated machine of a core."""
    simulation = core.simulation
    return Machine(
        isa=core.isa,
        unicorn_cpu=simulation.unicorn_cpu,
        qemu_machine=simulation.qemu_machine,
        qemu_cpu=simulation.qemu_cpu,
        fpu=core.fpu != "none",
        memory=tuple(
            Region(region.name, region.base, region.size_bytes) for region in simulation.regions
        ),
    )


def initial_value(state: StateTensor) -> Array:
    """A variable at the start of a stream."""
    data = state.initial.ljust(state.size, b"\0")
    return np.frombuffer(data, state.dtype).reshape(state.shape)


def _by_layer(
    per_call: npt.NDArray[np.int64], report: Report, calls: Sequence[int]
) -> npt.NDArray[np.int64]:
    """Sums over the calls of each layer: int64 [N, calls] to [N, layers]."""
    counts = [layer.calls for layer in report.layers]
    of_layer = np.array(calls, np.int64) if calls else np.repeat(np.arange(len(counts)), counts)
    belongs = of_layer[:, None] == np.arange(len(counts))
    sums: npt.NDArray[np.int64] = per_call[:, : len(of_layer)] @ belongs.astype(np.int64)
    return sums


def _used(simulator: Simulator, core: Core) -> str:
    if simulator == "auto":
        return "unicorn" if core.simulation.unicorn_cpu else "qemu"
    return cast(str, simulator)
