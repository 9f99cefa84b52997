"""The costs of single layers as a table in the terminal, and as JSON."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from tinyiree.bench.layer_run import LayerCost, LayerRun
from tinyiree.bench.peers import Peers
from tinyiree.version import VERSION

CAPTION = (
    "instructions for each multiply-accumulate (MAC) or element, everything included, counted on "
    "simulated cores;\nbeside them what a library's kernel needs where that was published"
)


def render_layers(runs: Sequence[LayerRun], peers: Peers) -> Table:
    """A row for each layer; for each core its kernel, our count, and the library's."""
    table = Table(box=None, title="single layers, int8", title_justify="left")
    table.caption, table.caption_justify = CAPTION, "left"
    table.add_column("", no_wrap=True)
    table.add_column("per", no_wrap=True)
    for run in runs:
        peer = peers.kernels_on(run.target)
        table.add_column(f"{run.target}\nkernel", no_wrap=True)
        table.add_column("instr.", justify="right", no_wrap=True)
        table.add_column(peer.stack if peer else "", justify="right")
    for rows in zip(*(run.costs for run in runs), strict=True):
        cells: list[str | Text] = [rows[0].layer, rows[0].per]
        for cost in rows:
            theirs = published(cost, peers)
            better = theirs is not None and cost.per_unit < theirs
            cells.append(cost.kernel)
            cells.append(Text(f"{cost.per_unit:.2f}", style="green" if better else ""))
            cells.append("" if theirs is None else f"{theirs:.2f}")
        table.add_row(*cells)
    return table


def published(cost: LayerCost, peers: Peers) -> float | None:
    """What a library's kernel needs for each unit; None where nobody published a figure."""
    peer = peers.kernels_on(cost.target)
    return None if peer is None else peer.per_unit(cost.layer, cost.units)


def layers_to_json(runs: Sequence[LayerRun], peers: Peers) -> dict[str, Any]:
    """Everything in the table: `layers`, and `bit_exact` by core."""
    return {
        "version": VERSION,
        "bit_exact": {run.target: run.bit_exact for run in runs},
        "layers": [
            {
                **dataclasses.asdict(cost),
                "per_unit": round(cost.per_unit, 4),
                "published_per_unit": published(cost, peers),
            }
            for run in runs
            for cost in run.costs
        ],
    }
