"""Orders of steps: what must stay in order, and the least peak."""

import random
from itertools import permutations

import pytest

from tinyiree.passes.planning import order as module
from tinyiree.passes.planning.occupancy import StepUses, Use
from tinyiree.passes.planning.order import MAX_ORDERS, Graph, orders_below, search


def step(reads: dict[int, int], writes: dict[int, int]) -> StepUses:
    uses = [Use.at(buffer, False, 0, 0, size) for buffer, size in reads.items()]
    uses += [Use.at(buffer, True, 0, 0, size) for buffer, size in writes.items()]
    return StepUses(1, tuple(uses))


def random_graph(seed: int, count: int = 7) -> Graph:
    """Each step reads one or two earlier results and writes one of its own."""
    rng = random.Random(seed)
    sizes = [8 * rng.randrange(1, 20) for _ in range(count + 1)]
    steps = []
    for number in range(count):
        reads = {rng.randrange(number + 1) for _ in range(2)}
        steps.append(step({b: sizes[b] for b in reads}, {number + 1: sizes[number + 1]}))
    return Graph(sizes, steps, frozenset({0}), frozenset({count}))


def valid_orders(graph: Graph) -> list[tuple[int, ...]]:
    count = len(graph.steps)
    return [
        order
        for order in permutations(range(count))
        if all(
            graph.before[s] & ~sum(1 << done for done in order[:at]) == 0
            for at, s in enumerate(order)
        )
    ]


@pytest.mark.parametrize("seed", range(8))
def test_no_order_has_a_lower_peak(seed: int) -> None:
    graph = random_graph(seed)
    orders = valid_orders(graph)
    found = search(graph)
    assert found.exact
    assert found.order in orders
    assert found.peak == graph.peak_of(found.order) == min(map(graph.peak_of, orders))


@pytest.mark.parametrize("seed", range(8))
def test_the_beam_finds_a_valid_order(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_STATES", 3)
    graph = random_graph(seed)
    found = search(graph)
    assert found.order in valid_orders(graph)
    assert found.peak == graph.peak_of(found.order) <= graph.peak_of(range(7))


def test_orders_below_a_limit() -> None:
    graph = random_graph(3)
    best = search(graph).peak
    listed = list(orders_below(graph, best + 1))
    allowed = [o for o in valid_orders(graph) if graph.peak_of(o) <= best]
    assert len(set(listed)) == len(listed) == min(MAX_ORDERS, len(allowed))
    assert set(listed) <= set(allowed)


def test_reads_writes_and_rewrites_of_a_buffer_keep_their_order() -> None:
    sizes = [8, 8, 8, 8]
    steps = [
        step({0: 8}, {1: 8}),
        step({1: 8}, {2: 8}),
        step({0: 8}, {1: 8}),  # buffer 1 again: after its reader
        step({1: 8, 2: 8}, {3: 8}),
    ]
    graph = Graph(sizes, steps, frozenset({0}), frozenset({3}))
    assert graph.before == [0b0000, 0b0001, 0b0011, 0b0111]


def test_parts_of_a_buffer_are_independent() -> None:
    halves = [
        StepUses(1, (Use.at(0, True, 0, 0, 8),)),
        StepUses(1, (Use.at(0, True, 0, 8, 16),)),
    ]
    assert Graph([16], halves, frozenset(), frozenset({0})).before == [0, 0]


def test_the_given_order_stays_when_none_is_better() -> None:
    sizes = [8] * 4
    steps = [step({0: 8}, {1: 8}), step({0: 8}, {2: 8}), step({1: 8, 2: 8}, {3: 8})]
    assert search(Graph(sizes, steps, frozenset({0}), frozenset({3}))).order == (0, 1, 2)
