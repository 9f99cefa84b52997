"""Chains of layers as the words of ``tinyiree_chain_t``; what repeats is made a loop."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinyiree.emit.program import Program
from tinyiree.errors import TinyireeError
from tinyiree.iree.schedule import Copy, KernelCall, Step

MAX_BINDINGS = 4
"""``TINYIREE_CHAIN_BINDINGS``."""
MAX_ROWS = 0xFFFF
"""Rows, turns and calls are 16 bits wide."""
MAX_BODY = 200
"""Instructions of a loop."""

_CALL, _CALL_IN_LOOP, _MOVE, _REPEAT, _END = range(5)


@dataclass(frozen=True)
class ChainCode:
    """A chain as data.

    Attributes:
        layers: for each entry of its table of calls, one call of the layer.
        lines: its words, uint32, an instruction a line.
    """

    layers: tuple[KernelCall, ...]
    lines: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class _Instruction:
    """A call or a move.

    Attributes:
        head: the first word without the kind; -1 for a move.
        numbers: first row, last row, offsets; or source, target, bytes.
    """

    head: int
    numbers: tuple[int, ...]

    @property
    def words(self) -> int:
        """Outside of a loop."""
        return len(self.numbers) + (1 if self.head < 0 else 0)

    @property
    def words_in_loop(self) -> int:
        return self.words if self.head < 0 else 2 * len(self.numbers) - 1

    def line(self) -> tuple[int, ...]:
        """Outside of a loop."""
        if self.head < 0:
            return _MOVE, *self.numbers
        first, last, *offsets = self.numbers
        return _CALL | self.head, first | last << 16, *(at & 0xFFFFFFFF for at in offsets)

    def line_in_loop(self, following: "_Instruction") -> tuple[int, ...]:
        """With what a turn adds, given the same instruction of the next turn."""
        if self.head < 0:
            return self.line()
        moved = _moved(self, following)
        head, *rest = self.line()
        return head | _CALL_IN_LOOP, *rest, *(by & 0xFFFFFFFF for by in moved[1:])


@dataclass(frozen=True)
class _Piece:
    """Instructions from `start` on: a single one, or a loop of `body` with `turns`."""

    start: int
    body: int
    turns: int


def chain_at(steps: Sequence[Step], number: int) -> Sequence[Step]:
    """The steps from `number` on that make a chain; empty when none starts there."""
    end = number
    for i in range(number, len(steps)):
        step = steps[i]
        if isinstance(step, KernelCall) and step.part is not None:
            end = i + 1
        elif not isinstance(step, Copy) or end == number:
            break
    return steps[number:end]


def encode(program: Program, chain: Sequence[Step]) -> ChainCode:
    """The words of a chain.

    Raises:
        TinyireeError: more layers or rows than the words can say.
    """
    layers: dict[int, KernelCall] = {}
    for step in chain:
        if isinstance(step, KernelCall):
            layers.setdefault(step.group, step)
    most = max(step.rows for step in layers.values())
    if max(len(layers), most) > MAX_ROWS:
        raise TinyireeError(
            f"model '{program.name}' has a chain of {len(layers)} layers of up to {most} rows; the "
            f"runtime's tables hold {MAX_ROWS}: build without interleaving (--optimize speed)"
        )
    numbers = {group: number for number, group in enumerate(layers)}
    code = [_instruction(program, step, numbers) for step in chain]
    lines = [line for piece in _pieces(code) for line in _lines(code, piece)]
    return ChainCode(tuple(layers.values()), (*lines, (_END,)))


def _instruction(program: Program, step: Step, layers: dict[int, int]) -> _Instruction:
    if isinstance(step, Copy):
        spans = program.offset(step.source), program.offset(step.target), step.source.length
        return _Instruction(-1, spans)
    if not isinstance(step, KernelCall) or step.part is None:
        raise ValueError(f"a chain has calls and copies, not {step}")
    offsets = tuple(program.offset(span) for span in step.bindings)
    head = layers[step.group] << 16 | len(offsets) << 8
    return _Instruction(head, (*step.part, *offsets))


def _lines(code: Sequence[_Instruction], piece: _Piece) -> Iterator[tuple[int, ...]]:
    if piece.turns == 1:
        yield code[piece.start].line()
        return
    words = 0
    for i in range(piece.start, piece.start + piece.body):
        line = code[i].line_in_loop(code[i + piece.body])
        words += len(line)
        yield line
    yield _REPEAT | piece.turns << 16, words + 1


def _pieces(code: Sequence[_Instruction]) -> list[_Piece]:
    """The cut into single instructions and loops that takes the fewest words."""
    count = len(code)
    best = [0] * (count + 1)
    choice = [_Piece(0, 1, 1)] * count
    for start in range(count - 1, -1, -1):
        best[start] = code[start].words + best[start + 1]
        choice[start] = _Piece(start, 1, 1)
        size = 2
        for body in range(1, min(MAX_BODY, (count - start) // 2) + 1):
            size += code[start + body - 1].words_in_loop
            turns = _turns(code, start, body)
            if turns > 1:
                words = size + best[start + body * turns]
                if words < best[start]:
                    best[start], choice[start] = words, _Piece(start, body, turns)
    pieces, at = [], 0
    while at < count:
        pieces.append(choice[at])
        at += choice[at].body * choice[at].turns
    return pieces


def _turns(code: Sequence[_Instruction], start: int, body: int) -> int:
    """How often the `body` instructions from `start` on follow each other, moved equally."""
    at = start
    while at + body < len(code):
        moved = _moved(code[at], code[at + body])
        if not moved or (code[at].head < 0 and any(moved)):
            break
        if at >= start + body and moved != _moved(code[at - body], code[at]):
            break
        at += 1
    return min((at - start) // body + 1, MAX_ROWS)


def _moved(one: _Instruction, other: _Instruction) -> tuple[int, ...]:
    """What is added to the numbers; empty when the two are of different kinds or sizes."""
    if one.head != other.head or len(one.numbers) != len(other.numbers):
        return ()
    moved = tuple(b - a for a, b in zip(one.numbers, other.numbers, strict=True))
    return () if one.head >= 0 and moved[0] != moved[1] else moved
