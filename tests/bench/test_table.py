"""Ratios to the best peer, the tables and the JSON."""

import json

from rich.console import Console
from rich.table import Table

from tinyiree.bench.compare import compare
from tinyiree.bench.measure import Failure, Measurement
from tinyiree.bench.peers import Board, Peer, Peers
from tinyiree.bench.table import render, render_boards, to_json

M4 = ("cortex-m4", "cortex-m7")
PEERS = Peers(
    (
        Peer("Quick", "kws", "cortex-m4", M4, "a", 1000, 900, 100, arena_bytes=400),
        Peer("Small", "kws", "cortex-m4", M4, "b", 4000, flash_bytes=500, ram_bytes=777),
        Peer("Elsewhere", "kws", "rv32imac", ("rv32imc",), "c", 1, 1, 1, arena_bytes=1),
        Peer("Other network", "ad", "cortex-m4", M4, "d", 2, 2, 2, arena_bytes=2),
    ),
    (Board("On a board", "cortex-m4", 120, "v1", {"kws": 5.5, "resnet8": 6.5, "ad": 7.5}),),
)


def measured(target: str = "cortex-m4", unequal: int = 0) -> Measurement:
    return Measurement(
        network="kws",
        target=target,
        frontend="tflite",
        macs=500,
        dispatches=3,
        arena_bytes=200,
        arena_bound_bytes=200,
        stack_bytes=64,
        static_ram_bytes=0,
        code_bytes=300,
        weight_bytes=450,
        flash_bytes=750,
        instructions=1500,
        cycles_estimate=2_000_000,
        samples=5,
        unequal=unequal,
    )


def text(table: Table) -> str:
    console = Console(width=250, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_each_figure_is_compared_with_its_best_peer() -> None:
    found = compare(measured(), PEERS.stacks)
    assert found.instructions is not None
    assert found.arena_bytes is not None
    assert (found.instructions.stack, found.instructions.ratio) == ("Quick", 1.5)
    assert (found.arena_bytes.stack, found.arena_bytes.ratio) == ("Quick", 0.5)
    assert found.flash_bytes is not None
    assert (found.flash_bytes.stack, found.flash_bytes.best) == ("Small", 500)
    alone = compare(measured("cortex-m3"), PEERS.stacks)
    assert alone.instructions is alone.arena_bytes is alone.flash_bytes is None


def test_a_row_holds_our_figures_and_the_ratios() -> None:
    lines = text(render([measured()], PEERS)).splitlines()
    (row,) = (line.split() for line in lines if line.strip().startswith("tinyiree "))
    assert row[1:] == [
        *("cortex-m4", "200", "64", "300", "450", "750", "1,500", "3.00", "2,000,000"),
        *("5", "of", "5", "1.50", "0.50", "1.50"),
    ]


def test_only_peers_that_compare_are_listed() -> None:
    shown = text(render([measured()], PEERS))
    assert "Quick" in shown
    assert "Small" in shown
    assert "777*" in shown
    assert "Elsewhere" not in shown
    assert "Other network" not in shown
    assert "Elsewhere" in text(render([measured("rv32imc")], PEERS))
    assert "Quick" not in text(render([measured("cortex-m3")], PEERS))


def test_inequality_and_failure_are_shown() -> None:
    shown = text(render([measured(unequal=2), Failure("kws", "cortex-m7", "why")], PEERS))
    assert "3 of 5" in shown
    assert "failed" in shown


def test_boards_stand_beside_our_estimate() -> None:
    table = render_boards([measured(), measured("cortex-m3")], PEERS)
    assert table is not None
    shown = text(table)
    assert "2.00" in shown
    assert "5.5" in shown
    assert "6.5" not in shown
    assert "cortex-m3" not in shown
    assert render_boards([measured("cortex-m3")], PEERS) is None
    assert render_boards([Failure("kws", "cortex-m4", "why")], PEERS) is None


def test_json_holds_all_of_it() -> None:
    outcomes = [measured(unequal=1), Failure("ad", "cortex-m4", "why")]
    found = json.loads(json.dumps(to_json(outcomes, PEERS)))
    (result,) = found["results"]
    assert (result["instructions"], result["instructions_per_mac"]) == (1500, 3.0)
    assert result["bit_exact"] is False
    assert result["best_peer"]["flash_bytes"] == {"stack": "Small", "best": 500, "ratio": 1.5}
    assert found["failures"] == [{"network": "ad", "target": "cortex-m4", "message": "why"}]
    assert {peer["stack"] for peer in found["peers"]} == {"Quick", "Small", "Other network"}
    assert found["boards"][0]["mcycles"]["kws"] == 5.5
