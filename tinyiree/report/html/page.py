"""What the page shows, made of report.json and evaluation.json."""

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from tinyiree.evaluation.model import Evaluation, Metrics
from tinyiree.evaluation.terminal import figure, label, notes
from tinyiree.report.html import numbers
from tinyiree.report.html.arena import draw
from tinyiree.report.model import Report
from tinyiree.report.text import (
    gap_text,
    kernel_text,
    on_board_text,
    op_text,
    run_text,
    sqnr_text,
    time_text,
    verify_text,
)

_KINDS = ("input", "output", "transient", "scratch", "state")


@dataclass(frozen=True)
class Tile:
    """A figure of the summary: what it is called, the number, its unit, and what it is made of."""

    name: str
    value: str
    unit: str
    detail: str
    good: bool | None = None


@dataclass(frozen=True)
class Share:
    """A part of a whole, with a bar."""

    name: str
    value: str
    share: str
    note: str = ""


def render_page(report: Report, evaluation: Evaluation | None = None) -> str:
    """One page of HTML: styles, script and drawings are in it, nothing is loaded.

    Args:
        report: of a build.
        evaluation: of the same build, if there is one.
    """
    environment = Environment(
        loader=PackageLoader("tinyiree.report.html", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "whole": numbers.whole,
        "short": numbers.short,
        "op": op_text,
        "kernel": kernel_text,
    }
    environment.globals |= {"percent": numbers.percent, "ratio": numbers.ratio}
    return environment.get_template("page.html.j2").render(
        report=report,
        evaluation=evaluation,
        tiles=_tiles(report, evaluation),
        layers=report.layers,
        tallest=_tallest(report),
        lowest_sqnr=min((x.sqnr_db for x in report.layers if x.sqnr_db is not None), default=None),
        arena=draw(report.memory),
        kinds=[k for k in _KINDS if any(b.kind == k for b in report.memory.buffers)],
        flash=_flash(report),
        operations=_operations(report),
        by_layer=[layer for layer in report.layers if layer.operations],
        columns=_columns(evaluation),
        figure=figure,
        label=label,
        evaluation_notes=notes(evaluation) if evaluation else [],
        gap=gap_text(report.memory),
        notes=_notes(report),
    )


def _tiles(report: Report, evaluation: Evaluation | None) -> list[Tile]:
    memory, flash, run = report.memory, report.flash, report.run
    macs = sum(layer.macs for layer in report.layers)
    stack = (
        "stack not measured" if memory.stack_bytes is None else (f"{memory.stack_bytes:,} stack")
    )
    tiles = [
        Tile(
            "RAM",
            numbers.whole(memory.total_ram_bytes),
            "bytes",
            f"{memory.arena_bytes:,} arena, {stack}, {memory.static_ram_bytes:,} static",
        ),
        Tile(
            "Flash",
            numbers.whole(flash.total_bytes),
            "bytes",
            f"{flash.code_bytes:,} code, {flash.weight_bytes:,} weights",
        ),
    ]
    if run is None:
        tiles.append(Tile("Instructions", "–", "", "not measured yet: tinyiree run"))
    else:
        per_mac = f", {run.instructions / macs:.2f} a MAC" if macs else ""
        tiles += [
            Tile(
                "Instructions",
                numbers.short(run.instructions),
                "",
                f"{run.instructions:,} an inference, exact{per_mac}",
            ),
            Tile(
                "Cycles",
                numbers.short(run.cycles_estimate),
                "estimate",
                time_text(report) or f"{run.cycles_estimate:,} an inference on {report.target}",
            ),
        ]
    tiles.append(Tile("Work", numbers.short(macs), "MACs", f"{len(report.layers)} layers"))
    if evaluation is not None:
        tiles.append(_judgement(evaluation))
    if report.verify is None:
        tiles.append(Tile("Core and host", "–", "", "not compared yet: tinyiree verify"))
    else:
        exact = report.verify.bit_exact
        tiles.append(
            Tile(
                "Core and host",
                "bit-exact" if exact else "not equal",
                "",
                f"every byte of {report.verify.samples:,} samples compared",
                exact,
            )
        )
    return tiles


def _judgement(found: Evaluation) -> Tile:
    where = "simulated core" if found.device else "host"
    value = found.best_known.values.get(found.main)
    shown = "–" if value is None else figure(found.main, value)
    name = label(found.main)
    number, _, unit = shown.partition(" ")
    return Tile(name[0].upper() + name[1:], number, unit, f"{where}, {found.samples:,} samples")


def _tallest(report: Report) -> dict[str, float]:
    """The greatest value of each column with bars."""
    layers = report.layers
    return {
        "macs": numbers.greatest(layer.macs for layer in layers),
        "weight_bytes": numbers.greatest(layer.weight_bytes for layer in layers),
        "output_bytes": numbers.greatest(layer.output_bytes for layer in layers),
        "instructions": numbers.greatest(layer.instructions for layer in layers),
        "cycles_estimate": numbers.greatest(layer.cycles_estimate for layer in layers),
        "sqnr_db": numbers.greatest(layer.sqnr_db for layer in layers),
    }


def _flash(report: Report) -> list[Share]:
    flash = report.flash
    data = flash.total_bytes - flash.code_bytes - flash.weight_bytes
    parts = [
        ("Code", flash.code_bytes, "layers, kernels, runtime, library calls, and their tables"),
        ("Weights", flash.weight_bytes, "constants of the model, as the kernels pack them"),
        ("Initial values", data, "of variables"),
    ]
    return [
        Share(name, f"{size:,}", numbers.percent(size, flash.total_bytes), note)
        for name, size, note in parts
        if size
    ]


def _operations(report: Report) -> list[Share]:
    most = numbers.greatest(report.operations.values())
    ordered = sorted(report.operations.items(), key=lambda item: (-item[1], item[0]))
    return [Share(name, f"{n:,}", numbers.percent(n, most)) for name, n in ordered]


def _columns(found: Evaluation | None) -> list[tuple[str, Metrics]]:
    if found is None:
        return []
    both = (("host", found.host), (f"simulated {found.target}", found.device))
    return [(name, metrics) for name, metrics in both if metrics is not None]


def _notes(report: Report) -> list[str]:
    found = [run_text(report), on_board_text(report), verify_text(report), sqnr_text(report)]
    return [text for text in found if text]
