"""Cores, chips and boards: TOML data and their typed readers.

Other packages add some by entry points; see `registry`.
"""

from tinyiree.targets.board import Board, Chip, Memory
from tinyiree.targets.model import (
    Core,
    CycleModel,
    GccOptions,
    IreeOptions,
    MemoryRegion,
    Simulation,
    ZigOptions,
)
from tinyiree.targets.reader import read_core
from tinyiree.targets.registry import (
    board_names,
    chip_names,
    load,
    load_board,
    load_chip,
    names,
)

__all__ = [
    "Board",
    "Chip",
    "Core",
    "CycleModel",
    "GccOptions",
    "IreeOptions",
    "Memory",
    "MemoryRegion",
    "Simulation",
    "ZigOptions",
    "board_names",
    "chip_names",
    "load",
    "load_board",
    "load_chip",
    "names",
    "read_core",
]
