"""Cycles of short sequences, worked out by hand from the manuals' tables."""

from dataclasses import replace

import pytest

from tinyiree.cycles import arm, riscv
from tinyiree.cycles.estimate import refill, straight
from tinyiree.targets import CycleModel, load


def thumb(*words: str) -> list[arm.Instruction]:
    """Instructions from their encodings, bytes in the order of memory."""
    return arm.disassemble(bytes.fromhex("".join(words)), 0x100)


def rv32(*words: str) -> list[riscv.Instruction]:
    return riscv.disassemble(bytes.fromhex("".join(words)), 0x100)


LDR_R0_R1, LDR_R2_R3, LDR_R2_R0 = "0868", "1a68", "0268"
ADDS_R0_R0_R2, STR_R0_R1, BNE = "8018", "0860", "fad1"
PUSH_R4_LR, POP_R4_PC, BX_LR = "10b5", "10bd", "7047"
SMLAD, SMULL, MLA, SDIV = "20fb1230", "82fb0301", "02fb0310", "91fbf2f0"


@pytest.mark.parametrize(
    ("core", "code", "cycles"),
    [
        # Arm 100166, table 3-1: LDR 2, a second one beside it 1, ADD 1.
        ("cortex-m4", (LDR_R0_R1, LDR_R2_R3, ADDS_R0_R0_R2), 4),
        # The address of the second comes from the first: no overlap.
        ("cortex-m4", (LDR_R0_R1, LDR_R2_R0), 4),
        ("cortex-m4", (LDR_R0_R1, STR_R0_R1), 3),
        ("cortex-m4", (PUSH_R4_LR, POP_R4_PC), 6),
        ("cortex-m4", (SMLAD, SMULL, MLA), 3),
        ("cortex-m4", (SDIV,), 12),
        # Arm DDI 0337, table 3-1: MLA 2, SMULL 3 to 5.
        ("cortex-m3", (MLA, SMULL), 7),
        # Arm DDI 0484, table 3-1: loads and stores 2, whatever is beside them.
        ("cortex-m0plus", (LDR_R0_R1, LDR_R2_R3, ADDS_R0_R0_R2, STR_R0_R1), 7),
        ("cortex-m0plus", (PUSH_R4_LR,), 3),
        # Two at once, but one memory access; the sum waits a cycle for its operand.
        ("cortex-m7", (LDR_R0_R1, ADDS_R0_R0_R2), 3),
        ("cortex-m7", (LDR_R0_R1, LDR_R2_R3), 2),
        ("cortex-m7", (SMLAD, LDR_R2_R3), 1),
    ],
)
def test_arm(core: str, code: tuple[str, ...], cycles: int) -> None:
    assert straight(thumb(*code), load(core).cycles) == cycles


LW_A0_A1, MUL_A2_A0_A1, ADD_A2_A2_A0, MULH = "03a50500", "3306b502", "3306a600", "3316b502"


@pytest.mark.parametrize(
    ("core", "code", "cycles"),
    [
        # Ibex: a load takes 2, the single-cycle multiplier 1 and 2 for the high word.
        ("rv32imc", (LW_A0_A1, MUL_A2_A0_A1, ADD_A2_A2_A0), 4),
        ("rv32imc", (MULH,), 2),
        # CV32E40P: a load takes 1 and one more when its value is used at once; MULH takes 5.
        ("rv32imafc", (LW_A0_A1, MUL_A2_A0_A1), 3),
        ("rv32imafc", (MULH,), 5),
        # E31: a product is there after 5 cycles.
        ("rv32imac", (MUL_A2_A0_A1, ADD_A2_A2_A0), 6),
    ],
)
def test_riscv(core: str, code: tuple[str, ...], cycles: int) -> None:
    assert straight(rv32(*code), load(core).cycles) == cycles


@pytest.mark.parametrize(
    ("core", "last", "cycles"),
    [
        ("cortex-m0plus", BNE, 1),
        ("cortex-m0plus", BX_LR, 2),
        ("cortex-m4", BNE, 2),
        ("cortex-m4", "00f010f8", 2),  # BL
    ],
)
def test_a_jump_refills_the_pipeline(core: str, last: str, cycles: int) -> None:
    assert refill(thumb(ADDS_R0_R0_R2, last), load(core).cycles) == cycles


def test_vector_operations_of_two_kinds_overlap() -> None:
    vldr, vmladava, le = "b0ec101e", "f2ee240f", "0ff003c8"
    code = thumb(vldr, vmladava, vldr, vmladava, le)
    assert [one.kind for one in code] == ["vector_memory", "vector"] * 2 + ["loop"]
    model = load("cortex-m55").cycles
    assert straight(code, model) == 2 + 1 + 1 + 1
    assert straight(thumb(vldr, vldr), model) == 4
    assert refill(code, model) == 0


def test_a_model_that_names_nothing_counts_instructions() -> None:
    assert straight(thumb(LDR_R0_R1, SDIV, SMLAD), CycleModel("none", "none")) == 3
    assert straight(thumb(SDIV), replace(CycleModel("none", "none"), divide=9)) == 9
