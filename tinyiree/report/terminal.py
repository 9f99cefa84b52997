"""The report as tables in the terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tinyiree.report.model import Layer, Report


def render(report: Report) -> RenderableType:
    """Summary and cost by layer."""
    return Group(_summary(report), Text(""), _layers(report), *_notes(report))


def _summary(report: Report) -> Table:
    memory, flash = report.memory, report.flash
    table = Table(title=f"{report.model} on {report.target}", title_justify="left", box=None)
    table.add_column("", style="bold", no_wrap=True)
    table.add_column("bytes", justify="right")
    table.add_column("")
    gap = memory.arena_bytes - memory.arena_bound_bytes
    proof = "proven minimum for this order" if gap == 0 else f"at most {gap:,} above the minimum"
    table.add_row("arena", f"{memory.arena_bytes:,}", f"{memory.planner}, {proof}")
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
    if report.run is None:
        for layer in report.layers:
            table.add_row(*_columns(layer))
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
        table.add_row(*_columns(layer), _number(layer.instructions), share, cycles)
    table.add_row("runtime", "", "", "", "", "", f"{run.runtime_instructions:,}", "", "")
    return table


def _columns(layer: Layer) -> tuple[str, ...]:
    return (
        layer.name,
        layer.op.replace("qnn.", "").replace("nn.", ""),
        layer.kernel.partition(".")[0],  # the ISA: its operator stands beside it
        f"{layer.macs:,}" if layer.macs else "",
        f"{layer.weight_bytes:,}" if layer.weight_bytes else "",
        f"{layer.output_bytes:,}",
    )


def _notes(report: Report) -> list[Text]:
    notes = []
    if report.run is not None:
        notes.append(
            f"instructions: exact, mean of {report.run.samples} inferences "
            f"({report.run.simulator}); cycles: {report.run.assumption}"
        )
    if report.verify is not None:
        equal = "every byte equal" if report.verify.bit_exact else "NOT EQUAL"
        notes.append(f"verified against the host on {report.verify.samples} samples: {equal}")
    return [Text(note, style="dim") for note in notes]


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
