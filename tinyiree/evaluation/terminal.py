"""An evaluation as tables in the terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tinyiree.evaluation.model import Evaluation, Metrics

MAX_CONFUSION = 20
"""Classes up to which the confusion matrix is printed; report.html shows larger ones."""

LABELS: dict[str, str] = {
    "accuracy": "accuracy",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "threshold": "threshold",
    "mean_absolute_error": "mean absolute error",
    "root_mean_squared_error": "root mean squared error",
    "r2": "R²",
}
"""What metrics are called; `label` knows the others."""

_PLAIN = ("threshold", "mean_absolute_error", "root_mean_squared_error", "r2")


def label(name: str) -> str:
    """What people call a metric."""
    return LABELS.get(name) or name.replace("_", " ").replace("top ", "top-")


def figure(name: str, value: float) -> str:
    """A metric as people read it: shares and accuracy in percent, AUC as a number."""
    if name in _PLAIN:
        return f"{value:.5g}"
    if name in ("roc_auc", "average_precision"):
        return f"{value:.4f}"
    return f"{100 * value:.2f} %"


def render(found: Evaluation) -> RenderableType:
    """Metrics, scores by class, confusion matrix, and how device and host compare."""
    best = found.best_known
    parts: list[RenderableType] = [_values(found)]
    if best.classes:
        parts += [Text(""), _classes(best)]
    if 0 < len(best.confusion) <= MAX_CONFUSION:
        parts += [Text(""), _confusion(best)]
    return Group(*parts, *(Text(note, style="dim") for note in notes(found)))


def notes(found: Evaluation) -> list[str]:
    """What the figures rest on."""
    result = [found.note] if found.note else []
    if found.agreement is not None:
        same, exact = found.agreement.same_answer, found.agreement.bit_exact
        result.append(
            f"device against host: {exact:,} of {found.samples:,} samples bit-exact, the same "
            f"answer for {same:,}"
        )
    return result


def _values(found: Evaluation) -> Table:
    title = f"{found.model} on {found.target}: {found.samples:,} samples of {found.source}"
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("", style="bold", no_wrap=True)
    columns = [("host", found.host), (f"simulated {found.target}", found.device)]
    shown = [(name, metrics) for name, metrics in columns if metrics is not None]
    for name, _ in shown:
        table.add_column(name, justify="right")
    for name in found.best_known.values:
        cells = [figure(name, metrics.values[name]) for _, metrics in shown]
        table.add_row(label(name), *cells)
    return table


def _classes(metrics: Metrics) -> Table:
    table = Table(box=None)
    table.add_column("class")
    for column in ("precision", "recall", "F1", "samples"):
        table.add_column(column, justify="right")
    for entry in (*metrics.classes, *metrics.averages):
        cells = [figure("f1", value) for value in (entry.precision, entry.recall, entry.f1)]
        style = "bold" if entry in metrics.averages else None
        table.add_row(entry.name, *cells, f"{entry.samples:,}", style=style)
    return table


def _confusion(metrics: Metrics) -> Table:
    names: Sequence[str] = [entry.name for entry in metrics.classes]
    table = Table(title="true class by row, answer by column", title_justify="left", box=None)
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right")
    for name, row in zip(names, metrics.confusion, strict=True):
        cells = [
            Text(f"{count:,}" if count else "·", style="" if count else "dim") for count in row
        ]
        table.add_row(name, *cells)
    return table
