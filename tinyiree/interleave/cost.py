"""What running layers in parts costs: an estimate in instructions, and in bytes of memory."""

from collections.abc import Mapping
from dataclasses import dataclass

from tinyiree.interleave.chain import Cut
from tinyiree.interleave.layers import RowLayer, row_layer
from tinyiree.iree.schedule import Dispatch, KernelCall, Schedule
from tinyiree.kernels.walk import Shape, Walk

CALL = 300
"""Instructions of a call besides the work that its rows are, the runner's included."""
MOVE, MOVED_BYTE = 50, 1.3
"""Instructions of a move of rows, and of each byte of it."""
ELEMENT = 6.0
"""Instructions of an element of a result besides its multiply-accumulates."""
PIXELS: Mapping[str, int] = {"armv7em": 2, "armv7m": 4, "armv6m": 4, "mve": 3, "rv32im": 6}
"""Output pixels that the convolutions of an ISA take at a time: a part of them costs as much."""
PER_MAC: Mapping[str, float] = {
    "armv7em": 1.2, "armv7m": 2.0, "armv6m": 3.0, "mve": 0.3, "rv32im": 2.5,
    "rv32i": 18.0,
}  # fmt: skip
"""Instructions of a multiply-accumulate, about: see ``targets/kernels/README.md``."""


@dataclass(frozen=True)
class Work:
    """Of the layers of a model.

    Attributes:
        macs: multiply-accumulates by dispatch group; a group that is missing has none.
    """

    macs: Mapping[int, int]

    def rows(self, layer: RowLayer, first: int, last: int) -> float:
        """Instructions of a call for some rows."""
        isa = layer.step.kernel.partition(".")[0]
        pixels: float = (last - first) * layer.walk.row_pixels
        each = self.macs.get(layer.step.group, 0) / (layer.rows * layer.walk.row_pixels)
        pixel = each * PER_MAC.get(isa, 3.0) + ELEMENT * layer.walk.write_bytes
        if layer.walk.shape is Shape.WINDOWS:
            group = PIXELS.get(isa, 1)
            # What is left over is taken one by one, which costs up to twice as much.
            pixels += (pixels % group) / 2 if group > 1 else 0
        return CALL + pixels * pixel

    def whole(self, layer: RowLayer) -> float:
        """Instructions of a layer that runs at once."""
        return self.rows(layer, 0, layer.rows)

    def total(self, schedule: Schedule, walks: Mapping[int, Walk]) -> float:
        """Instructions of a schedule of whole steps."""
        total = 0.0
        for step in schedule.steps:
            layer = row_layer(step, schedule, walks)
            if layer is not None:
                total += self.whole(layer)
            elif isinstance(step, KernelCall | Dispatch):
                isa = step.kernel.partition(".")[0] if isinstance(step, KernelCall) else ""
                total += CALL + self.macs.get(step.group, 0) * PER_MAC.get(isa, 3.0)
        return total

    def extra(self, cut: Cut) -> float:
        """Instructions that a cut chain takes more than its layers take whole."""
        layers = cut.chain.layers
        spent = sum(self.rows(layers[c.layer], c.first, c.last) for c in cut.calls)
        for number, _, low, end in cut.moves():
            layer = layers[cut.calls[number].layer]
            spent += (MOVE + MOVED_BYTE * (end - low) * layer.row_bytes) if low < end else 0
        return spent - sum(self.whole(layer) for layer in layers)


def needed_bytes(cut: Cut, sizes: Mapping[int, int], dying: frozenset[int]) -> int:
    """Bytes at the heaviest call, of all that the chain touches; no placement is considered.

    Args:
        cut: the chain.
        sizes: of the buffers that it touches.
        dying: inputs that nobody needs after the chain: of them the rest counts that is not read.
    """
    chain = cut.chain
    constant = max(layer.scratch for layer in chain.layers)
    for buffer, window in cut.windows.items():
        constant += window.rows * chain.layers[chain.producer[buffer]].row_bytes
    readers: dict[int, list[int]] = {}
    for number, layer in enumerate(chain.layers):
        for buffer in layer.inputs:
            if buffer not in chain.producer:
                readers.setdefault(buffer, []).append(number)
    constant += sum(sizes[buffer] for buffer in readers if buffer not in dying)
    left = {buffer: sizes[buffer] for buffer in readers if buffer in dying}
    written = 0
    done = [0] * len(chain.layers)
    most = 0
    touched = {
        number: [buffer for buffer in left if number in readers[buffer]]
        for number in range(len(chain.layers))
    }
    for call in cut.calls:
        layer = chain.layers[call.layer]
        if layer.output in chain.kept:
            written += (call.last - call.first) * layer.row_bytes
        most = max(most, constant + written + sum(left.values()))
        done[call.layer] = call.last
        for buffer in touched[call.layer]:
            first = min(
                sizes[buffer]
                if done[n] == chain.layers[n].rows
                else chain.layers[n].first_byte(done[n])
                for n in readers[buffer]
            )
            left[buffer] = sizes[buffer] - first
    return most
