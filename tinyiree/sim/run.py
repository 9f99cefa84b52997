"""Runs many samples through a firmware, several simulators side by side."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Literal

from tinyiree.errors import TinyireeError
from tinyiree.sim.elf import Image
from tinyiree.sim.model import Machine, Probe, RunResult
from tinyiree.sim.qemu_run import run_qemu
from tinyiree.sim.unicorn_run import DEFAULT_LIMIT_PER_INFERENCE, run_unicorn

Simulator = Literal["auto", "unicorn", "qemu"]

DEFAULT_TIMEOUT_SECONDS = 600.0

# Samples are cut into at most this many runs, whatever `jobs` is, so that the result does not
# depend on the host: each run adds its start-up to the harness instructions and the console text.
_MAX_RUNS = 32


def run(
    elf: Path,
    machine: Machine,
    probe: Probe,
    samples: Sequence[bytes],
    simulator: Simulator = "auto",
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    limit_per_inference: int = DEFAULT_LIMIT_PER_INFERENCE,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    stream: bool = False,
) -> RunResult:
    """Runs `samples` (the raw input bytes of one inference each) and joins the results in order.

    "auto" is Unicorn when the machine has a `unicorn_cpu`, else QEMU. `jobs` runs go side by side
    (default: one per host core; they are threads, in which the simulators hold no Python lock).
    `progress` is called from the calling thread with the samples done and their total.
    `limit_per_inference` (instructions) bounds a runaway on Unicorn, `timeout_seconds` of each run
    one on QEMU. With `stream` all samples go through one run, in order: the model keeps state.

    Raises TinyireeError when a run fails, when the firmware exits with a code other than 0, or
    when it does not make one inference per sample.
    """
    if not samples:
        raise TinyireeError("samples: expected at least one, found none; give an input")
    if jobs is not None and jobs < 1:
        raise TinyireeError(
            f"jobs: expected at least 1, found {jobs}; leave it out for the default"
        )
    image = Image.load(elf)
    use_unicorn = _use_unicorn(simulator, machine)

    def run_chunk(chunk: Sequence[bytes]) -> RunResult:
        stdin = b"".join(chunk)
        if use_unicorn:
            result = run_unicorn(image, machine, probe, stdin, limit_per_inference)
        else:
            result = run_qemu(image, machine, probe, stdin, timeout_seconds)
        _check(elf, result, len(chunk))
        return result

    chunks = [samples] if stream else _split(samples)
    return _join(_map(run_chunk, chunks, jobs or os.cpu_count() or 1, progress))


def _use_unicorn(simulator: Simulator, machine: Machine) -> bool:
    if simulator == "unicorn" and machine.unicorn_cpu is None:
        raise TinyireeError(
            "simulator: expected a core that Unicorn has, found one that only QEMU has; use the "
            "simulator 'qemu' or 'auto'"
        )
    if simulator not in ("auto", "unicorn", "qemu"):
        raise TinyireeError(
            f"simulator: expected auto, unicorn or qemu, found '{simulator}'; choose one of them"
        )
    return simulator != "qemu" and machine.unicorn_cpu is not None


def _split(samples: Sequence[bytes]) -> list[Sequence[bytes]]:
    # Never one alone: an inference that spoils the next one shall show.
    size = max(2, -(-len(samples) // _MAX_RUNS))
    return [samples[i : i + size] for i in range(0, len(samples), size)]


def _map(
    run_chunk: Callable[[Sequence[bytes]], RunResult],
    chunks: Sequence[Sequence[bytes]],
    jobs: int,
    progress: Callable[[int, int], None] | None,
) -> list[RunResult]:
    """The results in the order of `chunks`. The first failure stops the runs not yet begun."""
    total = sum(len(chunk) for chunk in chunks)
    done = 0
    with ThreadPoolExecutor(max_workers=min(jobs, len(chunks))) as pool:
        futures = {pool.submit(run_chunk, chunk): len(chunk) for chunk in chunks}
        waiting: set[Future[RunResult]] = set(futures)
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    done += futures[future]
                if progress is not None:
                    progress(done, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _check(elf: Path, result: RunResult, samples: int) -> None:
    console = result.console.strip() or "(nothing)"
    if result.exit_code:
        raise TinyireeError(
            f"{elf.name}: expected the firmware to exit with code 0, found "
            f"{result.exit_code} after {len(result.inferences)} of {samples} inferences; its "
            f"console says what failed:\n"
            f"{console}"
        )
    if len(result.inferences) != samples:
        raise TinyireeError(
            f"{elf.name}: expected {samples} inferences, one per sample, found "
            f"{len(result.inferences)}; check that each sample has the input's size in bytes and "
            f"that the probe's invoke address is right. Console:\n{console}"
        )


def _join(results: Sequence[RunResult]) -> RunResult:
    return RunResult(
        output=b"".join(result.output for result in results),
        console="".join(result.console for result in results),
        exit_code=0,
        inferences=tuple(one for result in results for one in result.inferences),
        harness_instructions=sum(result.harness_instructions for result in results),
        profile=results[0].profile,
    )
