"""``tinyiree targets``, ``passes`` and ``ops``: what there is, from the code itself."""

from rich.table import Table

from tinyiree.api import pipeline
from tinyiree.cli.console import out
from tinyiree.importers import supported_ops
from tinyiree.ir.dialect import OPS
from tinyiree.targets import load, names


def targets() -> None:
    """List the cores that can be built for."""
    table = Table(box=None)
    for heading in ("target", "description", "FPU", "simulators"):
        table.add_column(heading)
    for name in names():
        core = load(name)
        unicorn = "unicorn, " if core.simulation.unicorn_cpu else ""
        simulators = f"{unicorn}qemu ({core.simulation.qemu_machine})"
        table.add_row(name, core.description, core.fpu, simulators)
    out.print(table)


def passes() -> None:
    """List the passes in the order in which they run."""
    table = Table(box=None)
    table.add_column("pass")
    table.add_column("what it does")
    steps = pipeline()
    for step in (*steps, steps.planner):
        summary = (type(step).__doc__ or "").strip().splitlines()
        table.add_row(step.name, summary[0] if summary else "")
    out.print(table)


def ops() -> None:
    """List the operators: what each frontend's operations become, and those of the normal form."""
    table = Table(box=None, title="from PyTorch, ONNX and TensorFlow Lite")
    table.title_justify = "left"
    for heading in ("frontend", "operation", "element types", "becomes", "family"):
        table.add_column(heading)
    notes: dict[str, int] = {}
    for op in supported_ops():
        becomes = ", ".join(op.becomes) or "(nothing)"
        mark = f" ({notes.setdefault(op.note, len(notes) + 1)})" if op.note else ""
        table.add_row(op.frontend, op.name, ", ".join(op.dtypes) + mark, becomes, op.family)
    out.print(table)
    for note, number in notes.items():
        out.print(f"({number}) {note}", highlight=False)
    table = Table(box=None, title="normal form", title_justify="left")
    for heading in ("operator", "element types", "what it is"):
        table.add_column(heading)
    for spec in OPS:
        table.add_row(spec.name, ", ".join(spec.data), spec.summary)
    out.print(table)
