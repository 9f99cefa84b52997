"""Runs a firmware image on Unicorn, in this process.

The calling thread holds no Python lock while the core runs, so several runs in threads are
parallel.
"""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from unicorn import unicorn_const as uc_const

from tinyiree.errors import TinyireeError
from tinyiree.sim import faults, tracer
from tinyiree.sim.elf import Image
from tinyiree.sim.model import Machine, Probe, RunResult
from tinyiree.sim.semihosting import Host
from tinyiree.sim.unicorn_core import Core

DEFAULT_LIMIT_PER_INFERENCE = 10_000_000_000

# QEMU's exception numbers, which Unicorn hands out: EXCP_* of target/arm/cpu.h.
_ARM_EXCEPTIONS: Mapping[int, str] = {
    1: "an undefined instruction",
    2: "an SVC instruction",
    4: "a misaligned access",
    7: "a breakpoint instruction",
    17: "a coprocessor that is absent or off",
    18: "a jump to an address without the Thumb bit",
}
_ARM_PREFETCH_ABORT = 3
# mcause: RISC-V privileged ISA 20211203, table 3.6.
_RISCV_EXCEPTIONS: Mapping[int, str] = {
    0: "a misaligned jump",
    1: "an instruction access fault",
    2: "an undefined instruction",
    3: "an ebreak instruction",
    4: "a misaligned load",
    5: "a load access fault",
    6: "a misaligned store",
    7: "a store access fault",
    8: "an ecall instruction",
    11: "an ecall instruction",
}
_ACCESS_KINDS: Mapping[int, str] = {
    uc_const.UC_MEM_READ_UNMAPPED: "a read of unmapped memory",
    uc_const.UC_MEM_WRITE_UNMAPPED: "a write to unmapped memory",
    uc_const.UC_MEM_FETCH_UNMAPPED: "a jump to unmapped memory",
    uc_const.UC_MEM_WRITE_PROT: "a write to read-only memory",
    uc_const.UC_MEM_READ_PROT: "a read of protected memory",
    uc_const.UC_MEM_FETCH_PROT: "a jump to memory that is not executable",
}


def run_unicorn(
    elf: Path | Image,
    machine: Machine,
    probe: Probe,
    stdin: bytes,
    limit_per_inference: int = DEFAULT_LIMIT_PER_INFERENCE,
) -> RunResult:
    """Runs the firmware `elf` with `stdin` as the file `tinyiree.in` until it exits.

    At most `limit_per_inference` instructions may run in one inference, or between two.
    Raises TinyireeError for an unusable file or machine, and when the program faults, runs away or
    asks for an unknown semihosting operation.
    """
    image = elf if isinstance(elf, Image) else Image.load(elf)
    core = Core(image, machine)
    host = Host(core, stdin)
    with closing(
        tracer.Tracer(core.uc, machine.isa, core.entry, probe, limit_per_inference)
    ) as counts:
        pc = core.entry
        while host.exit_code is None:
            problem = core.start(pc)
            pc = core.register(core.cpu.pc)
            state = counts.summary
            trap = core.at_semihosting_call(pc)
            if state.status or not trap:
                fault = _fault(machine, state, pc, problem, counts.callers(), limit_per_inference)
                raise faults.error(image, machine, fault, state.inference_count)
            result = _serve(image, core, host, pc)
            core.uc.reg_write(core.cpu.operation, result & 0xFFFF_FFFF)
            counts.resume()
            pc += trap
        inferences, harness = counts.finish()
        profile = counts.profile()
    return RunResult(
        output=bytes(host.output),
        console=host.console.decode("utf-8", "replace"),
        exit_code=host.exit_code,
        inferences=inferences,
        harness_instructions=harness,
        profile=profile,
    )


def _serve(image: Image, core: Core, host: Host, pc: int) -> int:
    """The result of the semihosting call at `pc`; its errors also name the place."""
    try:
        return host.call(core.register(core.cpu.operation), core.register(core.cpu.argument))
    except TinyireeError as error:
        raise TinyireeError(f"{image.path.name}: in {image.place(pc)}: {error}") from error


def _fault(
    machine: Machine,
    state: tracer.Summary,
    pc: int,
    problem: str | None,
    callers: tuple[int, ...],
    limit: int,
) -> faults.Fault:
    if state.status == tracer.STATUS_LIMIT:
        return faults.Fault(
            f"more than {limit:,} instructions in one inference (or between two)", state.pc,
            callers=callers,
            remedy="raise limit_per_inference, or look for a loop that does not end there",
        )  # fmt: skip
    if state.status == tracer.STATUS_CALL_DEPTH:
        return faults.too_deep(state.pc, state.depth, callers)
    if state.status:
        return faults.out_of_memory(state.pc)
    if state.access:
        kind = _ACCESS_KINDS.get(state.access, f"a bad access (type {state.access})")
        fetched = state.access in (uc_const.UC_MEM_FETCH_UNMAPPED, uc_const.UC_MEM_FETCH_PROT)
        # The block that jumped there is more telling than the place it jumped to.
        return faults.Fault(kind, state.pc if fetched else pc, state.access_address, callers)
    if state.interrupt:
        number = state.interrupt - 1
        kinds = _ARM_EXCEPTIONS if machine.isa == "arm" else _RISCV_EXCEPTIONS
        if machine.isa == "arm" and number == _ARM_PREFETCH_ABORT:
            kind = _ACCESS_KINDS[uc_const.UC_MEM_FETCH_PROT]
            return faults.Fault(kind, state.pc, pc, callers)
        # Unicorn steps over the instruction on RISC-V before it tells.
        at = pc if machine.isa == "arm" else pc - 4
        return faults.Fault(kinds.get(number, f"exception {number}"), at, callers=callers)
    return faults.Fault(
        "an undefined instruction" if problem and "INSN_INVALID" in problem
        else f"the core stopped ({problem or 'no reason given'})",
        pc, callers=callers,
    )  # fmt: skip
