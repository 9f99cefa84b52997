"""What a model needs, against what a board has."""

from dataclasses import dataclass

from tinyiree.errors import TinyireeError
from tinyiree.report.model import Report
from tinyiree.targets import Board


@dataclass(frozen=True)
class Need:
    """What a model needs on one core, whatever the board.

    Attributes:
        arena_bytes: in one piece.
        ram_bytes: arena, static variables and stack together.
        flash_bytes: code and weights that model and runtime add to a firmware.
        cycles: of an inference, an estimate for memory without wait states; None before a run.
    """

    arena_bytes: int
    ram_bytes: int
    flash_bytes: int
    cycles: int | None

    @staticmethod
    def of(report: Report) -> "Need":
        """Of a build; without the stack when nothing has run yet."""
        memory = report.memory
        rest = memory.static_ram_bytes + (memory.stack_bytes or 0)
        return Need(
            arena_bytes=memory.arena_bytes,
            ram_bytes=memory.arena_bytes + rest,
            flash_bytes=report.flash.total_bytes,
            cycles=report.run.cycles_estimate if report.run is not None else None,
        )


@dataclass(frozen=True)
class Resource:
    """One thing that may be too small.

    Attributes:
        name: ``flash`` or ``RAM``.
        region: the memory of the board that it is about.
        need: bytes.
        limit: bytes.
    """

    name: str
    region: str
    need: int
    limit: int

    @property
    def share(self) -> float:
        """Of the limit that is used; above 1 it does not fit."""
        return self.need / self.limit

    @property
    def fits(self) -> bool:
        """True when there is room."""
        return self.need <= self.limit


@dataclass(frozen=True)
class Verdict:
    """Of one board.

    Attributes:
        board: which.
        resources: the most limiting one first.
        milliseconds: of an inference at the board's clock, an estimate; None without cycles.
    """

    board: Board
    resources: tuple[Resource, ...]
    milliseconds: float | None

    @property
    def fits(self) -> bool:
        """True when every resource suffices."""
        return all(resource.fits for resource in self.resources)

    @property
    def per_second(self) -> float | None:
        """Inferences in a second, when the core does nothing else."""
        return 1000 / self.milliseconds if self.milliseconds else None


def judge(need: Need, board: Board) -> Verdict:
    """Compare; the arena has to lie in one bank, the usual flash has to hold code and weights."""
    bank = max(board.ram, key=lambda memory: memory.size_bytes)
    flash = board.flash[0]
    resources = [
        Resource("flash", flash.name, need.flash_bytes, flash.size_bytes),
        Resource("RAM", bank.name, need.arena_bytes, bank.size_bytes),
        Resource("RAM", "all banks", need.ram_bytes, board.ram_bytes),
    ]
    if len(board.ram) == 1:
        resources[1:] = [Resource("RAM", bank.name, need.ram_bytes, bank.size_bytes)]
    resources.sort(key=lambda resource: -resource.share)
    time = need.cycles / board.clock_hz * 1000 if need.cycles is not None else None
    return Verdict(board, tuple(resources), time)


def refuse(verdict: Verdict, model: str) -> None:
    """Raises TinyireeError (need, limit, region) when the model does not fit the board."""
    missing = [resource for resource in verdict.resources if not resource.fits]
    if missing:
        lacks = "; ".join(
            f"{one.name} ({one.region}): it needs {one.need:,} bytes, the limit is "
            f"{one.limit:,}, {one.need - one.limit:,} too many"
            for one in missing
        )
        raise TinyireeError(
            f"{model} does not fit board '{verdict.board.name}': {lacks}. Take a smaller model, "
            "--optimize ram where RAM is short, or another board (`tinyiree fit` shows which)"
        )
