"""Says what went wrong in a simulated program, for a person to read."""

from collections.abc import Sequence
from dataclasses import dataclass

from tinyiree.errors import TinyireeError
from tinyiree.sim.elf import Image
from tinyiree.sim.model import Machine, Region

# How far below the RAM an access still looks like a stack that grew out of it.
_STACK_REACH = 64 * 1024


@dataclass(frozen=True)
class Fault:
    """Why a run stopped: `pc` of the instruction (or of its block), the address it accessed if
    any, and the return addresses of the callers, innermost first.
    """

    kind: str
    pc: int
    accessed: int | None = None
    callers: tuple[int, ...] = ()
    remedy: str = ""


def too_deep(pc: int, depth: int, callers: tuple[int, ...]) -> Fault:
    """The tracer's call stack is full."""
    remedy = "look for a recursion that does not end there"
    return Fault(f"more than {depth:,} nested calls", pc, callers=callers, remedy=remedy)


def out_of_memory(pc: int) -> Fault:
    """The tracer has no memory left for its counts."""
    return Fault("the host out of memory", pc, remedy="run fewer samples at once")


def error(image: Image, machine: Machine, fault: Fault, inferences: int) -> TinyireeError:
    """The exception for `fault`, which happened after `inferences` complete inferences."""
    accessed = "" if fault.accessed is None else f" at address 0x{fault.accessed:08x}"
    remedy = fault.remedy or _remedy(machine, fault)
    return TinyireeError(
        f"{image.path.name}: expected the simulated program to finish, found {fault.kind}"
        f"{accessed} in {image.place(fault.pc)}{_callers(image, fault.callers)}, after "
        f"{inferences} complete inferences; {remedy}"
    )


def _callers(image: Image, addresses: Sequence[int]) -> str:
    shown = [image.place(address - 2) for address in addresses[:8]]
    more = ["..."] if len(addresses) > 8 else []
    return f", called from {' < '.join(shown + more)}" if shown else ""


def _remedy(machine: Machine, fault: Fault) -> str:
    if fault.accessed is None:
        return "check that the code was built for this core and that its functions return"
    region = _below_ram(machine.memory, fault.accessed)
    if region is not None:
        return (
            f"the address is just below the region '{region.name}' (0x{region.base:08x}): the "
            "stack has overflowed; give it more room or choose a smaller model"
        )
    if any(r.base <= fault.accessed < r.end for r in machine.memory):
        return "the region is read-only or the access is misaligned: check the pointer"
    if fault.accessed < 0x1000:
        return "this is a null pointer, or an offset from one"
    regions = ", ".join(f"{r.name} 0x{r.base:08x}-0x{r.end - 1:08x}" for r in machine.memory)
    return f"the address is outside of the memory map ({regions}): check the pointer"


def _below_ram(memory: Sequence[Region], address: int) -> Region | None:
    if any(region.base <= address < region.end for region in memory):
        return None
    for region in memory:
        if "flash" not in region.name and 0 < region.base - address <= _STACK_REACH:
            return region
    return None
