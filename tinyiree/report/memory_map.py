"""The arena over time as text: a row for each step, bytes from left to right, a letter a tensor."""

import string
from collections import Counter
from collections.abc import Sequence

from tinyiree.report.model import Memory, MemoryStep, PlacedBuffer, Report

WIDTH = 64
LETTERS = string.ascii_uppercase + string.ascii_lowercase
SCRATCH = "+"
SHARED = "/"
FREE = "."


def memory_map(report: Report, width: int = WIDTH) -> str:
    """The map of a build.

    A letter is a tensor, ``+`` scratch, ``/`` the bytes of a tensor that the step puts over the
    part of an input that it does not read any more. ``<`` marks the steps that reach the arena's
    end: they make its size.

    Args:
        report: of a build.
        width: characters for the arena.
    """
    memory = report.memory
    each = max(1, -(-memory.arena_bytes // width))
    letters = _letters(memory.buffers)
    labels = ["inputs", *(step.name for step in memory.steps), "outputs"]
    margin = min(24, max(map(len, labels)))
    lines = [
        f"{report.model} on {report.target}: arena {memory.arena_bytes:,} bytes, "
        f"{each:,} a character",
        "",
    ]
    names = Counter(step.name for step in memory.steps if step.function)
    chained = [False, *(_in_chain(i, memory.steps, names) for i in range(len(memory.steps))), False]
    last = ""
    for number, label in enumerate(labels, -1):
        alive = [i for i, b in enumerate(memory.buffers) if b.first_step <= number <= b.last_step]
        mark = " <" if any(_end(memory.buffers[i]) == memory.arena_bytes for i in alive) else ""
        row = _row(memory, alive, letters, each)
        # Of layers that take turns a few rows at a time only what changes is shown.
        if not chained[number + 1] or row != last:
            lines.append(f"{label[:margin]:{margin}} |{row}|{mark}")
        last = row if chained[number + 1] else ""
    lines += ["", *_legend(memory.buffers, letters)]
    return "\n".join(lines)


def _in_chain(number: int, steps: Sequence[MemoryStep], names: Counter[str]) -> bool:
    """Whether a step is a part of a layer, or moves rows between parts."""
    if steps[number].function:
        return names[steps[number].name] > 1
    around = steps[max(number - 1, 0) : number + 2]
    return any(step.function and names[step.name] > 1 for step in around)


def _end(buffer: PlacedBuffer) -> int:
    return buffer.offset + buffer.size


def _letters(buffers: Sequence[PlacedBuffer]) -> list[str]:
    """One a tensor in the order of their first steps; they begin anew when they run out."""
    found = [SCRATCH] * len(buffers)
    named = [i for i, buffer in enumerate(buffers) if buffer.kind != "scratch"]
    for count, i in enumerate(sorted(named, key=lambda i: (buffers[i].first_step, i))):
        found[i] = LETTERS[count % len(LETTERS)]
    return found


def _row(memory: Memory, alive: Sequence[int], letters: Sequence[str], each: int) -> str:
    cells = [FREE] * -(-memory.arena_bytes // each)
    # Small tensors last, so that they are seen where they share a character with a large one.
    for i in sorted(alive, key=lambda i: (-memory.buffers[i].size, i)):
        buffer = memory.buffers[i]
        for cell in range(buffer.offset // each, -(-_end(buffer) // each)):
            whole = buffer.offset <= cell * each and (cell + 1) * each <= _end(buffer)
            cells[cell] = SHARED if whole and cells[cell] != FREE else letters[i]
    return "".join(cells)


def _legend(buffers: Sequence[PlacedBuffer], letters: Sequence[str]) -> list[str]:
    shown = [(letters[i], b) for i, b in enumerate(buffers) if b.kind != "scratch"]
    shown.sort(key=lambda entry: LETTERS.index(entry[0]))
    scratch = max((b.size for b in buffers if b.kind == "scratch"), default=0)
    lines = [
        f"{letter}  {b.size:>9,} bytes at {b.offset:>9,}  {b.kind:9}  {b.name}"
        for letter, b in shown
    ]
    if scratch:
        lines.append(f"{SCRATCH}  scratch of a kernel, at most {scratch:,} bytes")
    lines.append(f"{SHARED}  a result over the part of an input that is not read any more")
    return lines
