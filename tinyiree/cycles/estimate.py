"""Cycles of an inference from the blocks that ran."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tinyiree.cycles import arm, riscv
from tinyiree.cycles.instruction import CONTROL, MEMORY, MULTIPLY, Instruction
from tinyiree.sim import BlockCount, Image
from tinyiree.targets import Core, CycleModel


@dataclass(frozen=True)
class Estimate:
    """Of one inference; an estimate by a table of timings, not a measurement.

    Attributes:
        calls: cycles of each dispatch call, in the order of the calls.
        runtime: cycles outside of them.
        instructions: that the same blocks retire: equal to the simulator's own count.
    """

    calls: tuple[int, ...]
    runtime: int
    instructions: int

    @property
    def total(self) -> int:
        """Cycles of the whole inference."""
        return self.runtime + sum(self.calls)


def estimate(profile: Iterable[BlockCount], image: Image, core: Core) -> Estimate:
    """Price a profile.

    Within a block the order of instructions is known, so that a load whose value is used at once
    is seen; across blocks nothing is assumed to stall.
    """
    disassemble = arm.disassemble if core.isa == "arm" else riscv.disassemble
    blocks: dict[tuple[int, int], tuple[int, int, int]] = {}
    cycles: dict[int | None, int] = {}
    retired = 0
    for block in profile:
        key = (block.address, block.end)
        if key not in blocks:
            code = disassemble(image.read(block.address, block.end - block.address), block.address)
            blocks[key] = (len(code), straight(code, core.cycles), refill(code, core.cycles))
        count, each, jump = blocks[key]
        retired += block.executions * count
        spent = block.executions * each + block.taken * jump
        cycles[block.call] = cycles.get(block.call, 0) + spent
    runtime = cycles.pop(None, 0)
    calls = range(max((call for call in cycles if call is not None), default=-1) + 1)
    return Estimate(tuple(cycles.get(call, 0) for call in calls), runtime, retired)


def straight(code: Sequence[Instruction], model: CycleModel) -> int:
    """Cycles of a block whose end is not left by a jump."""
    total, previous, paired = 0, None, False
    for one in code:
        if previous is not None and model.dual_issue and not paired and _pairs(previous, one):
            paired = True
            continue
        paired = False
        total += _alone(one, previous, model)
        if previous is not None and one.uses(previous):
            total += _stall(previous, model)
        previous = one
    return total


def refill(code: Sequence[Instruction], model: CycleModel) -> int:
    """What leaving the block by a jump costs on top."""
    if not code:
        return 0
    match code[-1].kind:
        case "call":
            return model.call
        case "loop":
            return 0
        case "branch":
            return model.taken
        case _:
            return model.jump


def _alone(one: Instruction, previous: Instruction | None, model: CycleModel) -> int:
    after_memory = previous is not None and previous.kind in ("load", "store")
    match one.kind:
        case "load":
            pipelined = after_memory and previous is not None and not one.uses(previous)
            return model.load_next if pipelined else model.load
        case "store":
            return model.store
        case "load_multiple" | "store_multiple":
            return model.multiple + model.register * one.registers
        case "multiply":
            return model.multiply
        case "multiply_accumulate":
            return model.multiply_accumulate
        case "multiply_long":
            return model.multiply_long
        case "multiply_high":
            return model.multiply_high
        case "divide":
            return model.divide
        case "loop":
            return model.loop
        case "fp":
            return model.fp
        case "fp_multiply_accumulate":
            return model.fp_multiply_accumulate
        case "fp_divide":
            return model.fp_divide
        case "vector" | "vector_memory":
            # A memory and an arithmetic operation overlap by half (chaining of beats).
            other = previous is not None and {previous.kind, one.kind} == {
                "vector",
                "vector_memory",
            }
            return model.vector // 2 if other else model.vector
        case _:
            return 1


def _stall(previous: Instruction, model: CycleModel) -> int:
    if previous.kind == "load":
        return model.load_use + (model.narrow_load_use if previous.narrow else 0)
    return model.multiply_use if previous.kind in MULTIPLY else 0


def _pairs(first: Instruction, second: Instruction) -> bool:
    """Whether a dual-issue core starts both at once: independent, one memory access, one multiply,
    no change of control in the first place.
    """
    if second.uses(first) or (first.result and first.result == second.result):
        return False
    if first.kind in CONTROL or {first.kind, second.kind} & {"divide", "fp_divide"}:
        return False
    several = {"load_multiple", "store_multiple"}
    if {first.kind, second.kind} & several:
        return False
    if first.kind in MEMORY and second.kind in MEMORY:
        return False
    return not (first.kind in MULTIPLY and second.kind in MULTIPLY)
