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
    LAYERS,
    REFERENCES,
    Failure,
    Frontend,
    Job,
    Measurement,
    find_networks,
    layers_to_json,
    load_litert,
    make_module,
    measure_all,
    measure_layers,
    read_peers,
    render,
    render_agreements,
    render_boards,
    render_layers,
    to_json,
)
from tinyiree.bench.planner import examples, measure, read_csv
from tinyiree.bench.planner import render as render_planner
from tinyiree.cli.console import ShownProgress, out
from tinyiree.errors import TinyireeError
from tinyiree.kernels.tuned import FILE as TABLE
from tinyiree.passes.plan_memory import PlanMemory
from tinyiree.targets import load, names
from tinyiree.tune import ship

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
    reference: Annotated[
        str | None,
        typer.Option(help="litert: also compare every output byte with LiteRT's reference kernels"),
    ] = None,
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
    _check_reference(reference, frontend)
    if json_file is not None and not json_file.parent.is_dir():
        raise TinyireeError(f"cannot write {json_file}: there is no folder {json_file.parent}")
    kind = cast(Frontend, frontend)
    targets = _listed(target) or list(names())
    for name in targets:
        load(name)  # refuses an unknown one before any work
    networks = find_networks(_listed(model), kind)
    side_by_side = jobs != 1 and len(networks) * len(targets) > 1
    work = [
        Job(
            network.name,
            name,
            kind,
            limit,
            simulations=1 if side_by_side else None,
            reference=reference is not None,
        )
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
    if (agreements := render_agreements(outcomes)) is not None:
        out.print()
        _print_whole(agreements)
    if json_file is not None:
        _write(json_file, json.dumps(to_json(outcomes, peers), indent=1) + "\n")
    out.print(f"\ndone in {time.perf_counter() - start:.0f} seconds")
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if failures:
        raise TinyireeError(_all(failures))
    if not all(isinstance(o, Measurement) and o.bit_exact for o in outcomes):
        raise typer.Exit(1)


@bench.command("layers")
def layers(
    target: Annotated[
        list[str] | None, typer.Option(help="cores, also as a,b; by default cortex-m4")
    ] = None,
    only: Annotated[
        str, typer.Option(help="only layers with this in their name, such as depthwise")
    ] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write the results here as well")
    ] = None,
) -> None:
    """Count the instructions of single layers of small networks, beside a library's kernels."""
    if json_file is not None and not json_file.parent.is_dir():
        raise TinyireeError(f"cannot write {json_file}: there is no folder {json_file.parent}")
    targets = _listed(target) or ["cortex-m4"]
    for name in targets:
        load(name)  # refuses an unknown one before any work
    chosen = [layer for layer in LAYERS if only in layer.name]
    if not chosen:
        raise TinyireeError(
            f"--only {only}: expected a part of a layer's name, found none that has it; the names "
            f"are: {'; '.join(layer.name for layer in LAYERS)}"
        )
    with ShownProgress() as progress:
        runs = [measure_layers(chosen, name, progress=progress) for name in targets]
    peers = read_peers()
    _print_whole(render_layers(runs, peers))
    if json_file is not None:
        _write(json_file, json.dumps(layers_to_json(runs, peers), indent=1) + "\n")
    if not all(run.bit_exact for run in runs):
        wrong = ", ".join(run.target for run in runs if not run.bit_exact)
        raise TinyireeError(f"{wrong}: not every byte is that of the host module")


@bench.command("tune")
def tune(
    target: Annotated[
        list[str] | None, typer.Option(help="cores, also as a,b; by default all of them")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="default: the table of the package")
    ] = None,
) -> None:
    """Measure every kernel on the layers of `bench layers`; write the table that builds use."""
    cores = _listed(target) or list(names())
    with ShownProgress() as progress:
        table = ship(make_module(LAYERS).text, cores, output or TABLE, progress)
    for core, choices in table.choices.items():
        out.print(f"{core}: {len(choices)} layers have a better kernel than the first one")


def _check_reference(reference: str | None, frontend: str) -> None:
    if reference is None:
        return
    if reference not in REFERENCES:
        raise TinyireeError(f"--reference {reference}: expected {', '.join(REFERENCES)}")
    if frontend != "tflite":
        raise TinyireeError(
            f"--reference {reference}: expected --frontend tflite, found {frontend}: LiteRT runs "
            "the .tflite model; leave one of the two options out"
        )
    load_litert()


@bench.command("planner")
def planner(
    csv: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="a problem: columns lower, upper, size (minimalloc's)"),
    ] = None,
    alignment: Annotated[int, typer.Option(min=1, help="bytes that offsets are multiples of")] = 8,
    effort: Annotated[
        float, typer.Option(min=0, help="limit of the exact search; a unit takes some seconds")
    ] = PlanMemory.effort,
) -> None:
    """Place the examples that memory planners are judged by, beside greedy by size."""
    chosen = [read_csv(path) for path in csv or ()] or examples()
    results = []
    with ShownProgress() as progress:
        for done, example in enumerate(chosen):
            progress(f"plan {example.name}", done, len(chosen))
            results.append(measure(example, PlanMemory(alignment, effort)))
    _print_whole(render_planner(results))


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
