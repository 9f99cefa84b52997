"""``tinyiree demo``: a sample, the whole way."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tinyiree.cli.console import ShownProgress, out
from tinyiree.demo import SampleResult, Score, float_score, run_sample
from tinyiree.report.terminal import render
from tinyiree.samples import find


def demo(
    sample: Annotated[str, typer.Argument(help="digits, mnist or resnet20")] = "digits",
    target: Annotated[
        list[str] | None, typer.Option(help="core; by default those of the sample")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="simulate the first test samples only")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="folder to keep the builds in")
    ] = None,
) -> None:
    """Build a trained sample, run it on simulated chips, and compare every byte with the host."""
    start = time.perf_counter()
    chosen = find(sample)
    out.print(f"{chosen.name}: {chosen.description}\n")
    results: list[SampleResult] = []
    with tempfile.TemporaryDirectory() as scratch:
        with ShownProgress() as progress:
            reference = float_score(chosen, progress)
        for name in target or chosen.targets:
            folder = (output or Path(scratch)) / f"{chosen.name}-{name}"
            with ShownProgress(f"{name}: ") as progress:
                results.append(run_sample(chosen, name, folder, limit, progress))
            out.print(render(results[-1].built.report))
            out.print()
    out.print(_accuracies(reference, results))
    out.print()
    for result in results:
        count = result.device.samples
        out.print(
            f"{chosen.name} on {result.built.manifest.target}: {count - len(result.unequal)} of "
            f"{count} samples bit-exact"
        )
    out.print(f"done in {time.perf_counter() - start:.0f} seconds")
    if any(result.unequal for result in results):
        raise typer.Exit(1)


def _accuracies(reference: Score, results: Sequence[SampleResult]) -> Table:
    table = Table(box=None)
    table.add_column("accuracy")
    table.add_column("", justify="right")
    table.add_row("float, PyTorch", str(reference))
    for result in results:
        target = result.built.manifest.target
        table.add_row(f"int8, host module of the {target} build", str(result.host))
        table.add_row(f"int8, {target} simulated", str(result.device))
    return table
