"""``tinyiree bench``: what networks cost on every core, beside other stacks."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.measure import Measurement as Measured
from rich.table import Table

from tinyiree.bench import (
    FRONTENDS,
    Failure,
    Frontend,
    Job,
    Measurement,
    find_networks,
    measure_all,
    read_peers,
    render,
    render_boards,
    to_json,
)
from tinyiree.cli.console import ShownProgress, out
from tinyiree.errors import TinyireeError
from tinyiree.targets import load, names

bench = typer.Typer(help="What networks cost on every core, beside other stacks.")


@bench.callback()
def _group() -> None:
    """What networks cost on every core, beside other stacks."""


@bench.command("mlperf-tiny")
def mlperf_tiny(
    target: Annotated[
        list[str] | None, typer.Option(help="cores, also as a,b; by default all of them")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="kws, resnet8, ad; with --frontend pytorch also vww")
    ] = None,
    frontend: Annotated[
        str, typer.Option(help="tflite: the int8 model; pytorch: the float one, quantized by us")
    ] = "tflite",
    limit: Annotated[int, typer.Option(min=1, help="inputs to run on each core")] = 5,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="builds side by side; by default one for each core")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write the results here as well")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="folder to keep the builds in")
    ] = None,
) -> None:
    """Build the networks of MLPerf Tiny, run them on simulated cores, and compare with others."""
    start = time.perf_counter()
    if frontend not in FRONTENDS:
        raise TinyireeError(f"--frontend {frontend}: expected one of {', '.join(FRONTENDS)}")
    if json_file is not None and not json_file.parent.is_dir():
        raise TinyireeError(f"cannot write {json_file}: there is no folder {json_file.parent}")
    kind = cast(Frontend, frontend)
    targets = _listed(target) or list(names())
    for name in targets:
        load(name)  # refuses an unknown one before any work
    networks = find_networks(_listed(model), kind)
    side_by_side = jobs != 1 and len(networks) * len(targets) > 1
    work = [
        Job(network.name, name, kind, limit, simulations=1 if side_by_side else None)
        for network in networks
        for name in targets
    ]
    with ShownProgress() as progress:
        outcomes = measure_all(work, workers=jobs, folder=output, progress=progress)
    peers = read_peers()
    _print_whole(render(outcomes, peers))
    if (boards := render_boards(outcomes, peers)) is not None:
        out.print()
        _print_whole(boards)
    if json_file is not None:
        _write(json_file, json.dumps(to_json(outcomes, peers), indent=1) + "\n")
    out.print(f"\ndone in {time.perf_counter() - start:.0f} seconds")
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if failures:
        raise TinyireeError(_all(failures))
    if not all(isinstance(o, Measurement) and o.bit_exact for o in outcomes):
        raise typer.Exit(1)


def _listed(values: Sequence[str] | None) -> list[str]:
    """``["a,b", "c"]`` as ``["a", "b", "c"]``, each once."""
    parts = [part.strip() for value in values or () for part in value.split(",")]
    return list(dict.fromkeys(part for part in parts if part))


def _print_whole(table: Table) -> None:
    """Print with every column: rich leaves out those that a narrow console has no room for."""
    needed = Measured.get(out, out.options.update(width=1000), table).maximum
    Console(soft_wrap=True, width=max(needed, out.width)).print(table)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TinyireeError(f"cannot write {path}: {error.strerror}") from error


def _all(failures: Sequence[Failure]) -> str:
    lines = [f"{f.network} on {f.target}: {f.message}" for f in failures]
    return f"{len(failures)} of the benchmark's runs failed:\n" + "\n".join(lines)
