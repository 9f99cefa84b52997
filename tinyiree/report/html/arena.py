"""The arena over time as boxes: steps downwards, bytes from left to right."""

from dataclasses import dataclass

from tinyiree.report.html.numbers import whole
from tinyiree.report.model import Memory, PlacedBuffer

WIDTH = 960
RIGHT, TOP = 60, 30
ROW = 24
_CHARACTER = 6.4  # width of one in pixels, at the size that the boxes use
_GAP = 0.75  # between boxes
_HUES = 5
_MARGIN = 28  # beside the labels of the steps
_LEFT = 76, 200  # least and greatest room for them
_TICK = 64  # least distance of a tick from the arena's end


@dataclass(frozen=True)
class Box:
    """A tensor: its place in pixels, what stands in it, and what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    style: str
    label: str
    bytes: str
    title: str


@dataclass(frozen=True)
class Row:
    """A step: where its label goes, and whether the arena is full up to its end."""

    y: float
    label: str
    title: str
    peak: bool


@dataclass(frozen=True)
class Tick:
    """A mark of the axis of bytes."""

    x: float
    label: str


@dataclass(frozen=True)
class Arena:
    """The drawing in pixels of its own."""

    width: int
    height: int
    left: float
    right: float
    top: float
    row: float
    boxes: tuple[Box, ...]
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]


def draw(memory: Memory) -> Arena:
    """Lay out a box for each tensor; small ones come last, on top of large ones."""
    labels = ["inputs", *(step.name for step in memory.steps), "outputs"]
    longest = max(map(len, labels)) * _CHARACTER + _MARGIN
    left = round(min(max(longest, _LEFT[0]), _LEFT[1]))
    span = WIDTH - left - RIGHT
    each = span / max(1, memory.arena_bytes)
    hues = _hues(memory)
    order = sorted(range(len(memory.buffers)), key=lambda i: (-memory.buffers[i].size, i))
    boxes = [
        _box(memory.buffers[i], left, each, hues[i], labels)
        for i in order
        if memory.buffers[i].size
    ]
    rows = []
    for number, label in enumerate(labels, -1):
        alive = [b for b in memory.buffers if b.first_step <= number <= b.last_step]
        top = max((b.offset + b.size for b in alive), default=0)
        title = f"{label}: {whole(sum(b.size for b in alive))} bytes in {len(alive)} tensors"
        full = 0 < memory.arena_bytes == top
        rows.append(Row(TOP + (number + 1) * ROW, _cut(label, left - _MARGIN), title, full))
    height = TOP + len(labels) * ROW + 8
    return Arena(
        WIDTH,
        height,
        left,
        left + span,
        TOP,
        ROW,
        tuple(boxes),
        tuple(rows),
        tuple(_ticks(memory.arena_bytes, left, each)),
    )


def _box(buffer: PlacedBuffer, left: float, each: float, style: str, labels: list[str]) -> Box:
    first, last = buffer.first_step + 1, min(buffer.last_step + 1, len(labels) - 1)
    width = max(1.5, buffer.size * each - _GAP)
    title = (
        f"{buffer.name or buffer.kind} ({buffer.kind}): {whole(buffer.size)} bytes at "
        f"{whole(buffer.offset)}, from {labels[first]} to {labels[last]}"
    )
    height = (last - first + 1) * ROW - 2 * _GAP
    size = _cut(whole(buffer.size), width - 10) if height > 1.6 * ROW else ""
    return Box(
        x=round(left + buffer.offset * each, 2),
        y=round(TOP + first * ROW + _GAP, 2),
        width=round(width, 2),
        height=round(height, 2),
        style=style,
        label=_cut(buffer.name or buffer.kind, width - 10),
        bytes="" if size.endswith("…") else size,
        title=title,
    )


def _hues(memory: Memory) -> list[str]:
    """A CSS class for each tensor; those between layers take turns, so that neighbours differ."""
    found = [buffer.kind for buffer in memory.buffers]
    between = [i for i, buffer in enumerate(memory.buffers) if buffer.kind == "transient"]
    between.sort(key=lambda i: (memory.buffers[i].first_step, memory.buffers[i].offset))
    for count, i in enumerate(between):
        found[i] = f"t{count % _HUES}"
    return found


def _cut(text: str, width: float) -> str:
    """As much of a text as a width in pixels holds."""
    room = int(width / _CHARACTER)
    if len(text) <= room:
        return text
    return text[: room - 1] + "…" if room >= 4 else ""


def _ticks(total: int, left: float, each: float) -> list[Tick]:
    """Round numbers of bytes, about six of them, and none too close to the end."""
    if not total:
        return []
    power = 10 ** (len(str(max(1, total // 6))) - 1)
    step = next(power * f for f in (1, 2, 5, 10) if power * f * 6 >= total)
    marks = range(0, total, step)
    return [Tick(left + at * each, whole(at)) for at in marks if (total - at) * each >= _TICK]
