"""The layers of a chain, and which bytes of their inputs their rows need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinyiree.iree.schedule import KernelCall, Schedule, Step
from tinyiree.kernels.walk import Shape, Walk


@dataclass(frozen=True)
class RowLayer:
    """A call that can be cut into calls of some rows.

    Attributes:
        step: the whole call.
        walk: its way through its tensors.
        inputs: buffers that it reads.
        output: buffer that it writes.
        scratch: bytes of scratch that a call needs.
    """

    step: KernelCall
    walk: Walk
    inputs: tuple[int, ...]
    output: int
    scratch: int

    @property
    def rows(self) -> int:
        """Rows of the output."""
        return self.walk.rows

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of the output."""
        return self.walk.row_pixels * self.walk.write_bytes

    def first_byte(self, row: int) -> int:
        """No output row from `row` on needs an input byte below this one."""
        walk, window = self.walk, self.walk.window
        if walk.shape is not Shape.WINDOWS:
            return row * walk.row_pixels * walk.read_bytes
        top = row * window["stride_height"] - window["pad_top"]
        return min(max(top, 0), window["in_height"]) * window["in_width"] * walk.read_bytes

    def end_byte(self, row: int) -> int:
        """The output rows below `row` need no input byte from this one on."""
        walk, window = self.walk, self.walk.window
        if row == 0:
            return 0
        if walk.shape is Shape.PLANES:
            return ((window["in_channels"] - 1) * walk.rows + row) * walk.row_pixels
        if walk.shape is not Shape.WINDOWS:
            return row * walk.row_pixels * walk.read_bytes
        last = (row - 1) * window["stride_height"] - window["pad_top"]
        last += (window["kernel_height"] - 1) * window["dilation_height"]
        return min(max(last + 1, 0), window["in_height"]) * window["in_width"] * walk.read_bytes


def row_layer(step: Step, schedule: Schedule, walks: Mapping[int, Walk]) -> RowLayer | None:
    """A step as a layer that may be cut; None when it may not."""
    if not isinstance(step, KernelCall) or step.group not in walks:
        return None
    walk = walks[step.group]
    spans = [s for s in step.bindings if schedule.buffers[s.buffer].kind != "scratch"]
    scratch = sum(s.length for s in step.bindings if schedule.buffers[s.buffer].kind == "scratch")
    *inputs, output = (span.buffer for span in spans)
    # Parts of a buffer, such as what a concatenation reads, have rows that are not the buffer's.
    parts = any(s.offset or s.length != schedule.buffers[s.buffer].size for s in spans)
    if parts or walk.rows < 2 or output in inputs:
        return None
    if schedule.buffers[output].size != walk.rows * walk.row_pixels * walk.write_bytes:
        return None
    return RowLayer(step, walk, tuple(inputs), output, scratch)


@dataclass(frozen=True)
class Chain:
    """Layers that follow each other in a schedule and all lead to the last one.

    Attributes:
        layers: in order.
        kept: buffers that the layers write and that exist whole: others need them too.
        producer: by buffer, the number of the layer that writes it.
        consumers: by buffer, the numbers of the layers that read it.
    """

    layers: tuple[RowLayer, ...]
    kept: frozenset[int]
    producer: Mapping[int, int]
    consumers: Mapping[int, tuple[int, ...]]

    @property
    def windows(self) -> list[int]:
        """Buffers that are written and read within the chain alone."""
        return [buffer for buffer in self.producer if buffer not in self.kept]


def make_chain(layers: Sequence[RowLayer], kept: frozenset[int]) -> Chain | None:
    """The chain of some layers; None when one of them does not lead to the last, or has a twin.

    Args:
        layers: in the order of the schedule.
        kept: buffers that somebody outside of these layers reads or writes.
    """
    producer = {layer.output: i for i, layer in enumerate(layers)}
    if len(producer) < len(layers):
        return None
    consumers: dict[int, tuple[int, ...]] = dict.fromkeys(producer, ())
    for i, layer in enumerate(layers):
        for buffer in dict.fromkeys(layer.inputs):
            if buffer in producer:
                if producer[buffer] >= i:
                    return None
                consumers[buffer] += (i,)
    if any(not consumers[layer.output] for layer in layers[:-1]):
        return None
    outer = frozenset(producer) & kept | {layers[-1].output}
    return Chain(tuple(layers), outer, producer, consumers)
