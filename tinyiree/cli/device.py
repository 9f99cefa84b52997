"""``tinyiree run``, ``verify`` and ``report``: what works on a folder that a build wrote."""

from pathlib import Path
from typing import Annotated, cast, get_args

import numpy as np
import typer

from tinyiree.built import open_build
from tinyiree.cli.console import ShownProgress, out
from tinyiree.errors import TinyireeError
from tinyiree.evaluation import read as read_evaluation
from tinyiree.evaluation.evaluate import FILE as EVALUATION
from tinyiree.report.html import render_page
from tinyiree.report.memory_map import memory_map
from tinyiree.report.terminal import render
from tinyiree.sim import Simulator
from tinyiree.tensors import read_npz

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="folder that a build wrote")]
Input = Annotated[Path, typer.Option(help=".npz: one array for each input, or a single one x")]
Limit = Annotated[int | None, typer.Option(min=1, help="use the first samples only")]
SimulatorName = Annotated[str, typer.Option(help="auto, unicorn or qemu")]


def run(
    folder: Folder,
    input: Input,
    output: Annotated[Path | None, typer.Option(help=".npz to write the raw outputs to")] = None,
    limit: Limit = None,
    simulator: SimulatorName = "auto",
) -> None:
    """Run samples on the simulated core and print what they cost."""
    built = open_build(folder)
    _check_writable(output)
    with ShownProgress() as progress:
        result = built.run(
            read_npz(input),
            limit=limit,
            simulator=_simulator(simulator),
            progress=progress,
            source=str(input),
        )
    if output is not None:
        single = len(result.outputs) == 1
        arrays = {"y" if single else f"y{i}": array for i, array in enumerate(result.outputs)}
        try:
            with output.open("wb") as file:  # savez would append .npz to a bare name
                np.savez(file, allow_pickle=False, instructions=result.instructions, **arrays)
        except OSError as error:
            raise TinyireeError(f"cannot write {output}: {error.strerror}") from error
    out.print(render(result.report))


def verify(
    folder: Folder,
    input: Input,
    limit: Limit = None,
    simulator: SimulatorName = "auto",
) -> None:
    """Compare the simulated core with the host in every byte; exit 0 only if all are equal."""
    built = open_build(folder)
    with ShownProgress() as progress:
        result = built.verify(
            read_npz(input),
            limit=limit,
            simulator=_simulator(simulator),
            progress=progress,
            source=str(input),
        )
    name = built.manifest.name
    equal = result.samples - len(result.unequal)
    target = built.manifest.target
    out.print(f"{name} on {target}: {equal} of {result.samples} samples bit-exact")
    if not result.bit_exact:
        shown = ", ".join(map(str, result.unequal[:20]))
        out.print(f"samples that differ from the host: {shown}")
        raise typer.Exit(1)


def report(
    folder: Folder,
    memory: Annotated[
        bool, typer.Option("--memory", help="the arena over time: a row a step, a letter a tensor")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="write one page of HTML, which needs no other file")
    ] = None,
    evaluation: Annotated[
        Path | None, typer.Option(help="evaluation.json; by default the one in DIR, if there is")
    ] = None,
) -> None:
    """What a build costs; `tinyiree run` measures instructions and stack, `evaluate` accuracy."""
    found = open_build(folder).report
    beside = folder / EVALUATION
    if evaluation is None and beside.is_file():
        evaluation = beside
    judged = read_evaluation(evaluation) if evaluation is not None else None
    if html is not None:
        _check_writable(html)
        try:
            html.write_text(render_page(found, judged), encoding="utf-8")
        except OSError as error:
            raise TinyireeError(f"cannot write {html}: {error.strerror}") from error
        out.print(f"written to {html}")
    if memory:
        print(memory_map(found))
    elif html is None:
        out.print(render(found, judged))


def _simulator(name: str) -> Simulator:
    if name not in get_args(Simulator):
        raise TinyireeError(f"--simulator {name}: expected one of {', '.join(get_args(Simulator))}")
    return cast(Simulator, name)


def _check_writable(path: Path | None) -> None:
    """Say before a long run that its result could not be written."""
    if path is not None and not path.parent.is_dir():
        raise TinyireeError(f"cannot write {path}: there is no folder {path.parent}")
