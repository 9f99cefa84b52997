"""An instruction as the cycle model sees it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "data",
    "multiply",
    "multiply_accumulate",
    "multiply_long",
    "multiply_high",
    "divide",
    "load",
    "store",
    "load_multiple",
    "store_multiple",
    "branch",
    "call",
    "jump",
    "fp",
    "fp_multiply_accumulate",
    "fp_divide",
    "vector",
    "vector_memory",
    "loop",
]
MEMORY = frozenset({"load", "store", "load_multiple", "store_multiple", "vector_memory"})
MULTIPLY = frozenset({"multiply", "multiply_accumulate", "multiply_long", "multiply_high"})
CONTROL = frozenset({"branch", "call", "jump", "loop"})


@dataclass(frozen=True)
class Instruction:
    """One machine instruction.

    Attributes:
        kind: what it takes time for.
        size: bytes.
        result: the register that it loads or computes, "" when there is none or several.
        operands: the registers that it names apart from the result; more than it reads at times,
            as a store's data is among them.
        registers: transferred by a load or store of several.
        narrow: a load of less than a word.
    """

    kind: Kind
    size: int
    result: str = ""
    operands: frozenset[str] = frozenset()
    registers: int = 1
    narrow: bool = False

    def uses(self, other: "Instruction") -> bool:
        """True when it reads what `other`, the instruction before it, computes."""
        return other.result != "" and other.result in self.operands
