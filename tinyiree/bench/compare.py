"""Our figures beside the best of the peers'."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinyiree.bench.measure import Measurement
from tinyiree.bench.peers import Peer


@dataclass(frozen=True)
class Ratio:
    """One of our figures over the smallest that a peer has; below 1 is better.

    Attributes:
        stack: whose figure it is.
        best: the figure.
        ratio: ours over it.
    """

    stack: str
    best: int
    ratio: float


@dataclass(frozen=True)
class Comparison:
    """Ratios to the best peer of each figure; None where no peer has it for this core."""

    instructions: Ratio | None
    arena_bytes: Ratio | None
    flash_bytes: Ratio | None


def compare(ours: Measurement, peers: Sequence[Peer]) -> Comparison:
    """Compare with the peers of the same network on a core with the same instruction set."""
    chosen = [p for p in peers if p.network == ours.network and ours.target in p.targets]
    return Comparison(
        instructions=_ratio(ours.instructions, chosen, lambda peer: peer.instructions),
        arena_bytes=_ratio(ours.arena_bytes, chosen, lambda peer: peer.arena_bytes),
        flash_bytes=_ratio(ours.flash_bytes, chosen, lambda peer: peer.total_flash_bytes),
    )


def _ratio(ours: int, peers: Sequence[Peer], figure: Callable[[Peer], int | None]) -> Ratio | None:
    known = [(value, peer.stack) for peer in peers if (value := figure(peer)) is not None]
    if not known:
        return None
    best, stack = min(known)
    return Ratio(stack, best, ours / best)
