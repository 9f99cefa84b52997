"""What goes into a simulation and what comes out of it."""

from dataclasses import dataclass, field
from typing import Literal

Isa = Literal["arm", "riscv"]

RUNTIME = 0xFFFF_FFFF
"""What the tracers in C write as the call of blocks outside of dispatches."""


@dataclass(frozen=True)
class Region:
    """A piece of the memory map: `base` and `size` in bytes. One named "flash" is read-only."""

    name: str
    base: int
    size: int

    @property
    def end(self) -> int:
        """The first address after the region."""
        return self.base + self.size


@dataclass(frozen=True)
class Machine:
    """A core and its memory, as the simulators know it.

    `unicorn_cpu` is the end of a `UC_CPU_ARM_*` or `UC_CPU_RISCV32_*` name ("CORTEX_M4",
    "SIFIVE_E31"), or None when only QEMU has the core. `qemu_machine` and `qemu_cpu` are what
    `qemu-system-* -M` and `-cpu` take; a `qemu_cpu` of None is the machine's own.

    `fpu` is a fact about the core: Unicorn's CPU model alone decides which instructions run (its
    Cortex-M4, M7 and M33 always have the FPU on, whatever CPACR says).
    """

    isa: Isa
    unicorn_cpu: str | None
    qemu_machine: str | None
    qemu_cpu: str | None
    fpu: bool
    memory: tuple[Region, ...]


@dataclass(frozen=True)
class Probe:
    """Where instructions are attributed: the address of the invoke function, and the entry
    addresses of the dispatch functions that it calls. The Thumb bit is ignored.
    """

    invoke: int
    steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Inference:
    """Instructions of one call of the invoke function: in total, outside of dispatches, and of
    each dispatch call in the order of the calls (with all that it called).
    """

    instructions: int
    runtime_instructions: int
    layer_instructions: tuple[int, ...]


@dataclass(frozen=True)
class BlockCount:
    """A basic block of an inference: the code from `address` up to `end`, which ran `executions`
    times and was left by a jump (not for the code after it) `taken` times. `call` is the index
    of the dispatch call that it ran for, None outside of dispatches.
    """

    call: int | None
    address: int
    end: int
    executions: int
    taken: int


@dataclass(frozen=True)
class RunResult:
    """A finished run: the bytes of `tinyiree.out`, the console text, the semihosting exit code,
    and exact counts. `harness_instructions` are all those outside of inferences. `profile` is
    that of the first inference.
    """

    output: bytes
    console: str
    exit_code: int
    inferences: tuple[Inference, ...]
    harness_instructions: int
    # The simulators cut code into blocks differently.
    profile: tuple[BlockCount, ...] = field(default=(), compare=False)
