"""Build and run networks on simulated cores: one measurement for each network and target."""

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tinyiree.bench.networks import NETWORKS, Frontend, Network
from tinyiree.bench.reference import Agreement, Array, agreement, run_litert
from tinyiree.built import Built
from tinyiree.errors import TinyireeError
from tinyiree.passes.base import Progress, no_progress


@dataclass(frozen=True)
class Job:
    """What to measure.

    Attributes:
        network: its name.
        target: name of the core.
        frontend: the int8 `.tflite` model, or the float PyTorch module quantized by us.
        limit: how many samples to simulate.
        simulations: simulators side by side; None: one for each core of this machine.
        reference: also compare with LiteRT's reference kernels; for the frontend `tflite`.
    """

    network: str
    target: str
    frontend: Frontend
    limit: int
    simulations: int | None = None
    reference: bool = False


@dataclass(frozen=True)
class Measurement:
    """What one network costs on one core, per inference where it is a count.

    Attributes:
        network, target, frontend: what was measured.
        macs: multiply-accumulates of the network.
        dispatches: compiled functions that an inference calls.
        arena_bytes: inputs, outputs, all tensors between, and scratch.
        arena_bound_bytes: proven lower bound of it.
        stack_bytes: greatest depth measured.
        static_ram_bytes: other variables.
        code_bytes: of the flash, with tables and library calls.
        weight_bytes: of the flash.
        flash_bytes: in all.
        instructions: retired, mean over the samples.
        cycles_estimate: by the core's cycle model, not measured.
        samples: how many were run.
        unequal: how many of them differ from the host in a byte.
        agreement: with LiteRT; None when it was not asked for.
    """

    network: str
    target: str
    frontend: Frontend
    macs: int
    dispatches: int
    arena_bytes: int
    arena_bound_bytes: int
    stack_bytes: int
    static_ram_bytes: int
    code_bytes: int
    weight_bytes: int
    flash_bytes: int
    instructions: int
    cycles_estimate: int
    samples: int
    unequal: int
    agreement: Agreement | None = None

    @property
    def bit_exact(self) -> bool:
        """True when every byte of every sample is equal."""
        return self.unequal == 0 and (self.agreement is None or self.agreement.unequal == 0)

    @property
    def instructions_per_mac(self) -> float:
        """Instructions for one multiply-accumulate, everything included."""
        return self.instructions / self.macs


@dataclass(frozen=True)
class Failure:
    """A network that could not be built for a core or run on it, and why."""

    network: str
    target: str
    message: str


Outcome = Measurement | Failure


def measure(job: Job, folder: Path, progress: Progress = no_progress) -> Measurement:
    """Build a network for a core, run it there and compare it with the host.

    Args:
        job: what to measure.
        folder: where to build.
        progress: told what is going on.

    Raises:
        TinyireeError: it cannot be built or run.
    """
    network = next(n for n in NETWORKS if n.name == job.network)
    built = _build(network, job, folder, progress)
    inputs = network.load_inputs(job.frontend, job.limit)
    comparison = built.verify(inputs, jobs=job.simulations, progress=progress)
    report = comparison.device.report
    if report.run is None or report.memory.stack_bytes is None:
        raise TinyireeError(f"{folder}: the run left no costs in the report; build it again")
    return Measurement(
        network=job.network,
        target=job.target,
        frontend=job.frontend,
        macs=sum(layer.macs for layer in report.layers),
        dispatches=len(report.layers),
        arena_bytes=report.memory.arena_bytes,
        arena_bound_bytes=report.memory.arena_bound_bytes,
        stack_bytes=report.memory.stack_bytes,
        static_ram_bytes=report.memory.static_ram_bytes,
        code_bytes=report.flash.code_bytes,
        weight_bytes=report.flash.weight_bytes,
        flash_bytes=report.flash.total_bytes,
        instructions=report.run.instructions,
        cycles_estimate=report.run.cycles_estimate,
        samples=comparison.samples,
        unequal=len(comparison.unequal),
        agreement=_agreement(network, built, job, comparison.device.outputs, progress),
    )


def _agreement(
    network: Network, built: Built, job: Job, outputs: Sequence[Array], progress: Progress
) -> Agreement | None:
    if not job.reference:
        return None
    raw = built.encode(network.load_inputs(job.frontend, job.limit))
    found = run_litert(network.model_path(), raw, progress)
    return agreement(outputs, found, network.load_labels(job.limit))


def measure_all(
    jobs: Sequence[Job],
    *,
    workers: int | None = None,
    folder: Path | None = None,
    progress: Progress = no_progress,
) -> list[Outcome]:
    """Measure jobs side by side, each in a process of its own; one that fails stops no other.

    Args:
        jobs: what to measure.
        workers: processes; None: one for each core of this machine.
        folder: keep the builds here, as NETWORK-TARGET; None: they are removed.
        progress: told how many jobs are done.

    Returns:
        One outcome for each job, in their order.

    Raises:
        TinyireeError: a worker process died.
    """
    count = min(workers or os.cpu_count() or 1, len(jobs))
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as place:
        folders = [Path(place) / f"{job.network}-{job.target}" for job in jobs]
        if count <= 1:
            return [
                _outcome(job, path, _prefixed(progress, job))
                for job, path in zip(jobs, folders, strict=True)
            ]
        # Not forked: the compiler's threads do not survive that.
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            futures = [
                pool.submit(_outcome, job, path) for job, path in zip(jobs, folders, strict=True)
            ]
            progress("networks built and run", 0, len(jobs))
            try:
                for done, _ in enumerate(as_completed(futures), 1):
                    progress("networks built and run", done, len(jobs))
                return [future.result() for future in futures]
            except BrokenProcessPool as error:
                raise TinyireeError(
                    f"a process of the benchmark died ({error}), maybe for want of memory; use "
                    "--jobs 1"
                ) from error


def _build(network: Network, job: Job, folder: Path, progress: Progress) -> Built:
    # Here, not above: the compiler and PyTorch take seconds to load.
    from tinyiree.api import build, pipeline
    from tinyiree.settings import Int8

    if job.frontend == "tflite":
        return build(
            network.model_path(),
            target=job.target,
            out=folder,
            name=network.name,
            formats=("static",),
            pipeline=pipeline(job.target),
            progress=progress,
        )
    return build(
        network.load_module(),
        target=job.target,
        out=folder,
        name=network.name,
        quantize=Int8(calibration=network.load_calibration()),
        formats=("static",),
        pipeline=pipeline(job.target),
        progress=progress,
    )


def _outcome(job: Job, folder: Path, progress: Progress = no_progress) -> Outcome:
    try:
        return measure(job, folder, progress)
    except TinyireeError as error:
        return Failure(job.network, job.target, str(error))


def _prefixed(progress: Progress, job: Job) -> Progress:
    def told(what: str, done: int, total: int) -> None:
        progress(f"{job.network} on {job.target}: {what}", done, total)

    return told
