"""Runs bare-metal firmware on a simulated core, and counts its instructions exactly."""

from tinyiree.sim.elf import Image, Section, Segment, Symbol
from tinyiree.sim.model import BlockCount, Inference, Isa, Machine, Probe, Region, RunResult
from tinyiree.sim.qemu_run import run_qemu
from tinyiree.sim.run import Simulator, run
from tinyiree.sim.unicorn_run import run_unicorn

__all__ = [
    "BlockCount",
    "Image",
    "Inference",
    "Isa",
    "Machine",
    "Probe",
    "Region",
    "RunResult",
    "Section",
    "Segment",
    "Simulator",
    "Symbol",
    "run",
    "run_qemu",
    "run_unicorn",
]
