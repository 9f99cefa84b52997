"""The windows of convolutions and pooling: TFLite's SAME and VALID padding made explicit."""

from collections.abc import Sequence
from dataclasses import dataclass

from tinyiree.importers.call import Unsupported
from tinyiree.importers.tflite.call import Call

SAME, VALID = 0, 1


@dataclass(frozen=True)
class Geometry:
    """Window attributes as the normal form has them."""

    strides: list[int]
    padding: list[int]
    dilations: list[int]

    @property
    def attributes(self) -> dict[str, list[int]]:
        """Those that all ops with windows have."""
        return {"strides": self.strides, "padding": self.padding}


def window(call: Call, kernel: Sequence[int], channels: int) -> Geometry:
    """Strides, padding and dilations of an operator, checked against the output's shape.

    Raises:
        Unsupported: an output of another shape, or options that make no sense.
    """
    shape, output = call.input(0).shape, call.output().shape
    if len(shape) != 4:
        raise Unsupported(f"data of shape {list(shape)}", "give it rank 4: [N, H, W, C]")
    strides = [call.option("stride_h"), call.option("stride_w")]
    dilations = [call.option("dilation_h_factor", 1), call.option("dilation_w_factor", 1)]
    padding = call.option("padding", SAME)
    if padding not in (SAME, VALID) or min(*strides, *dilations, *kernel) < 1:
        raise Unsupported(
            f"padding {padding}, strides {strides}, dilations {dilations}",
            "use padding SAME or VALID, and strides and dilations from 1",
        )
    before, after, extents = [], [], []
    for axis in (0, 1):
        size, stride = shape[axis + 1], strides[axis]
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        if padding == SAME:
            count = -(-size // stride)
            total = max((count - 1) * stride + reach - size, 0)
        else:
            count, total = (size - reach + stride) // stride, 0
        before.append(total // 2)
        after.append(total - total // 2)
        extents.append(count)
    expected = (shape[0], *extents, channels)
    if output != expected:
        raise Unsupported(
            f"an output of shape {list(output)}, expected {list(expected)}",
            "convert the model again",
        )
    return Geometry(strides, [*before, *after], dilations)
