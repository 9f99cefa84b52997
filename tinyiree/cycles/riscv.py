"""RV32 code as instructions of the cycle model."""

import re

import capstone

from tinyiree.cycles.instruction import Instruction, Kind

_REGISTER = re.compile(r"\b(?:zero|ra|sp|gp|tp|[astf][0-9]{1,2}|f[ast]\d+)\b")
_BRANCHES = {"beq", "bne", "blt", "bge", "bltu", "bgeu", "beqz", "bnez", "blez", "bgez", "bltz"}
_BRANCHES |= {"bgtz", "bgt", "ble", "bgtu", "bleu"}
_LOADS = {"lw", "lb", "lbu", "lh", "lhu", "lwsp", "flw", "flwsp"}
_STORES = {"sw", "sb", "sh", "swsp", "fsw", "fswsp"}
_HIGH = {"mulh", "mulhu", "mulhsu"}
_DIVIDE = {"div", "divu", "rem", "remu"}


def disassemble(code: bytes, address: int) -> list[Instruction]:
    """All instructions of a block."""
    machine = capstone.Cs(
        capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC
    )
    found: list[Instruction] = []
    at = 0
    while at + 2 <= len(code):
        size = 4 if code[at] & 3 == 3 else 2
        one = next(machine.disasm_lite(code[at : at + size], address + at, 1), None)
        found.append(Instruction("data", size) if one is None else _known(one[2], one[3], size))
        at += size
    return found


def _known(mnemonic: str, text: str, size: int) -> Instruction:
    name = mnemonic.removeprefix("c.")
    kind = _kind(name, text)
    registers = _REGISTER.findall(text)
    writes = kind not in ("store", "branch", "jump", "call")
    result = registers[0] if writes and registers else ""
    operands = frozenset(registers[1:] if writes else registers)
    # Compressed forms read their first register too, but for loads and moves.
    if mnemonic.startswith("c.") and kind == "data" and name not in ("mv", "li", "lui"):
        operands |= {result}
    return Instruction(kind, size, result, operands, 1, name in ("lb", "lbu", "lh", "lhu"))


def _kind(name: str, text: str) -> Kind:
    if name in _BRANCHES:
        return "branch"
    if name in ("jal", "jalr", "call"):
        return "call" if not text.startswith("zero") else "jump"
    if name in ("j", "jr", "ret", "tail"):
        return "jump"
    if name in _LOADS:
        return "load"
    if name in _STORES:
        return "store"
    if name == "mul":
        return "multiply"
    if name in _HIGH:
        return "multiply_high"
    if name in _DIVIDE:
        return "divide"
    if name.startswith(("fdiv", "fsqrt")):
        return "fp_divide"
    if name.startswith(("fmadd", "fmsub", "fnmadd", "fnmsub")):
        return "fp_multiply_accumulate"
    if name.startswith("f") and not name.startswith("fence"):
        return "fp"
    return "data"
