"""``tinyiree evaluate``: how well a build does on labelled samples."""

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from tinyiree.built import open_build
from tinyiree.cli.console import ShownProgress, out
from tinyiree.errors import TinyireeError
from tinyiree.evaluation.evaluate import FILE, Where
from tinyiree.evaluation.labels import read_classes, read_labels
from tinyiree.evaluation.score import ScoreName
from tinyiree.evaluation.terminal import figure, label, render
from tinyiree.sim import Simulator
from tinyiree.tensors import read_npz


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="folder that a build wrote")],
    input: Annotated[Path, typer.Option(help=".npz: one array for each input, or a single one x")],
    labels: Annotated[
        str, typer.Option(help=".npy or .npz file, or the name of an array in INPUT")
    ],
    on: Annotated[str, typer.Option(help="host, device (the simulated core) or both")] = "host",
    limit: Annotated[int | None, typer.Option(min=1, help="use the first samples only")] = None,
    score: Annotated[
        str,
        typer.Option(
            help="what is judged: class (the greatest output), positive (one output as a score), "
            "reconstruction (error of an autoencoder as a score), value (a regression), or auto"
        ),
    ] = "auto",
    positive: Annotated[
        str | None, typer.Option(help="the class to tell from all others, by name or number")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="of a score; by default that of the best F1")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="class names, one a line; or an array classes in INPUT")
    ] = None,
    at_least: Annotated[
        float | None, typer.Option(help="exit with 1 when accuracy (ROC AUC of a score) is lower")
    ] = None,
    simulator: Annotated[str, typer.Option(help="auto, unicorn or qemu")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="print evaluation.json")] = False,
) -> None:
    """Accuracy, precision, recall, F1, confusion matrix, ROC AUC on labelled samples.

    Exit 1: host and device differ in a byte (--on both), or the result is below --at-least.
    """
    where = cast(Where, _choice("--on", on, get_args(Where)))
    judged = cast(ScoreName, _choice("--score", score, get_args(ScoreName)))
    engine = cast(Simulator, _choice("--simulator", simulator, get_args(Simulator)))
    built = open_build(folder)
    arrays = read_npz(input)
    with ShownProgress() as progress:
        found = built.evaluate(
            arrays,
            read_labels(labels, arrays, str(input)),
            on=where,
            limit=limit,
            score=judged,
            positive=positive,
            threshold=threshold,
            classes=read_classes(classes, arrays),
            simulator=engine,
            progress=progress,
            source=str(input),
        )
    if json:
        print(found.as_json(), end="")
    else:
        out.print(render(found))
        out.print(f"written to {folder / FILE}; `tinyiree report` shows it")
    reached = found.best_known.values.get(found.main)
    if at_least is not None and found.score == "value":
        raise TinyireeError(
            f"--at-least {at_least:g}: it has no use for a regression, whose error should be small"
        )
    if at_least is not None and (reached is None or reached < at_least):
        shown = "unknown" if reached is None else figure(found.main, reached)
        wanted = figure(found.main, at_least)
        typer.echo(f"{label(found.main)} is {shown}, expected at least {wanted}", err=True)
        raise typer.Exit(1)
    if not found.bit_exact:
        raise typer.Exit(1)


def _choice(option: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise TinyireeError(f"{option} {value}: expected one of {', '.join(allowed)}")
    return value
