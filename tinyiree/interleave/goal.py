"""What the memory of a model is planned for."""

from dataclasses import dataclass
from typing import Literal, get_args

from tinyiree.errors import TinyireeError
from tinyiree.passes.planning.banks import MAX_BANKS, Bank

Optimize = Literal["speed", "ram"]


@dataclass(frozen=True)
class Goal:
    """What the memory of a model is planned for.

    Attributes:
        optimize: ``speed`` runs layers in parts where that costs next to nothing, ``ram`` where
            it makes the arena smaller, for at most about a quarter more instructions.
        ram_limit: bytes that the arena may have; the cheapest way that fits is taken. None: any.
        required: whether a model that does not fit the limit is refused; else the smallest arena
            that was found is taken.
        banks: memories, the fastest first; what does not lie in the first one alone is
            distributed. Empty: one memory, of any size.
    """

    optimize: Optimize = "speed"
    ram_limit: int | None = None
    required: bool = True
    banks: tuple[Bank, ...] = ()

    def __post_init__(self) -> None:
        if self.optimize not in get_args(Optimize):
            raise TinyireeError(
                f"optimize '{self.optimize}': expected one of {', '.join(get_args(Optimize))}"
            )
        if self.ram_limit is not None and self.ram_limit < 1:
            raise TinyireeError(
                f"RAM limit {self.ram_limit}: expected at least 1 byte; leave it out for none"
            )
        names = [bank.name for bank in self.banks]
        if len(names) > MAX_BANKS or len(set(names)) < len(names):
            raise TinyireeError(
                f"RAM banks {', '.join(names)}: expected at most {MAX_BANKS} of different names"
            )
