"""``tinyiree sample``: the sample apps, and what one prints on a simulated core or board."""

import tempfile
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.table import Table

from tinyiree.apps import AppImage, AppRun, build_app, find, names, place_of, run_app
from tinyiree.cli.console import ShownProgress, out
from tinyiree.errors import TinyireeError
from tinyiree.settings import ToolchainName
from tinyiree.sim import Simulator

sample = typer.Typer(help="Sample apps: a main.c around a network.", no_args_is_help=True)


@sample.command("list")
def list_apps() -> None:
    """List the apps, where they run and which files they lack on this machine."""
    table = Table(box=None)
    for heading in ("app", "what it does", "runs on", "missing files"):
        table.add_column(heading)
    for name in names():
        app = find(name)
        runs_on = ", ".join((*app.targets, *app.boards))
        table.add_row(name, app.description, runs_on, ", ".join(app.missing_files()))
    out.print(table)


@sample.command("run")
def run(
    name: Annotated[str, typer.Argument(help="an app, or a folder that holds one")],
    target: Annotated[
        str | None,
        typer.Option(help="core or board; by default the first one of the app's manifest"),
    ] = None,
    simulator: Annotated[str, typer.Option(help="auto, unicorn or qemu")] = "auto",
    toolchain: Annotated[str, typer.Option(help="zig or gcc")] = "zig",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="folder to keep the build in")
    ] = None,
) -> None:
    """Build an app, run it and print its console; exit 1 if it does not print what it must."""
    app = find(name)
    place = place_of(target or (*app.targets, *app.boards)[0])
    for value, kind in ((simulator, Simulator), (toolchain, ToolchainName)):
        if value not in get_args(kind):
            raise TinyireeError(
                f"'{value}': expected one of {', '.join(get_args(kind))}; choose one of them"
            )
    with tempfile.TemporaryDirectory() as scratch, ShownProgress(f"{place.name}: ") as progress:
        folder = output or Path(scratch) / app.name
        image = build_app(app, place, folder, cast(ToolchainName, toolchain), progress)
        progress("simulate", 0, 0)
        result = run_app(image, cast(Simulator, simulator))
    typer.echo(result.console, nl=False)
    out.print()
    out.print(_costs(image, result))
    if not result.is_success:
        out.print(f"{app.name} on {place.name}: the app reports a failure")
    elif result.unmet is not None:
        out.print(f"{app.name} on {place.name}: the console lacks {result.unmet!r}", markup=False)
    else:
        out.print(f"{app.name} on {place.name}: as expected")
    if not result.is_success or result.unmet is not None:
        raise typer.Exit(1)


def _costs(image: AppImage, result: AppRun) -> Table:
    memory = image.place.core.simulation
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    on_board = image.place.board is not None
    flash = f"bytes of {memory.flash.size_bytes:,}" if on_board else "bytes, the whole image"
    ram = f"bytes of {memory.ram.size_bytes:,}" if on_board else "bytes, the stack included"
    table.add_row("flash", f"{image.flash_bytes:,}", flash)
    table.add_row("RAM", f"{image.ram_bytes:,}", ram)
    count = len(result.inferences)
    total = sum(one.instructions for one in result.inferences)
    table.add_row("inferences", f"{count:,}", "")
    if count:
        table.add_row("instructions", f"{round(total / count):,}", "per inference, mean")
    table.add_row("", f"{result.other_instructions:,}", "outside of inferences")
    return table
