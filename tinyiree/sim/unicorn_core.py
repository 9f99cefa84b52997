"""A core on Unicorn, with a firmware image in its memory."""

from collections.abc import Mapping
from dataclasses import dataclass

from unicorn import arm_const, riscv_const
from unicorn import unicorn_const as uc_const
from unicorn.unicorn_py3.unicorn import Uc, UcError

from tinyiree.errors import TinyireeError
from tinyiree.sim.elf import Image
from tinyiree.sim.model import Isa, Machine

_PAGE = 0x1000
# The system control space of Cortex-M (Armv7-M ARM, B3.1): plain memory here, so that a startup
# may write CPACR, VTOR or SysTick; nothing happens.
_ARM_SYSTEM = (0xE000_0000, 0x10_0000)
# An address that no program runs to.
_NEVER = 0xFFFF_FFFE

_ARM_BREAKPOINT = bytes.fromhex("abbe")
# slli x0,x0,0x1f; ebreak; srai x0,x0,7 (RISC-V semihosting specification, 0.3)
_RISCV_SEQUENCE = bytes.fromhex("1310f001 73001000 13507040")


@dataclass(frozen=True)
class Cpu:
    """What differs between the two instruction sets."""

    architecture: int
    mode: int
    prefix: str
    models: object
    pc: int
    operation: int  # semihosting: operation number and, afterwards, the result
    argument: int


_CPUS: Mapping[Isa, Cpu] = {
    "arm": Cpu(
        uc_const.UC_ARCH_ARM, uc_const.UC_MODE_THUMB, "UC_CPU_ARM_", arm_const,
        arm_const.UC_ARM_REG_PC, arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R1,
    ),
    "riscv": Cpu(
        uc_const.UC_ARCH_RISCV, uc_const.UC_MODE_RISCV32, "UC_CPU_RISCV32_", riscv_const,
        riscv_const.UC_RISCV_REG_PC, riscv_const.UC_RISCV_REG_A0, riscv_const.UC_RISCV_REG_A1,
    ),
}  # fmt: skip


class Core:
    """A simulated core with `image` in its memory; also the memory that semihosting sees."""

    def __init__(self, image: Image, machine: Machine) -> None:
        self._image = image
        self._machine = machine
        self.cpu = _CPUS[machine.isa]
        self.uc = Uc(self.cpu.architecture, self.cpu.mode)
        self.uc.ctl_set_cpu_model(_cpu_model(self.cpu, machine))
        for region in machine.memory:
            base, end = region.base & -_PAGE, (region.end + _PAGE - 1) & -_PAGE
            writable = 0 if region.name == "flash" else uc_const.UC_PROT_WRITE
            self._map(base, end - base, uc_const.UC_PROT_READ | uc_const.UC_PROT_EXEC | writable)
        if machine.isa == "arm":
            self._map(*_ARM_SYSTEM, uc_const.UC_PROT_READ | uc_const.UC_PROT_WRITE)
        for segment in image.segments:
            self.write(segment.address, segment.data)
        self.entry = self._reset()

    def _map(self, base: int, size: int, protection: int) -> None:
        try:
            self.uc.mem_map(base, size, protection)
        except UcError as error:
            raise TinyireeError(
                f"machine: expected memory regions that do not overlap (in pages of {_PAGE} "
                f"bytes), found 0x{base:08x}-0x{base + size - 1:08x} refused ({error}); correct "
                "the target's memory map"
            ) from error

    def _reset(self) -> int:
        """Sets the registers as a reset does and returns the address of the first instruction."""
        if self._machine.isa == "arm":
            stack = int.from_bytes(self._image.segments[0].data[:4], "little")
            self.uc.reg_write(arm_const.UC_ARM_REG_SP, stack)
        return self._image.start_address()

    def start(self, pc: int) -> str | None:
        """Runs from `pc` until something stops the core; returns Unicorn's error, if any."""
        try:
            self.uc.emu_start(pc | int(self._machine.isa == "arm"), _NEVER)
        except UcError as error:
            return str(error)
        return None

    def register(self, number: int) -> int:
        """The 32-bit value of a register."""
        value = self.uc.reg_read(number)
        assert isinstance(value, int)  # no vector register is asked for
        return value & 0xFFFF_FFFF

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes from `address` on. Raises TinyireeError outside of the memory."""
        try:
            return bytes(self.uc.mem_read(address, size))
        except UcError as error:
            raise self._outside("read", address, size) from error

    def write(self, address: int, data: bytes) -> None:
        """Stores `data`, into flash too. Raises TinyireeError outside of the memory."""
        try:
            self.uc.mem_write(address, data)
        except UcError as error:
            raise self._outside("written", address, len(data)) from error

    def _outside(self, verb: str, address: int, size: int) -> TinyireeError:
        regions = ", ".join(
            f"{region.name} 0x{region.base:08x}-0x{region.end - 1:08x}"
            for region in self._machine.memory
        )
        return TinyireeError(
            f"{self._image.path}: expected addresses inside of the memory ({regions}), found "
            f"{size} bytes to be {verb} at 0x{address:08x}; make the linker script and the "
            "target's memory map agree"
        )

    def at_semihosting_call(self, pc: int) -> int:
        """The length in bytes of the semihosting trap at `pc`, 0 if there is none."""
        try:
            if self._machine.isa == "arm":
                return 2 if self.uc.mem_read(pc, 2) == _ARM_BREAKPOINT else 0
            return 4 if self.uc.mem_read(pc - 4, 12) == _RISCV_SEQUENCE else 0
        except UcError:
            return 0


def _cpu_model(cpu: Cpu, machine: Machine) -> int:
    model = getattr(cpu.models, f"{cpu.prefix}{machine.unicorn_cpu}", None)
    if machine.unicorn_cpu is not None and isinstance(model, int):
        return model
    known = (name.removeprefix(cpu.prefix) for name in dir(cpu.models))
    names = ", ".join(name for name in known if name.startswith(("CORTEX_M", "ANY", "SIFIVE_E")))
    raise TinyireeError(
        f"machine: expected unicorn_cpu to be a {machine.isa} core that Unicorn has ({names}), "
        f"found {machine.unicorn_cpu!r}; correct the target, or use the qemu simulator"
    )
