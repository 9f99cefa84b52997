"""Target cores: TOML data (`cores/*.toml`) and their typed reader.

Other packages add cores by the entry-point group ``tinyiree.targets``; see `registry`.
"""

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
from tinyiree.targets.registry import load, names

__all__ = [
    "Core",
    "CycleModel",
    "GccOptions",
    "IreeOptions",
    "MemoryRegion",
    "Simulation",
    "ZigOptions",
    "load",
    "names",
    "read_core",
]
