"""What tinyiree knows about a core: frozen data that refuses impossible combinations.

Every check below states an architectural fact, with the manual that says so. All of them raise
`TinyireeError` when the object is constructed, so a `Core` that exists is one that can exist.
"""

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Literal

from tinyiree.errors import TinyireeError

Isa = Literal["arm", "riscv"]
Fpu = Literal["none", "single", "double"]
FloatAbi = Literal["soft", "hard"]

# What each Arm M-profile architecture can have at most: (floating point, DSP, MVE).
# Armv6-M: DDI 0419 A1 (neither). Armv7-M: DDI 0403 A1.3 (the DSP and FP extensions exist from
# Armv7E-M on). Armv8-M Mainline: DDI 0553 B1 (both optional); MVE from Armv8.1-M on.
_ARM_OPTIONS: dict[str, tuple[bool, bool, bool]] = {
    "thumbv6m": (False, False, False),
    "thumbv7m": (False, False, False),
    "thumbv7em": (True, True, False),
    "thumbv8m.base": (False, False, False),
    "thumbv8m.main": (True, True, False),
    "thumbv8.1m.main": (True, True, True),
}


@dataclass(frozen=True)
class MemoryRegion:
    """A range of the address space; `base` and `size_bytes` in bytes."""

    name: str
    base: int
    size_bytes: int

    def __post_init__(self) -> None:
        if self.size_bytes <= 0 or self.base < 0 or self.base + self.size_bytes > 1 << 32:
            raise TinyireeError(
                f"memory region '{self.name}': expected a positive size inside 32-bit address "
                f"space, found base {self.base:#x} and {self.size_bytes} bytes; correct the region"
            )
        if self.base % 64 or self.size_bytes % 64:
            raise TinyireeError(
                f"memory region '{self.name}': base {self.base:#x} and size {self.size_bytes} "
                "must be multiples of 64 bytes, the largest alignment that generated code needs; "
                "round the region inwards"
            )

    @property
    def end(self) -> int:
        """First address after the region."""
        return self.base + self.size_bytes


@dataclass(frozen=True)
class IreeOptions:
    """How IREE's llvm-cpu backend is told about the core.

    `target_abi` is None on Arm, `float_abi` is used on both. `features` in LLVM's spelling.
    """

    triple: str
    cpu: str
    features: tuple[str, ...]
    target_abi: str | None

    def flags(self, float_abi: FloatAbi) -> tuple[str, ...]:
        """The `iree-compile` (or `Session.set_flags`) options that name this core."""
        result = [
            f"--iree-llvmcpu-target-triple={self.triple}",
            f"--iree-llvmcpu-target-cpu={self.cpu}",
            f"--iree-llvmcpu-target-cpu-features={','.join(self.features)}",
        ]
        if self.target_abi is None:
            result.append(f"--iree-llvmcpu-target-float-abi={float_abi}")
        else:
            result.append(f"--iree-llvmcpu-target-abi={self.target_abi}")
        return tuple(result)


@dataclass(frozen=True)
class ZigOptions:
    """Arguments of `zig cc`: `-target` and `-mcpu`, in Zig's spelling."""

    target: str
    cpu: str

    @property
    def flags(self) -> tuple[str, ...]:
        """The options as `zig cc` takes them."""
        return ("-target", self.target, f"-mcpu={self.cpu}")


@dataclass(frozen=True)
class GccOptions:
    """GNU toolchain: command prefix, code generation flags, Debian package that has it."""

    prefix: str
    flags: tuple[str, ...]
    package: str


@dataclass(frozen=True)
class Simulation:
    """Where a self-test image of this core runs, on Unicorn and on the QEMU machine alike.

    `unicorn_cpu` is Unicorn's constant without its `UC_CPU_ARM_` / `UC_CPU_RISCV32_` prefix, None
    where Unicorn has no such core. `vectors` is set when the QEMU machine fetches the vector
    table from elsewhere than the start of `flash`.
    """

    unicorn_cpu: str | None
    qemu_system: str
    qemu_machine: str
    qemu_cpu: str | None
    flash: MemoryRegion
    ram: MemoryRegion
    vectors: MemoryRegion | None

    def __post_init__(self) -> None:
        regions = sorted(self.regions, key=lambda region: region.base)
        for low, high in pairwise(regions):
            if low.end > high.base:
                raise TinyireeError(
                    f"memory regions '{low.name}' ({low.base:#x}..{low.end:#x}) and '{high.name}' "
                    f"(from {high.base:#x}) overlap; move or shrink one"
                )

    @property
    def regions(self) -> tuple[MemoryRegion, ...]:
        """All regions to map: flash, RAM and, if there is one, the vector region."""
        regions = (self.flash, self.ram)
        return regions if self.vectors is None else (*regions, self.vectors)


@dataclass(frozen=True)
class CycleModel:
    """Instruction timings of a core: cycles each, for code and data in zero-wait memory.

    What is not named takes one cycle. Estimates made with it are labelled as such.

    Attributes:
        source: the document that the timings are from.
        assumption: in one sentence, what it leaves open and how that is decided here.
        load, store: of one register; `load_next` when the instruction before is a load or store
            too and the address does not depend on it.
        multiple, register: a load or store of n registers takes `multiple + n * register`.
        multiply, multiply_accumulate, multiply_long, multiply_high, divide: of integers;
            `multiply_high` is RISC-V's MULH, `multiply_long` has two result registers.
        fp, fp_multiply_accumulate, fp_divide: of single precision.
        vector: of an MVE operation on 128 bits; half of it when a memory and an arithmetic one
            follow each other.
        loop: LE and its like, at the end of each turn of a low-overhead loop.
        taken: what a conditional or unconditional branch that is taken costs on top of its cycle;
            `call` and `jump` (to a register, or a return) likewise.
        load_use: stall of the instruction after a load that needs its value; `narrow_load_use` on
            top for bytes and halfwords. `multiply_use` is the stall after a multiplication.
        dual_issue: two independent neighbours start at once.
    """

    source: str
    assumption: str
    load: int = 1
    load_next: int = 1
    store: int = 1
    multiple: int = 1
    register: int = 1
    multiply: int = 1
    multiply_accumulate: int = 1
    multiply_long: int = 1
    multiply_high: int = 1
    divide: int = 1
    fp: int = 1
    fp_multiply_accumulate: int = 1
    fp_divide: int = 1
    vector: int = 1
    loop: int = 1
    taken: int = 0
    call: int = 0
    jump: int = 0
    load_use: int = 0
    narrow_load_use: int = 0
    multiply_use: int = 0
    dual_issue: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is int and not 0 <= value <= 100:
                raise TinyireeError(
                    f"cycles.{field.name}: expected 0 to 100 cycles, found {value}; correct it"
                )


@dataclass(frozen=True)
class Core:
    """One processor core, enough to compile, link and simulate for it.

    Raises TinyireeError on construction for a combination that no such core can have.
    """

    name: str
    description: str
    source: str
    isa: Isa
    fpu: Fpu
    dsp: bool
    mve: bool
    float_abi: FloatAbi
    iree: IreeOptions
    zig: ZigOptions
    gcc: GccOptions
    simulation: Simulation
    cycles: CycleModel

    def __post_init__(self) -> None:
        if len(self.iree.triple.split("-")) != (4 if self.isa == "arm" else 3):
            # With three parts LLVM picks GNU libcall names (__adddf3) in place of __aeabi_dadd.
            self._refuse(
                f"iree.triple = '{self.iree.triple}'",
                "four parts on Arm (thumbv7em-unknown-none-eabihf), three on RISC-V "
                "(riscv32-unknown-elf)",
            )
        if self.float_abi == "hard" and self.fpu == "none":
            self._refuse("float_abi = 'hard' with fpu = 'none'", "an FPU or float_abi = 'soft'")
        if self.isa == "arm":
            self._check_arm()
        else:
            self._check_riscv()
        if self.mve and self.simulation.unicorn_cpu is not None:
            self._refuse("simulation.unicorn_cpu with mve", "no Unicorn core, as it has no MVE")

    def _check_arm(self) -> None:
        arch = self.iree.triple.split("-")[0]
        if arch not in _ARM_OPTIONS:
            self._refuse(f"architecture '{arch}'", f"one of {', '.join(_ARM_OPTIONS)}")
        for option, wanted, possible in zip(
            ("fpu", "dsp", "mve"),
            (self.fpu != "none", self.dsp, self.mve),
            _ARM_OPTIONS[arch],
            strict=True,
        ):
            if wanted and not possible:
                self._refuse(f"{option} on {arch}", f"no {option}: the architecture has none")
        environment = "eabihf" if self.float_abi == "hard" else "eabi"
        for key, triple in (("iree.triple", self.iree.triple), ("zig.target", self.zig.target)):
            if triple.split("-")[-1] != environment:
                self._refuse(
                    f"{key} = '{triple}' with float_abi = '{self.float_abi}'",
                    f"a triple that ends in '{environment}'",
                )
        if self.mve != ("+mve" in self.iree.features):
            self._refuse(
                f"mve = {str(self.mve).lower()} with iree.features = {self.iree.features}",
                "'+mve' in iree.features exactly when mve = true",
            )
        if self.iree.target_abi is not None:
            self._refuse("iree.target_abi on Arm", "no such key: Arm uses float_abi")

    def _check_riscv(self) -> None:
        if self.dsp or self.mve:
            self._refuse("dsp or mve on RISC-V", "both false: they are Arm extensions")
        single, double = "+f" in self.iree.features, "+d" in self.iree.features
        fpu = "double" if double else "single" if single else "none"
        if fpu != self.fpu:
            self._refuse(
                f"fpu = '{self.fpu}' with iree.features = {self.iree.features}", f"fpu = '{fpu}'"
            )
        suffix = {"none": "", "single": "f", "double": "d"}[self.fpu]
        base = "ilp32e" if "+e" in self.iree.features else "ilp32"
        abi = base + (suffix if self.float_abi == "hard" else "")
        if self.iree.target_abi != abi:
            self._refuse(f"iree.target_abi = '{self.iree.target_abi}'", f"'{abi}'")

    def _refuse(self, found: str, expected: str) -> None:
        raise TinyireeError(
            f"core '{self.name}': impossible combination: {found}; expected {expected}. "
            "Correct the core's TOML file"
        )
