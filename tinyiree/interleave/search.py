"""Which layers run in parts: the least memory for a price, or the lowest price for a memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tinyiree.interleave.chain import Cut, cut
from tinyiree.interleave.cost import Work, needed_bytes
from tinyiree.interleave.layers import RowLayer, make_chain, row_layer
from tinyiree.interleave.occupancy import graph, lifetimes
from tinyiree.iree.schedule import Schedule
from tinyiree.kernels.walk import Walk
from tinyiree.passes.plan_memory import PlanMemory

ROWS = (1, 2, 3, 4, 6, 8, 12, 16)
"""Rows of a call that are tried."""
MAX_CALLS = 1_000
"""Calls of a chain; chains of more are not looked at."""
MAX_LAYERS = 24
"""Layers of a chain."""
EFFORT = 150_000
"""Calls that are looked at in all."""


@dataclass(frozen=True)
class Piece:
    """Some steps that follow each other, and how they run.

    Attributes:
        start, end: numbers of the steps, `end` not included.
        need: bytes at the heaviest tick, about.
        price: instructions more than whole, about.
        cut: how the chain of these steps runs; None: whole.
    """

    start: int
    end: int
    need: int
    price: float
    cut: Cut | None = None


@dataclass(frozen=True)
class Way:
    """A way to run a whole schedule.

    Attributes:
        cuts: chains by the number of their first step.
        need: bytes, about; the planner's placement may need more or less.
        price: instructions more than with whole layers, about.
    """

    cuts: tuple[tuple[int, Cut], ...]
    need: int
    price: float


class Search:
    """The ways to run one schedule.

    Chains begin and end with whole maps, so that what one needs does not depend on the others.
    """

    def __init__(
        self, schedule: Schedule, walks: Mapping[int, Walk], work: Work, planner: PlanMemory
    ) -> None:
        self._schedule = schedule
        self._work = work
        self._alive = lifetimes(schedule)
        self._always = frozenset(schedule.states)
        self.instructions = work.total(schedule, walks)
        layers = [row_layer(step, schedule, walks) for step in schedule.steps]
        self._layers: list[RowLayer | None] = layers
        self._pieces: list[list[Piece]] = [[] for _ in schedule.steps]
        whole = graph(schedule, walks, planner.alignment)
        for number in range(len(schedule.steps)):
            need = whole.peak((1 << number) - 1, number) * planner.alignment
            self._pieces[number].append(Piece(number, number + 1, need, 0))
        effort = 0
        heaviest = max((pieces[0].need for pieces in self._pieces), default=0)
        for start, end in self._ranges():
            if effort > EFFORT:
                break
            before = max(self._pieces[i][0].need for i in range(start, end))
            found = []
            for rows in ROWS:
                piece = self._piece(start, end, rows)
                if piece is not None and piece.cut is not None:
                    effort += len(piece.cut.calls)
                    if piece.need < min(before, heaviest):
                        found.append(piece)
            self._pieces[start] += _best(found)

    def ways(self) -> list[Way]:
        """From the one that needs least to the cheapest, which cuts nothing."""
        limits = sorted({piece.need for pieces in self._pieces for piece in pieces})
        found: list[Way] = []
        for limit in limits:
            way = self._cheapest(limit)
            if way is not None and (not found or way.price < found[-1].price):
                found.append(way)
                if not way.cuts:
                    break
        return found

    def _cheapest(self, limit: int) -> Way | None:
        """The lowest price of all ways that need no more than `limit`."""
        count = len(self._pieces)
        best: list[tuple[float, Piece | None] | None] = [None] * count + [(0.0, None)]
        for start in range(count - 1, -1, -1):
            for piece in self._pieces[start]:
                rest = best[piece.end]
                if piece.need <= limit and rest is not None:
                    price = piece.price + rest[0]
                    known = best[start]
                    if known is None or price < known[0]:
                        best[start] = price, piece
        if best[0] is None:
            return None
        pieces, at = [], 0
        while at < count:
            entry = best[at]
            if entry is None or entry[1] is None:
                break
            pieces.append(entry[1])
            at = entry[1].end
        return Way(
            tuple((piece.start, piece.cut) for piece in pieces if piece.cut is not None),
            max((piece.need for piece in pieces), default=0),
            best[0][0],
        )

    def _ranges(self) -> Iterator[tuple[int, int]]:
        """Steps that may be a chain, the shorter ones first."""
        count = len(self._layers)
        run = [0] * (count + 1)
        for i in range(count - 1, -1, -1):
            run[i] = run[i + 1] + 1 if self._layers[i] is not None else 0
        for length in range(2, min(max(run, default=0), MAX_LAYERS) + 1):
            for start in range(count - length + 1):
                if run[start] >= length:
                    yield start, start + length

    def _piece(self, start: int, end: int, rows: int) -> Piece | None:
        layers = [layer for layer in self._layers[start:end] if layer is not None]
        if rows >= layers[-1].rows or sum(-(-x.rows // rows) for x in layers) > MAX_CALLS:
            return None
        outer = {*self._schedule.outputs, *self._schedule.inputs, *self._always}
        own = {layer.output for layer in layers}
        outer |= {b for b in own if self._alive[b].last >= end or self._alive[b].first < start}
        chain = make_chain(layers, frozenset(outer))
        if chain is None:
            return None
        one = cut(chain, rows)
        sizes = {i: buffer.size for i, buffer in enumerate(self._schedule.buffers)}
        touched = own.union(*(layer.inputs for layer in layers))
        dying = frozenset(b for b in touched - own if self._alive[b].last < end)
        rest = sum(
            alive.size
            for b, alive in enumerate(self._alive)
            if alive.first < start and alive.last >= end
            and b not in touched and b not in self._always
        )  # fmt: skip
        need = needed_bytes(one, sizes, dying - self._always) + rest
        return Piece(start, end, need, self._work.extra(one), one)


def _best(pieces: Sequence[Piece]) -> list[Piece]:
    """Those of which none other needs less at a lower price."""
    found: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: (piece.need, piece.price)):
        if not found or piece.price < found[-1].price:
            found.append(piece)
    return found
