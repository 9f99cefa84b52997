"""Greedy by size: the fast path, and what the exact search starts from."""

from collections.abc import Sequence

from tinyiree.passes.planning.conflicts import Problem

TRIALS = 300
"""Changed orders that are tried before the exact search."""

Neighbours = list[list[tuple[int, int, int]]]


def place(problem: Problem) -> list[int]:
    """Offsets in units.

    Algorithm 4.2 ("greedy by size for offset calculation") of Pisarchyk and Lee, "Efficient Memory
    Management for Deep Neural Net Inference", 2020, with forbidden distances in place of overlaps:
    from the largest buffer down, each goes to the lowest offset that no placed buffer forbids.
    """
    count = len(problem.sizes)
    order = sorted(range(count), key=lambda i: (-problem.sizes[i], problem.firsts[i], i))
    return place_in_order(problem, neighbours(problem), order)


def place_better(problem: Problem, trials: int) -> list[int]:
    """The best of greedy by size and of orders that move the highest buffers to the front.

    A buffer that ends at the top of the arena, or one in conflict with it, was placed too late:
    each trial moves one of them forward and keeps the order when the arena is not larger.
    """
    count = len(problem.sizes)
    around = neighbours(problem)
    order = sorted(range(count), key=lambda i: (-problem.sizes[i], problem.firsts[i], i))
    best = offsets = place_in_order(problem, around, order)
    arena = least = problem.arena(best)
    state = 1
    for _ in range(trials):
        if least <= problem.bound:
            break
        top = [i for i in range(count) if offsets[i] + problem.sizes[i] == arena]
        # A small generator of our own (Knuth's MMIX constants): equal on every machine.
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        pool = top + [other for i in top for other, _, _ in around[i]]
        chosen = pool[(state >> 33) % len(pool)]
        at = order.index(chosen)
        if at == 0:
            continue
        target = (state >> 17) % at
        changed = [*order[:target], chosen, *order[target:at], *order[at + 1 :]]
        found = place_in_order(problem, around, changed)
        size = problem.arena(found)
        if size <= arena:
            order, offsets, arena = changed, found, size
            if size < least:
                best, least = found, size
    return best


def neighbours(problem: Problem) -> Neighbours:
    """For each buffer the others in conflict: (other, least distance above it, below it)."""
    found: Neighbours = [[] for _ in problem.sizes]
    for conflict in problem.conflicts:
        found[conflict.b].append((conflict.a, conflict.above, conflict.below))
        found[conflict.a].append((conflict.b, conflict.below, conflict.above))
    return found


def place_in_order(problem: Problem, around: Neighbours, order: Sequence[int]) -> list[int]:
    """Each buffer at the lowest offset that those before it in the order leave it."""
    offsets: dict[int, int] = {}
    for buffer in order:
        # Offsets strictly between the two ends are forbidden.
        forbidden = sorted(
            (offsets[other] - below, offsets[other] + above)
            for other, above, below in around[buffer]
            if other in offsets
        )
        offset = 0
        for start, end in forbidden:
            if start >= offset:
                break
            offset = max(offset, end)
        offsets[buffer] = offset
    return [offsets[i] for i in range(len(problem.sizes))]
