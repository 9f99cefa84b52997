"""Thumb code (Armv6-M to Armv8.1-M) as instructions of the cycle model."""

import re

import capstone

from tinyiree.cycles.instruction import Instruction, Kind

_REGISTER = re.compile(r"\b(?:r\d+|sp|lr|pc|sb|sl|fp|ip|[sdq]\d+)\b")
_BRANCH = re.compile(r"b(?:eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?|cbn?z")
_JUMPS = {"bx", "tbb", "tbh"}
_LONG = ("smull", "umull", "smlal", "umlal", "umaal", "smlsld")
# One result register: SMLAD and the like, SMMLA, MLA.
_ACCUMULATE = ("mla", "mls", "smla", "smls", "smmla", "smmls")
_MULTIPLY = ("mul", "smul", "smuad", "smusd", "smmul")
_FP_ACCUMULATE = ("vmla", "vmls", "vnmla", "vnmls", "vfma", "vfms", "vfnma", "vfnms")


def disassemble(code: bytes, address: int) -> list[Instruction]:
    """All instructions of a block; capstone knows no MVE, which is told by its encoding."""
    machine = capstone.Cs(
        capstone.CS_ARCH_ARM,
        capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8,
    )
    found: list[Instruction] = []
    at = 0
    while at + 2 <= len(code):
        halfword = int.from_bytes(code[at : at + 2], "little")
        size = 4 if halfword >> 11 >= 0x1D else 2
        vector = _vector(code[at : at + size], halfword)
        one = None if vector else next(machine.disasm_lite(code[at:], address + at, 1), None)
        if vector is not None:
            found.append(vector)
        elif one is None:
            found.append(Instruction("data", size))
        else:
            found.append(_known(one[2], one[3], size))
        at += size
    return found


def _known(mnemonic: str, text: str, size: int) -> Instruction:
    name = mnemonic.split(".")[0]
    kind = _kind(name, text, mnemonic)
    registers = _REGISTER.findall(text)
    stores = kind in ("store", "store_multiple")
    single = kind not in ("load_multiple", "branch", "call", "jump") and not stores
    result = registers[0] if single and registers else ""
    # The accumulator of a two-operand form and the address are operands as well.
    operands = frozenset(registers[1:] if single else registers)
    if kind == "data" and text.count(",") == 1 and registers:
        operands |= {registers[0]}
    return Instruction(
        kind, size, result, operands, _transferred(name, text), name in ("ldrb", "ldrsb", "ldrh")
    )


def _kind(name: str, text: str, mnemonic: str) -> Kind:
    if _BRANCH.fullmatch(name):
        return "branch"
    if name in ("bl", "blx"):
        return "call"
    if name in _JUMPS:
        return "jump"
    if name.startswith(("ldm", "pop", "ldrd", "vldm", "vpop")):
        return "load_multiple"
    if name.startswith(("stm", "push", "strd", "vstm", "vpush")):
        return "store_multiple"
    if name.startswith(("ldr", "vldr")):
        return "load"
    if name.startswith(("str", "vstr")):
        return "store"
    if name in ("sdiv", "udiv"):
        return "divide"
    if name.startswith(("vdiv", "vsqrt")):
        return "fp_divide"
    if name.startswith(_FP_ACCUMULATE):
        return "fp_multiply_accumulate"
    if name.startswith("v"):
        return "fp"
    if name.startswith(_LONG):
        return "multiply_long"
    if name.startswith(_ACCUMULATE):
        return "multiply_accumulate"
    if name.startswith(_MULTIPLY):
        return "multiply"
    return "jump" if text.startswith("pc,") else "data"


def _transferred(name: str, text: str) -> int:
    """Registers of a load or store of several; a doubleword is two."""
    if name in ("ldrd", "strd"):
        return 2
    if "{" not in text:
        return 1
    inside = text[text.index("{") + 1 : text.index("}")]
    count = 0
    for part in inside.split(","):
        first, _, last = part.strip().partition("-")
        count += int(last[1:]) - int(first[1:]) + 1 if last else 1
    return count


def _vector(code: bytes, first: int) -> Instruction | None:
    """MVE and low-overhead loops, which capstone does not know: Arm DDI 0553, C2.4.

    MVE lies in the space of coprocessors, where 10 and 11 are the FPU; loops are among the
    branches, with bits that no BL has.
    """
    if len(code) < 4:
        return None
    second = int.from_bytes(code[2:4], "little")
    if first >> 8 in (0xEC, 0xED, 0xEE, 0xEF, 0xFC, 0xFD, 0xFE, 0xFF):
        if second >> 8 & 0xF in (10, 11):
            return None
        # 0xEC.., 0xED.., 0xFC.., 0xFD.. are loads and stores.
        return Instruction("vector_memory" if first >> 9 & 1 == 0 else "vector", 4)
    # LE, LETP, WLS, WLSTP, DLS, DLSTP, LCTP.
    if first & 0xFF80 == 0xF000 and second & 0xD001 == 0xC001:
        return Instruction("loop", 4)
    return None
