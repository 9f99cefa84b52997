"""The benchmark's outcome as tables in the terminal, and as JSON."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from tinyiree.bench.compare import Ratio, compare
from tinyiree.bench.measure import Failure, Measurement, Outcome
from tinyiree.bench.networks import NETWORKS
from tinyiree.bench.peers import Peer, Peers
from tinyiree.version import VERSION

NOTES = (
    "per inference, on simulated cores: instructions are counted exactly, cycles are estimated",
    "× best: ours over the smallest figure of the others on that instruction set; less is better",
    "* all RAM, where arena and stack are not known apart; tinyiree/bench/README.md says more",
)


def render(outcomes: Sequence[Outcome], peers: Peers) -> Table:
    """One table: for each network our targets, then the peers that compare with one of them."""
    table = Table(box=None, title="MLPerf Tiny, int8", title_justify="left", caption_justify="left")
    table.caption = "\n".join(NOTES)
    table.add_column("", no_wrap=True)
    for heading in ("on", "arena", "stack", "code", "weights", "flash", "instructions"):
        table.add_column(heading, justify="left" if heading == "on" else "right", no_wrap=True)
    for heading in ("per MAC", "cycles\n(est.)", "bit-exact"):
        table.add_column(heading, justify="right")
    for heading in ("instr.\n× best", "arena\n× best", "flash\n× best"):
        table.add_column(heading, justify="right")
    for network in NETWORKS:
        found = [outcome for outcome in outcomes if outcome.network == network.name]
        if not found:
            continue
        macs = next((o.macs for o in found if isinstance(o, Measurement)), None)
        size = f", {macs:,} MAC" if macs is not None else ""
        table.add_row(Text(f"{network.name}: {network.title}{size}", style="bold", no_wrap=True))
        for outcome in found:
            table.add_row(*_row(outcome, peers))
        for peer in peers.of(network.name, [outcome.target for outcome in found]):
            table.add_row(*_peer_row(peer, macs), style="dim")
        table.add_section()
    return table


def render_boards(outcomes: Sequence[Outcome], peers: Peers) -> Table | None:
    """Million cycles that others measured on real boards, beside our estimates for those cores.

    None when no chosen core has a board.
    """
    measured = [outcome for outcome in outcomes if isinstance(outcome, Measurement)]
    cores = {board.core for board in peers.boards}
    targets = list(dict.fromkeys(m.target for m in measured if m.target in cores))
    networks = [n.name for n in NETWORKS if any(m.network == n.name for m in measured)]
    networks = [name for name in networks if all(name in b.mcycles for b in peers.boards)]
    if not targets or not networks:
        return None
    table = Table(box=None, title="million cycles", title_justify="left", caption_justify="left")
    table.caption = (
        "boards: latency x clock with the waiting for flash; ours: an estimate from counted "
        "instructions, without it. The two do not compare as they stand"
    )
    for heading in ("", "on", "MHz"):
        table.add_column(heading, no_wrap=True)
    for name in networks:
        table.add_column(name, justify="right")
    for target in targets:
        ours = {m.network: m.cycles_estimate for m in measured if m.target == target}
        cells = [f"{ours[name] / 1e6:.2f}" if name in ours else "" for name in networks]
        table.add_row("tinyiree (estimate)", target, "", *cells)
        for board in peers.boards:
            if board.core == target:
                cells = [f"{board.mcycles[name]:g}" for name in networks]
                label = f"{board.stack}, {board.source}"
                table.add_row(label, board.core, str(board.clock_mhz), *cells, style="dim")
        table.add_section()
    return table


def render_agreements(outcomes: Sequence[Outcome]) -> Table | None:
    """Samples equal to the reference in every byte, and how many each of the two gets right.

    None when no outcome was compared with a reference.
    """
    table = Table(box=None, title="beside LiteRT's reference kernels", title_justify="left")
    for heading in ("", "on"):
        table.add_column(heading, no_wrap=True)
    for heading in ("every byte equal", "right: simulated core", "right: LiteRT"):
        table.add_column(heading, justify="right", no_wrap=True)
    for outcome in outcomes:
        if isinstance(outcome, Failure) or outcome.agreement is None:
            continue
        found = outcome.agreement
        equal = f"{found.samples - found.unequal} of {found.samples}"
        table.add_row(
            outcome.network,
            outcome.target,
            Text(equal, style="red") if found.unequal else equal,
            _share(found.correct, found.samples),
            _share(found.reference_correct, found.samples),
        )
    return table if table.row_count else None


def _share(correct: int | None, samples: int) -> str:
    return "" if correct is None else f"{correct} of {samples} ({correct / samples:.2%})"


def to_json(outcomes: Sequence[Outcome], peers: Peers) -> dict[str, Any]:
    """Everything in the tables: `results`, `failures`, `peers` and `boards`."""
    results = []
    for outcome in outcomes:
        if isinstance(outcome, Measurement):
            extra = {
                "bit_exact": outcome.bit_exact,
                "instructions_per_mac": round(outcome.instructions_per_mac, 4),
                "best_peer": dataclasses.asdict(compare(outcome, peers.stacks)),
            }
            results.append({**dataclasses.asdict(outcome), **extra})
    networks = {outcome.network for outcome in outcomes}
    targets = sorted({outcome.target for outcome in outcomes})
    return {
        "version": VERSION,
        "results": results,
        "failures": [dataclasses.asdict(o) for o in outcomes if isinstance(o, Failure)],
        "peers": [dataclasses.asdict(p) for n in sorted(networks) for p in peers.of(n, targets)],
        "boards": [dataclasses.asdict(board) for board in peers.boards],
    }


def _row(outcome: Outcome, peers: Peers) -> list[str | Text]:
    if isinstance(outcome, Failure):
        return ["  tinyiree", outcome.target, Text("failed", style="red")]
    ratios = compare(outcome, peers.stacks)
    exact = f"{outcome.samples - outcome.unequal} of {outcome.samples}"
    return [
        "  tinyiree",
        outcome.target,
        f"{outcome.arena_bytes:,}",
        f"{outcome.stack_bytes:,}",
        f"{outcome.code_bytes:,}",
        f"{outcome.weight_bytes:,}",
        f"{outcome.flash_bytes:,}",
        f"{outcome.instructions:,}",
        f"{outcome.instructions_per_mac:.2f}",
        f"{outcome.cycles_estimate:,}",
        exact if outcome.bit_exact else Text(exact, style="red"),
        _ratio(ratios.instructions),
        _ratio(ratios.arena_bytes),
        _ratio(ratios.flash_bytes),
    ]


def _ratio(ratio: Ratio | None) -> Text:
    if ratio is None:
        return Text("")
    return Text(f"{ratio.ratio:.2f}", style="green" if ratio.ratio < 1 else "")


def _peer_row(peer: Peer, macs: int | None) -> list[str]:
    ram = f"{peer.ram_bytes:,}*" if peer.ram_bytes is not None else ""
    return [
        f"  {peer.stack}",
        peer.core,
        _bytes(peer.arena_bytes) or ram,
        _bytes(peer.stack_bytes),
        _bytes(peer.code_bytes),
        _bytes(peer.model_bytes),
        _bytes(peer.total_flash_bytes),
        f"{peer.instructions:,}",
        f"{peer.instructions / macs:.2f}" if macs else "",
    ]


def _bytes(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
