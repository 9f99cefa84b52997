"""Single layers: their definitions, a run on a simulated core, and the published figures."""

import dataclasses
import json

import pytest
from rich.console import Console

from tinyiree.bench import LAYERS, layers_to_json, measure_layers, read_peers, render_layers
from tinyiree.bench.layer_run import LayerCost, LayerRun
from tinyiree.bench.layer_table import published
from tinyiree.errors import TinyireeError

BY_NAME = {layer.name: layer for layer in LAYERS}
COST = LayerCost("fully connected 640->128", "cortex-m4", "a.b", "MAC", 81920, 81920, None, 81920)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(LAYERS)


def test_published_figures_are_of_layers_that_there_are() -> None:
    for peer in read_peers().kernels:
        assert {*peer.instructions, *peer.per_element} <= BY_NAME.keys()
        assert not peer.instructions.keys() & peer.per_element.keys()
        assert all(BY_NAME[name].per == "MAC" for name in peer.instructions)
        assert all(BY_NAME[name].per == "element" for name in peer.per_element)


def test_figures_per_unit() -> None:
    """As they were published, rounded: 1.95 and 80.6 on Cortex-M4."""
    peers = read_peers()
    assert published(COST, peers) == pytest.approx(1.95, abs=0.005)
    add = BY_NAME["residual add 16x16x32"]
    cost = dataclasses.replace(COST, layer=add.name, units=add.units)
    assert published(cost, peers) == 80.6
    assert published(dataclasses.replace(COST, layer="fully connected 64->12"), peers) is None
    assert published(dataclasses.replace(COST, target="cortex-m0"), peers) is None


def test_a_run_counts_every_layer_and_compares_with_the_host() -> None:
    names = ["mean 8x8x64", "fully connected 8->128", "lookup 16x16x32"]
    run = measure_layers([BY_NAME[name] for name in names], "cortex-m4")
    assert run.bit_exact
    assert [cost.layer for cost in run.costs] == names
    assert [cost.kernel.split(".")[0] for cost in run.costs] == ["armv7em", "armv7em", "iree"]
    assert all(1 < cost.per_unit < 10 for cost in run.costs)


def test_without_a_kernel() -> None:
    layer = BY_NAME["fully connected 8->128"]
    without = frozenset({"armv7em.fully_connected"})
    (cost,) = measure_layers([layer], "cortex-m4", without=without).costs
    assert cost.kernel != "armv7em.fully_connected"


def test_an_unknown_core_is_refused() -> None:
    with pytest.raises(TinyireeError, match="cortex-m9"):
        measure_layers(LAYERS[:1], "cortex-m9")


def test_table_and_json() -> None:
    peers = read_peers()
    slow = dataclasses.replace(COST, target="rv32imc", instructions=5 * 81920)
    runs = [LayerRun("cortex-m4", (COST,), True), LayerRun("rv32imc", (slow,), True)]
    console = Console(width=200, record=True, file=None)
    with console.capture() as capture:
        console.print(render_layers(runs, peers))
    line = next(line for line in capture.get().splitlines() if "640->128" in line)
    assert line.split()[2:] == ["640->128", "MAC", "a.b", "1.00", "1.95", "a.b", "5.00", "5.43"]
    found = json.loads(json.dumps(layers_to_json(runs, peers)))
    assert found["bit_exact"] == {"cortex-m4": True, "rv32imc": True}
    assert [row["per_unit"] for row in found["layers"]] == [1.0, 5.0]
