"""Kernel, strides and padding of convolutions and pools, as ONNX writes them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinyiree.importers.call import Unsupported
from tinyiree.importers.onnx.node import Node


@dataclass(frozen=True)
class Window:
    """One value for each spatial axis.

    Attributes:
        kernel: extent.
        strides: of the window.
        dilations: of the kernel.
        before: padding at the top and left.
        after: padding at the bottom and right.
        extra: what ``ceil_mode`` adds to ``after``.
        extent: of the result.
    """

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    before: list[int]
    after: list[int]
    extra: list[int]
    extent: list[int]

    def two(self) -> "Window":
        """The same over H and W: a 1-D window has H = 1."""
        if len(self.kernel) == 2:
            return self
        return Window(
            [1, *self.kernel],
            [1, *self.strides],
            [1, *self.dilations],
            [0, *self.before],
            [0, *self.after],
            [0, *self.extra],
            [1, *self.extent],
        )


def window(node: Node, size: Sequence[int], kernel: Sequence[int]) -> Window:
    """Read ``strides``, ``dilations``, ``pads``, ``auto_pad`` and ``ceil_mode``.

    Shapes follow the ONNX operator specifications (Conv, MaxPool and AveragePool): with
    ``ceil_mode`` a window may hang over the end, but one that would start in the padding at the end
    is left out.

    Args:
        node: Conv or a pool.
        size: spatial extents of the input.
        kernel: extents of the kernel.

    Raises:
        Unsupported: three or more spatial axes, negative padding, or no place for the window.
    """
    rank = len(size)
    if rank not in (1, 2):
        raise Unsupported(f"{rank} spatial axes", "use a 1-D or 2-D layer")
    strides = node.integers_attribute("strides", [1] * rank)
    dilations = node.integers_attribute("dilations", [1] * rank)
    ceil = node.integer_attribute("ceil_mode", 0) != 0
    if len(kernel) != rank or len(strides) != rank or len(dilations) != rank:
        raise Unsupported(
            f"a kernel, strides or dilations that are not of rank {rank}", "export the model again"
        )
    if min(*kernel, *strides, *dilations) < 1:
        raise Unsupported("an extent, stride or dilation below 1", "export the model again")
    spans = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    before, after = _padding(node, size, spans, strides)
    extra, extent = [], []
    for n, span, s, low, high in zip(size, spans, strides, before, after, strict=True):
        room = n + low + high - span
        if room < 0:
            raise Unsupported(
                f"a window of {span} elements over {n + low + high}, padding included",
                "give the model larger inputs",
            )
        count = room // s + 1
        if ceil and room % s and count * s < n + low:
            count += 1
        extent.append(count)
        extra.append(max(0, (count - 1) * s - room))
    return Window(list(kernel), strides, dilations, before, after, extra, extent)


def _padding(
    node: Node, size: Sequence[int], spans: Sequence[int], strides: Sequence[int]
) -> tuple[list[int], list[int]]:
    rank = len(size)
    mode = node.text_attribute("auto_pad", "NOTSET")
    if mode == "NOTSET":
        pads = node.integers_attribute("pads", [0] * 2 * rank)
        if len(pads) != 2 * rank or min(pads) < 0:
            raise Unsupported(f"pads {pads}", f"give {2 * rank} numbers that are not negative")
        return pads[:rank], pads[rank:]
    if mode == "VALID":
        return [0] * rank, [0] * rank
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise Unsupported(f"auto_pad '{mode}'", "use NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    total = [
        max(0, (math.ceil(n / s) - 1) * s + span - n)
        for n, span, s in zip(size, spans, strides, strict=True)
    ]
    less, more = [t // 2 for t in total], [t - t // 2 for t in total]
    return (less, more) if mode == "SAME_UPPER" else (more, less)
