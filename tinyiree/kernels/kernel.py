"""What a kernel is, and what it is called with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels.isas import runs
from tinyiree.kernels.types import other_types
from tinyiree.targets import Core

Array = npt.NDArray[np.generic]
Field = int | str | Mapping[str, "int | str"]
"""A number, the name of an array that a pointer points to, or the members of a struct."""


@dataclass(frozen=True)
class Packed:
    """The constants of one call.

    Attributes:
        struct: C type of `params`, a key of `tinyiree.kernels.structs.STRUCTS`.
        fields: its members.
        arrays: what the pointers among them point to, in the layout and dtype of the kernel; all
            are 4-byte aligned in memory.
    """

    struct: str
    fields: Mapping[str, Field]
    arrays: Mapping[str, Array]

    @property
    def flash_bytes(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for array in self.arrays.values())


class Reads(Enum):
    """What a kernel promises of the order of its reads and writes.

    Rows are computed from the top down and the pixels of a row from left to right. The promise
    lets an output lie over the part of an input that is not read any more, so that the kernel
    must not keep it from working by `restrict` or by reading ahead what it needs again.
    `tests/kernels/test_walk.py` holds every kernel to it.
    """

    WHOLE = "nothing: while it writes it may read everything"
    ROW = "while it writes a row it reads what this or a later one needs"
    BLOCKS = "as PIXEL, of blocks of four pixels, which begin with the call and cross ends of rows"
    PIXEL = "while it writes a pixel (or a row of a matrix) it reads what this or a later one needs"
    PIXEL_FIRST = "all reads of a pixel (or a row of a matrix) come before its first write"
    CHANNELS = "as PIXEL, and of channel c nothing is read once it is written"
    FOURS = "CHANNELS if their number is a multiple of four, else PIXEL"
    ELEMENTS = "element i is read for element i of the result alone, and before it is written"


@dataclass(frozen=True)
class Kernel:
    """One kernel of the catalogue.

    Attributes:
        name: as the report shows it, such as ``armv7em.conv2d``.
        sources: C files below ``targets/kernels``.
        ops: names of the ops that it may compute.
        symbols: the C function; two where there is one for the rounding `single` and `double`.
        accepts: None, or why it cannot compute an op of `ops`.
        pack: the constants for an accepted op.
        scratch_bytes: RAM that an accepted op needs during the call, 8-byte aligned.
        reads: what lets tensors overlap.
    """

    name: str
    sources: tuple[str, ...]
    ops: tuple[str, ...]
    symbols: tuple[str] | tuple[str, str]
    accepts: Callable[[ir.Operation], str | None]
    pack: Callable[[ir.Operation], Packed]
    scratch_bytes: Callable[[ir.Operation], int]
    reads: Reads = Reads.WHOLE

    @property
    def isa(self) -> str:
        """The folder of its sources: ``portable``, ``armv7em``."""
        return self.name.split(".")[0]

    def symbol(self, op: ir.Operation) -> str:
        """The C function for an op."""
        return self.symbols[-1 if access.rounding(op) == "double" else 0]

    def runs_on(self, core: Core) -> bool:
        """True when the core has the instructions."""
        return runs(self.isa, core)

    def reason(self, op: ir.Operation) -> str | None:
        """None when the kernel computes the op, else why not."""
        if op.name not in self.ops:
            return f"{self.name} does not compute {op.name}"
        return other_types(op) or self.accepts(op)
