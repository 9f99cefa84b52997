"""``tinyiree boards`` and ``tinyiree fit``: what there is, and what a model would fit."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tinyiree.cli.build import quantization, shape
from tinyiree.cli.console import ShownProgress, out
from tinyiree.cli.sizes import bytes_of, readable
from tinyiree.fit import Resource, Verdict, fit_boards
from tinyiree.targets import Board, board_names, load, load_board


def boards(
    core: Annotated[str | None, typer.Option(help="only those with this core")] = None,
    vendor: Annotated[str | None, typer.Option(help="only those of a maker; part of it")] = None,
    min_ram: Annotated[str | None, typer.Option(help="only those with as much, as in 64K")] = None,
    min_flash: Annotated[str | None, typer.Option(help="only those with as much")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List the boards that are known, with their memory."""
    if core is not None:
        load(core)
    chosen = [
        board
        for board in _all()
        if (core is None or board.core == core)
        and (vendor is None or vendor.lower() in f"{board.vendor} {board.chip.vendor}".lower())
        and board.ram_bytes >= bytes_of("--min-ram", min_ram or "0")
        and board.flash_bytes >= bytes_of("--min-flash", min_flash or "0")
    ]
    if as_json:
        print(json.dumps([_record(board) for board in chosen], indent=2))
        return
    table = Table(box=None)
    for heading in ("board", "chip", "core"):
        table.add_column(heading)
    for heading in ("clock", "flash", "RAM"):
        table.add_column(heading, justify="right")
    table.add_column("banks")
    for board in chosen:
        banks = ", ".join(f"{bank.name} {readable(bank.size_bytes)}" for bank in board.ram)
        table.add_row(
            board.name, board.chip.name, board.core, f"{board.clock_hz // 1_000_000} MHz",
            readable(board.flash_bytes), readable(board.ram_bytes), banks,
        )  # fmt: skip
    out.print(table)


def fit(
    model: Annotated[
        str,
        typer.Argument(
            help="FILE.py:NAME, or a .pt2, .onnx, .tflite or .mlir file", metavar="MODEL"
        ),
    ],
    board: Annotated[list[str] | None, typer.Option(help="only these; by default all")] = None,
    quantize: Annotated[str, typer.Option(help="int8 or none")] = "int8",
    calibration: Annotated[
        Path | None, typer.Option(help=".npz of float samples; the leading axis counts them")
    ] = None,
    input_shape: Annotated[
        list[str] | None, typer.Option(help="such as 1,1,28,28; once for each input")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="builds side by side; by default one for each core")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Say for every board whether a model fits, and how fast it would run.

    Built and simulated once for each core. Times are estimates, for memory without wait states.
    """
    chosen = [load_board(name) for name in board] if board else _all()
    with ShownProgress() as progress:
        verdicts, failures = fit_boards(
            model,
            chosen,
            quantize=quantization(quantize, calibration),
            input_shapes=[shape(text) for text in input_shape or ()],
            workers=jobs,
            progress=progress,
        )
    if as_json:
        print(json.dumps({"boards": [_fit_record(v) for v in verdicts], "failed": dict(failures)}))
    else:
        out.print(_table(verdicts))
        for core, reason in failures.items():
            out.print(f"not built for {core}: {reason}")
    if board and not all(verdict.fits for verdict in verdicts):
        raise typer.Exit(1)


def _all() -> list[Board]:
    return [load_board(name) for name in board_names()]


def _table(verdicts: Sequence[Verdict]) -> Table:
    """Those that fit first, the fastest on top; then by what is missing."""
    table = Table(box=None)
    for heading in ("board", "core", "fits", "tightest"):
        table.add_column(heading, no_wrap=True)
    for heading in ("RAM", "of", "flash", "of", "ms (est.)", "per s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in sorted(verdicts, key=lambda v: (not v.fits, v.milliseconds or 0, v.board.name)):
        limit = one.resources[0]
        table.add_row(
            one.board.name,
            one.board.core,
            "yes" if one.fits else "no",
            f"{limit.name} {limit.share:.0%}",
            *_of(next(r for r in one.resources if r.name == "RAM")),
            *_of(next(r for r in one.resources if r.name == "flash")),
            f"{one.milliseconds:,.2f}" if one.milliseconds is not None else "",
            f"{one.per_second:,.1f}" if one.per_second is not None else "",
        )
    return table


def _of(resource: Resource) -> tuple[str, str]:
    return readable(resource.need), readable(resource.limit)


def _record(board: Board) -> dict[str, object]:
    return {
        "name": board.name,
        "description": board.description,
        "chip": board.chip.name,
        "core": board.core,
        "clock_hz": board.clock_hz,
        "flash": {memory.name: memory.size_bytes for memory in board.flash},
        "ram": {memory.name: memory.size_bytes for memory in board.ram},
        "source": f"{board.source}; {board.chip.source}",
    }


def _fit_record(verdict: Verdict) -> dict[str, object]:
    return {
        "board": verdict.board.name,
        "core": verdict.board.core,
        "fits": verdict.fits,
        "resources": [
            {"name": r.name, "region": r.region, "need": r.need, "limit": r.limit}
            for r in verdict.resources
        ],
        "milliseconds_estimate": verdict.milliseconds,
        "inferences_per_second_estimate": verdict.per_second,
    }
