"""A chain of layers, cut into calls of a few rows in the order of need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tinyiree.interleave.layers import Chain, RowLayer
from tinyiree.iree.schedule import Buffer, Copy, KernelCall, Schedule, Span, Step
from tinyiree.iree.state import without_unused
from tinyiree.kernels.walk import OVER_READ

ALIGNMENT = 8
"""Kernels are promised that activations begin at multiples of it."""


@dataclass(frozen=True)
class Call:
    """The rows ``[first, last)`` of a layer, by its number in the chain."""

    layer: int
    first: int
    last: int


@dataclass(frozen=True)
class Window:
    """The rows of a buffer that are held at the same time.

    Attributes:
        rows: as many at most.
        whole: all rows of the buffer: nothing is ever moved.
    """

    rows: int
    whole: bool


@dataclass(frozen=True)
class Cut:
    """A chain as calls.

    Attributes:
        chain: of layers.
        calls: in order.
        windows: by buffer; only those that the chain alone uses.
        lows: for each call the first row of its output's buffer that somebody still needs.
    """

    chain: Chain
    calls: tuple[Call, ...]
    windows: dict[int, Window]
    lows: tuple[int, ...]

    def moves(self) -> Iterator[tuple[int, int, int, int]]:
        """Before which call rows of its output are moved, and how: (call, base, low, end).

        The rows ``[low, end)`` move to the window's start, where row `base` lay.
        """
        bases = dict.fromkeys(self.windows, 0)
        for number, (call, low) in enumerate(zip(self.calls, self.lows, strict=True)):
            buffer = self.chain.layers[call.layer].output
            window = self.windows.get(buffer)
            if window is None or window.whole or call.last - bases[buffer] <= window.rows:
                continue
            yield number, bases[buffer], low, call.first
            bases[buffer] = low


def cut(chain: Chain, rows: int) -> Cut:
    """Cut a chain into calls of at most so many rows, each made when the next layer needs it.

    ::

        a; b; c   ->   a[0:2]; b[0:1]; c[0:1]; a[2:3]; b[1:2]; c[1:2]; ...
    """
    order = _Order(chain, rows)
    last = len(chain.layers) - 1
    order.demand(last, chain.layers[last].rows)
    for number, layer in enumerate(chain.layers):
        if layer.output in chain.kept:
            order.demand(number, layer.rows)
    windows = {}
    for buffer in chain.windows:
        layer = chain.layers[chain.producer[buffer]]
        windows[buffer] = Window(order.most.get(buffer, 0), order.most[buffer] >= layer.rows)
    return Cut(chain, tuple(order.calls), windows, tuple(order.lows))


class _Order:
    """Calls as they are needed."""

    def __init__(self, chain: Chain, rows: int) -> None:
        self.chain = chain
        self.rows = rows
        self.done = [0] * len(chain.layers)
        self.calls: list[Call] = []
        self.lows: list[int] = []
        self.most = dict.fromkeys(chain.windows, 0)

    def demand(self, number: int, upto: int) -> None:
        """Compute the rows of a layer below `upto`, and before that what they need."""
        layer = self.chain.layers[number]
        while self.done[number] < upto:
            first = self.done[number]
            last = min(upto, first + self.rows)
            for buffer in layer.inputs:
                if buffer in self.chain.producer:
                    source = self.chain.producer[buffer]
                    each = self.chain.layers[source].row_bytes
                    self.demand(source, -(-layer.end_byte(last) // each))
            low = self.low(layer, first)
            self.calls.append(Call(number, first, last))
            self.lows.append(low)
            self.done[number] = last
            if layer.output in self.most:
                self.most[layer.output] = max(self.most[layer.output], last - low)

    def low(self, layer: RowLayer, done: int) -> int:
        """The first row of a layer's output that somebody still needs."""
        found = done
        for number in self.chain.consumers[layer.output]:
            consumer = self.chain.layers[number]
            if self.done[number] < consumer.rows:
                found = min(found, consumer.first_byte(self.done[number]) // layer.row_bytes)
        return found


def apply(schedule: Schedule, start: int, cut_: Cut) -> Schedule:
    """Put the calls of a chain in place of its steps, which begin at `start`."""
    return apply_all(schedule, [(start, cut_)])


def apply_all(schedule: Schedule, cuts: Sequence[tuple[int, Cut]]) -> Schedule:
    """Put the calls of several chains in place of their steps."""
    buffers, steps = list(schedule.buffers), list(schedule.steps)
    for start, one in sorted(cuts, key=lambda entry: -entry[0]):
        steps[start : start + len(one.chain.layers)] = _Steps(one, buffers).steps()
    return without_unused(replace(schedule, buffers=tuple(buffers), steps=tuple(steps)))


class _Steps:
    """The steps of a cut chain; windows take the place of whole buffers in `buffers`."""

    def __init__(self, one: Cut, buffers: list[Buffer]) -> None:
        self._cut = one
        self._buffers = buffers
        self._bases = dict.fromkeys(one.windows, 0)
        for buffer, window in one.windows.items():
            if not window.whole:
                row = self._row(buffer)
                # Where the first row of the window may begin, and what is read in a last word.
                spare = ALIGNMENT - 1 if row % ALIGNMENT else 0
                spare += OVER_READ if self._reads_more(buffer) else 0
                buffers[buffer] = Buffer("transient", window.rows * row + spare)
        most = max(layer.scratch for layer in one.chain.layers)
        if most:
            buffers.append(Buffer("scratch", most))
        self._scratch = len(buffers) - 1

    def steps(self) -> list[Step]:
        found: list[Step] = []
        moves = {number: move for number, *move in self._cut.moves()}
        for number, call in enumerate(self._cut.calls):
            buffer = self._cut.chain.layers[call.layer].output
            if number in moves:
                base, low, end = moves[number]
                self._bases[buffer] = low
                row = self._row(buffer)
                if low < end:
                    source = self._start(buffer, base) + (low - base) * row
                    length = (end - low) * row
                    found.append(
                        Copy(
                            Span(buffer, source, length),
                            Span(buffer, self._start(buffer, low), length),
                        )
                    )
            found.append(self._call(call))
        return found

    def _call(self, call: Call) -> KernelCall:
        step = self._cut.chain.layers[call.layer].step
        spans = []
        for span in step.bindings:
            if span.buffer in self._bases and not self._cut.windows[span.buffer].whole:
                base = self._bases[span.buffer]
                offset = self._start(span.buffer, base) - base * self._row(span.buffer)
                spans.append(Span(span.buffer, offset, span.length))
            elif self._buffers[span.buffer].kind == "scratch":
                spans.append(Span(self._scratch, 0, span.length))
            else:
                spans.append(span)
        return replace(step, bindings=tuple(spans), part=(call.first, call.last))

    def _reads_more(self, buffer: int) -> bool:
        """Whether a layer may read the rest of the word that its window ends in."""
        readers = (self._cut.chain.layers[i] for i in self._cut.chain.consumers[buffer])
        return any(reader.walk.read_bytes % 4 for reader in readers)

    def _row(self, buffer: int) -> int:
        return self._cut.chain.layers[self._cut.chain.producer[buffer]].row_bytes

    def _start(self, buffer: int, base: int) -> int:
        """Where row `base` lies: such that the first row would lie at a multiple of ALIGNMENT."""
        return base * self._row(buffer) % ALIGNMENT
