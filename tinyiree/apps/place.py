"""Where an app runs: a core with the simulator's memory, or a board with its own."""

from dataclasses import dataclass, replace

from tinyiree.apps.manifest import App
from tinyiree.errors import TinyireeError
from tinyiree.targets import Board, Core, MemoryRegion, board_names, load, load_board, names


@dataclass(frozen=True)
class Place:
    """A core or a board.

    Attributes:
        name: of the core or the board.
        core: what to build for; on a board, `simulation` has the memory of the board.
        board: None for a core.
    """

    name: str
    core: Core
    board: Board | None = None


def places(app: App) -> tuple[Place, ...]:
    """Every core and board that an app's manifest lists."""
    return tuple(place_of(name) for name in (*app.targets, *app.boards))


def place_of(name: str) -> Place:
    """The core or the board called `name`.

    An image for a board is linked to the addresses and sizes of its first flash and of its
    preferred bank of RAM, and simulated there: one that does not fit cannot be linked.

    Raises:
        TinyireeError: there is neither, or no simulator can have the board's memory.
    """
    if name in names():
        return Place(name, load(name))
    if name not in board_names():
        raise TinyireeError(
            f"'{name}': expected the name of a core or of a board, found neither; `tinyiree "
            "targets` and `tinyiree boards` list them"
        )
    board = load_board(name)
    core = load(board.core)
    if core.simulation.unicorn_cpu is None:
        raise TinyireeError(
            f"board '{name}': expected a core that Unicorn simulates, found {core.name}, which "
            f"only QEMU has, with the memory of its own machine; use the target {core.name}"
        )
    flash, ram = board.flash[0], board.ram[0]
    simulation = replace(
        core.simulation,
        flash=MemoryRegion("flash", flash.base, flash.size_bytes),
        ram=MemoryRegion("ram", ram.base, ram.size_bytes),
        vectors=None,
    )
    return Place(name, replace(core, simulation=simulation), board)
