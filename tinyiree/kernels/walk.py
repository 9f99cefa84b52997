"""Which input bytes a kernel may still read while it writes: what lets tensors overlap."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.kernels.kernel import Kernel, Packed, Reads
from tinyiree.kernels.rows import rows

Int64 = npt.NDArray[np.int64]

BLOCK = 4
"""Pixels of ``Reads.BLOCKS``."""
MAX_UNITS = 4096
"""Pixels of a call that are told apart; of more, neighbours are taken together."""
ELEMENT_BLOCKS = 16
"""Parts that an elementwise call is cut into: two are as good as all elements, see `Walk`."""
OVER_READ = 3
"""Bytes behind a window that a kernel may read in its last word; no result depends on them."""
_NOTHING = 2**62


class Shape(Enum):
    """How units follow from a kernel's constants."""

    WINDOWS = "windows"
    ROWS = "rows"
    ELEMENTS = "elements"
    PLANES = "planes"


@dataclass(frozen=True, eq=False)
class Progress:
    """A call unit by unit, in bytes from the start of the input and of the output.

    A unit first reads, then writes. What it may read while it writes is told apart.

    Attributes:
        read_low, read_high: bytes of each input that the unit reads; int64 [units].
        late_low: lowest byte that it may read between its writes, up to `read_high`; at or
            above `read_high` when there is none.
        write_low, write_high: bytes of the output that it writes.
    """

    read_low: Int64
    read_high: Int64
    late_low: Int64
    write_low: Int64
    write_high: Int64

    def merged(self, limit: int) -> "Progress":
        """The same in at most `limit` units: of neighbours together nothing is told apart."""
        count = len(self.read_low)
        if count <= limit:
            return self
        starts = np.arange(0, count, -(-count // limit))
        low = np.minimum.reduceat(self.read_low, starts)
        return Progress(
            low,
            np.maximum.reduceat(self.read_high, starts),
            low,
            np.minimum.reduceat(self.write_low, starts),
            np.maximum.reduceat(self.write_high, starts),
        )


@dataclass(frozen=True)
class Walk:
    """The way of one layer's kernel through its tensors.

    An output may lie below an input by what the units leave, never partly above it: every call
    but of a single unit reads something after its first write. Elements are taken in blocks, as
    reading earlier than promised does no harm, and an output that lies anywhere below its input
    or right on it is right for blocks of any size.

    Attributes:
        reads: what the kernel promises.
        shape: how the units follow from the numbers below.
        window: ``tinyiree_window_t``, where there is one.
        rows: of the output.
        row_pixels: units in a row of the output.
        read_bytes: of a unit: a pixel of the input, a row of its matrix, an element.
        write_bytes: of a unit: a pixel of the output, a row of its matrix, an element.
    """

    reads: Reads
    shape: Shape
    window: Mapping[str, int]
    rows: int
    row_pixels: int
    read_bytes: int
    write_bytes: int

    @property
    def chunk(self) -> int:
        """Rows of a call when a walk from the bottom up is cut into calls; 0 when it is not.

        The fewest that make an even number of pixels: kernels take two at a time.
        """
        if self.shape is Shape.ELEMENTS or self.rows == 1:
            return 0
        return 1 + self.row_pixels % 2

    def progress(self, first_row: int, last_row: int, chunk: int = 0) -> Progress:
        """Of a call that computes the rows ``[first_row, last_row)``.

        With a `chunk` it is cut into calls of that many rows, which run from the bottom up; the
        last one may have fewer.
        """
        first, last = first_row * self.row_pixels, last_row * self.row_pixels
        if self.shape is Shape.ELEMENTS:
            edges = np.linspace(first, last, min(ELEMENT_BLOCKS, last - first) + 1).astype(np.int64)
            nothing = np.full(len(edges) - 1, _NOTHING)
            return Progress(edges[:-1], edges[1:], nothing, edges[:-1], edges[1:])
        units = np.arange(first, last, dtype=np.int64)
        if chunk:
            units = units[
                np.argsort((last - 1 - units) // (chunk * self.row_pixels), kind="stable")
            ]
        low, high = self._read(units)
        nothing = low >= high
        low, high = np.where(nothing, _NOTHING, low), np.where(nothing, -_NOTHING, high)
        late = self._late(low)
        if self.reads is Reads.BLOCKS:
            calls = (last - 1 - units) // (chunk * self.row_pixels or last - first)
            late = _lowest_of_blocks(low, calls)
        return Progress(
            read_low=low,
            read_high=high,
            late_low=late,
            write_low=units * self.write_bytes,
            write_high=(units + 1) * self.write_bytes,
        ).merged(min(MAX_UNITS, last_row - first_row) if self.reads is Reads.ROW else MAX_UNITS)

    def _read(self, units: Int64) -> tuple[Int64, Int64]:
        if self.shape is Shape.PLANES:
            last = (self.window["in_channels"] - 1) * self.rows * self.row_pixels
            return units, last + units + 1
        if self.shape is not Shape.WINDOWS:
            return units * self.read_bytes, (units + 1) * self.read_bytes
        top, bottom = self._along("height", units // self.row_pixels, "top")
        left, right = self._along("width", units % self.row_pixels, "left")
        width = self.window["in_width"]
        low = (top * width + left) * self.read_bytes
        high = ((bottom - 1) * width + right) * self.read_bytes + OVER_READ
        inside = (top < bottom) & (left < right)
        return np.where(inside, low, 0), np.where(inside, high, 0)

    def _along(self, axis: str, at: Int64, side: str) -> tuple[Int64, Int64]:
        """First row or column of the windows that lies inside, and the one after the last."""
        w = self.window
        size, step = w[f"in_{axis}"], w[f"dilation_{axis}"]
        start = at * w[f"stride_{axis}"] - w[f"pad_{side}"]
        skipped = -(np.minimum(start, 0) // step)
        last = start + (w[f"kernel_{axis}"] - 1) * step
        beyond = np.maximum(last - (size - 1), 0)
        return start + skipped * step, last - -(-beyond // step) * step + 1

    def _late(self, low: Int64) -> Int64:
        match self.reads:
            case Reads.PIXEL | Reads.ROW:
                return low
            case Reads.CHANNELS:
                # Channels are written as they were read: the distance between the two stays.
                return low + self.write_bytes
            case _:
                return np.full_like(low, _NOTHING)


def _lowest_of_blocks(low: Int64, calls: Int64) -> Int64:
    """For each unit the least `low` in its block of four; the units of a call are neighbours."""
    _, first, sizes = np.unique(calls, return_index=True, return_counts=True)
    starts = [np.arange(at, at + size, BLOCK) for at, size in zip(first, sizes, strict=True)]
    at = np.sort(np.concatenate(starts))
    lengths = np.diff(np.append(at, len(low)))
    result: Int64 = np.repeat(np.minimum.reduceat(low, at), lengths)
    return result


def walk(kernel: Kernel, op: ir.Operation, packed: Packed) -> Walk | None:
    """The walk of an op's kernel with its constants; None when it promises nothing."""
    if kernel.reads is Reads.WHOLE:
        return None
    inputs = [value for value in op.operands if not access.is_constant(value)]
    tensors = (*inputs, op.results[0])
    if any(access.element_type(value) != "i8" for value in tensors):
        return None
    *sizes_in, size_out = (math.prod(access.shape(value)) for value in tensors)
    count = rows(op)
    if kernel.reads is Reads.ELEMENTS:
        if any(size != size_out for size in sizes_in):
            return None
        return Walk(kernel.reads, Shape.ELEMENTS, {}, count, size_out // count, 1, 1)
    if len(sizes_in) != 1:
        return None
    (size_in,) = sizes_in
    window = packed.fields.get("window")
    if isinstance(window, Mapping):
        geometry = {name: value for name, value in window.items() if isinstance(value, int)}
        width, channels = geometry["out_width"], geometry["in_channels"]
        pixel = size_out // (count * width)
        return Walk(_for(kernel, channels), Shape.WINDOWS, geometry, count, width, channels, pixel)
    reads = _for(kernel, size_in // count)
    return Walk(reads, Shape.ROWS, {}, count, 1, size_in // count, size_out // count)


def _for(kernel: Kernel, channels: int) -> Reads:
    if kernel.reads is Reads.FOURS:
        return Reads.PIXEL if channels % 4 else Reads.CHANNELS
    return kernel.reads
