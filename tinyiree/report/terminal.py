"""The report as tables in the terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tinyiree.evaluation import terminal as evaluation_terminal
from tinyiree.evaluation.model import Evaluation
from tinyiree.report.model import Layer, Report
from tinyiree.report.text import (
    gap_text,
    kernel_text,
    on_board_text,
    op_text,
    run_text,
    sqnr_text,
    verify_text,
)


def render(report: Report, evaluation: Evaluation | None = None) -> RenderableType:
    """Summary, cost by layer, and operations; and how well the model does, when that is known."""
    parts: list[RenderableType] = [_summary(report), Text(""), _layers(report), *_notes(report)]
    if report.operations:
        parts += [Text(""), _operations(report)]
    if evaluation is not None:
        parts += [Text(""), evaluation_terminal.render(evaluation)]
    return Group(*parts)


def _summary(report: Report) -> Table:
    memory, flash = report.memory, report.flash
    table = Table(title=f"{report.model} on {report.target}", title_justify="left", box=None)
    table.add_column("", style="bold", no_wrap=True)
    table.add_column("bytes", justify="right")
    table.add_column("")
    proof = f"{memory.planner}, {gap_text(memory)}"
    table.add_row("arena", f"{memory.arena_bytes:,}", proof)
    if memory.state_bytes:
        table.add_row("  state", f"{memory.state_bytes:,}", "kept between invocations")
    stack = "not measured yet: `tinyiree run`" if memory.stack_bytes is None else "measured"
    table.add_row("stack", _number(memory.stack_bytes), stack)
    table.add_row("static RAM", f"{memory.static_ram_bytes:,}", "the model's state")
    table.add_row("flash", f"{flash.total_bytes:,}", "model and runtime, whole")
    table.add_row("  code", f"{flash.code_bytes:,}", "with tables and library calls")
    table.add_row("  weights", f"{flash.weight_bytes:,}", "constants in flash")
    return table


def _layers(report: Report) -> Table:
    table = Table(box=None, show_footer=report.run is not None)
    macs = sum(layer.macs for layer in report.layers)
    table.add_column("layer", footer="total", no_wrap=True)
    table.add_column("op")
    table.add_column("kernel")
    table.add_column("MACs", justify="right", footer=f"{macs:,}")
    table.add_column("weights", justify="right")
    table.add_column("output", justify="right")
    noise = any(layer.sqnr_db is not None for layer in report.layers)
    if noise:
        table.add_column("SQNR", justify="right")
    if report.run is None:
        for layer in report.layers:
            table.add_row(*_columns(layer, noise))
        return table
    run = report.run
    table.add_column("instructions", justify="right", footer=f"{run.instructions:,}")
    per_mac = f"{run.instructions / macs:.2f}" if macs else ""
    table.add_column("per MAC", justify="right", footer=per_mac)
    table.add_column("cycles (estimate)", justify="right", footer=f"{run.cycles_estimate:,}")
    for layer in report.layers:
        share = (
            f"{layer.instructions / layer.macs:.2f}" if layer.macs and layer.instructions else ""
        )
        cycles = _number(layer.cycles_estimate)
        table.add_row(*_columns(layer, noise), _number(layer.instructions), share, cycles)
    blank = [""] * (6 if noise else 5)
    table.add_row("runtime", *blank, f"{run.runtime_instructions:,}", "", "")
    return table


def _columns(layer: Layer, noise: bool) -> tuple[str, ...]:
    decibels = "" if layer.sqnr_db is None else f"{layer.sqnr_db:.1f} dB"
    return (
        layer.name,
        op_text(layer),
        kernel_text(layer),
        f"{layer.macs:,}" if layer.macs else "",
        f"{layer.weight_bytes:,}" if layer.weight_bytes else "",
        f"{layer.output_bytes:,}",
        *([decibels] if noise else []),
    )


def _operations(report: Report) -> Table:
    """By type and bit width, most frequent first."""
    table = Table(box=None)
    table.add_column("operations")
    table.add_column("an inference", justify="right")
    for name, count in sorted(report.operations.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(name, f"{count:,}")
    return table


def _notes(report: Report) -> list[Text]:
    notes = _choices(report)
    notes += [run_text(report), on_board_text(report), verify_text(report), sqnr_text(report)]
    return [Text(note, style="dim") for note in notes if note]


def _choices(report: Report) -> list[str]:
    """Layers whose kernel is not simply the first of those that can, each reason once."""
    by_reason: dict[str, list[str]] = {}
    for layer in report.layers:
        usual = layer.why.startswith("the first of") or layer.why.endswith("none needs less")
        if layer.why and not usual:
            kernel = "IREE's code" if layer.kernel == "iree" else layer.kernel
            by_reason.setdefault(f"{kernel}: {layer.why}", []).append(layer.name)
    return [f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()]


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
