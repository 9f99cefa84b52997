"""Several memories: which buffer lies in which bank."""

from collections.abc import Sequence
from dataclasses import dataclass

from tinyiree.passes.planning import greedy
from tinyiree.passes.planning.conflicts import make_problem
from tinyiree.passes.planning.occupancy import Occupancy

MAX_BANKS = 4
"""That the runtime's offsets can name."""


@dataclass(frozen=True)
class Bank:
    """A memory.

    Attributes:
        name: of the chip's memory, such as ``dtcm``.
        size_bytes: that the model may use.
    """

    name: str
    size_bytes: int


@dataclass(frozen=True)
class Banked:
    """A placement in several banks.

    Attributes:
        banks: for each buffer the index of its bank.
        offsets: for each buffer bytes from the start of its bank's arena.
        arenas: bytes of each bank's arena.
    """

    banks: tuple[int, ...]
    offsets: tuple[int, ...]
    arenas: tuple[int, ...]


def assign(
    buffers: Sequence[Occupancy],
    heat: Sequence[float],
    banks: Sequence[Bank],
    alignment: int,
    fixed: Sequence[int] = (),
) -> Banked | None:
    """Fill the banks, the fastest first, with the buffers that are accessed most for their size.

    Greedy by density as for a knapsack, with a placement (`greedy.place_better`) as the test of
    what fits: buffers that are not needed at the same time share their bytes in each bank.

    Args:
        buffers: what each needs.
        heat: bytes of it that are accessed in an inference, about.
        banks: the fastest first.
        alignment: of offsets, in bytes.
        fixed: buffers that have to lie in the first bank.

    Returns:
        None when a buffer fits none of the banks with those that are there already.
    """
    density = [warm / max(buffer.size, 1) for warm, buffer in zip(heat, buffers, strict=True)]
    order = sorted(
        range(len(buffers)), key=lambda i: (i not in fixed, -density[i], -buffers[i].size, i)
    )
    members: list[list[int]] = [[] for _ in banks]
    offsets = [0] * len(buffers)
    arenas = [0] * len(banks)
    chosen = [0] * len(buffers)
    for buffer in order:
        for number, bank in enumerate(banks[:1] if buffer in fixed else banks):
            problem = make_problem([buffers[i] for i in (*members[number], buffer)], alignment)
            found = greedy.place_better(problem, greedy.TRIALS // 10)
            arena = problem.arena(found) * alignment
            if arena <= bank.size_bytes:
                members[number].append(buffer)
                chosen[buffer], arenas[number] = number, arena
                for i, offset in zip(members[number], found, strict=True):
                    offsets[i] = offset * alignment
                break
        else:
            return None
    return Banked(tuple(chosen), tuple(offsets), tuple(arenas))
