"""Windows that slide over [N, H, W, C], written as loops in the body of a generic.

    for every output element:
        if the window lies inside the operand:  total = all taps, unrolled
        else:                                   total = the taps that are inside, by clipped loops

IREE's own way, ``tensor.pad`` before a named op, copies the window of each tap to the stack, and
unrolls pooling to kilobytes of code. Here nothing is padded, the stack stays small and so does the
code.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinyiree.ir import access
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.text import Scalar, Tensor, Writer

# Up to so many taps are unrolled where the window lies inside; larger kernels are loops.
_UNROLLED_TAPS = 9


@dataclass(frozen=True)
class Tap:
    """One position of a window.

    Attributes:
        n: index of the image.
        h: row of the operand.
        w: column of the operand.
        channel: channel of the result.
        kh: row of the kernel.
        kw: column of the kernel.
        inside: whether the whole window is known to lie inside the operand.
    """

    n: Scalar
    h: Scalar
    w: Scalar
    channel: Scalar
    kh: Scalar
    kw: Scalar
    inside: bool


Step = Callable[[Writer, Scalar, Tap], Scalar]
"""Takes the total so far and a tap, gives the new total."""


@dataclass(frozen=True)
class Axis:
    """A window along one axis, in elements: ``outputs`` positions over ``extent`` elements."""

    kernel: int
    stride: int
    dilation: int
    before: int
    extent: int
    outputs: int

    @property
    def inner(self) -> tuple[int, int]:
        """First output position, and the one after the last, whose window lies inside."""
        reach = (self.kernel - 1) * self.dilation + 1
        first = -(-self.before // self.stride)
        end = (self.extent + self.before - reach) // self.stride + 1
        return first, max(min(end, self.outputs), first)

    @property
    def is_inside(self) -> bool:
        """True when every window lies inside."""
        return self.inner == (0, self.outputs)


@dataclass(frozen=True)
class Window:
    """The two spatial axes of a convolution or pooling op."""

    height: Axis
    width: Axis

    @staticmethod
    def of(layer: Layer, kernel: Sequence[int]) -> "Window":
        """The window attributes of an op; ops without dilations have 1."""
        op = layer.op
        strides, padding = access.ints(op, "strides"), access.ints(op, "padding")
        dilations = access.ints(op, "dilations") if "dilations" in op.attributes else [1, 1]
        height, width = (
            Axis(
                kernel[i],
                strides[i],
                dilations[i],
                padding[i],
                layer.operand_shape(0)[i + 1],
                layer.shape[i + 1],
            )
            for i in (0, 1)
        )
        return Window(height, width)

    @property
    def is_inside(self) -> bool:
        """True when no window reaches over the border."""
        return self.height.is_inside and self.width.is_inside

    @property
    def strides(self) -> tuple[int, int]:
        """Along height and width."""
        return self.height.stride, self.width.stride

    @property
    def dilations(self) -> tuple[int, int]:
        """Along height and width."""
        return self.height.dilation, self.width.dilation

    def pad(self, w: Writer, x: Tensor, value: float) -> Tensor:
        """The operand with as much padding as the outputs need."""
        low, high = [0] * 4, [0] * 4
        for i, axis in ((1, self.height), (2, self.width)):
            reach = (axis.outputs - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1
            low[i] = axis.before
            high[i] = max(reach - axis.before - axis.extent, 0)
        return w.pad(x, low, high, value)

    @property
    def attributes(self) -> str:
        """As named linalg ops take them, without braces."""
        (dh, dw), (sh, sw) = self.dilations, self.strides
        return (
            f"dilations = dense<[{dh}, {dw}]> : vector<2xi64>, "
            f"strides = dense<[{sh}, {sw}]> : vector<2xi64>"
        )

    def total(self, b: Writer, start: Scalar, border_start: Scalar, step: Step) -> Scalar:
        """Sum up the window of the current output element, in a generic over [N, OH, OW, C].

        Args:
            b: the body of a generic.
            start: the total to begin with where the window lies inside.
            border_start: the same where it does not.
            step: adds a tap.
        """
        # Here and not where they are used: linalg.index must stand in the generic's own body.
        at = _Position(*(b.loop_index(loop) for loop in range(4)))
        row, column = at.row, at.column
        if self.is_inside:
            return self._inside(b, at, start, step)
        inside = b.both(_is_inner(b, row, self.height), _is_inner(b, column, self.width))
        return b.branch(
            inside,
            lambda: self._inside(b, at, start, step),
            lambda: self._clipped(b, at, border_start, step),
            start.type,
        )

    def _tap(self, b: Writer, at: "_Position", kh: Scalar, kw: Scalar, inside: bool) -> Tap:
        h = _source(b, at.row, kh, self.height)
        w = _source(b, at.column, kw, self.width)
        return Tap(at.n, h, w, at.channel, kh, kw, inside)

    def _inside(self, b: Writer, at: "_Position", start: Scalar, step: Step) -> Scalar:
        def tap(total: Scalar, kh: Scalar, kw: Scalar) -> Scalar:
            return step(b, total, self._tap(b, at, kh, kw, inside=True))

        height, width = self.height.kernel, self.width.kernel
        if height * width > _UNROLLED_TAPS:
            zero, rows, columns = (b.number(v, "index") for v in (0, height, width))
            return b.loop(
                zero,
                rows,
                start,
                lambda kh, outer: b.loop(
                    zero, columns, outer, lambda kw, total: tap(total, kh, kw)
                ),
            )
        for i in range(height):
            for j in range(width):
                start = tap(start, b.number(i, "index"), b.number(j, "index"))
        return start

    def _clipped(self, b: Writer, at: "_Position", start: Scalar, step: Step) -> Scalar:
        rows, columns = _clip(b, at.row, self.height), _clip(b, at.column, self.width)

        def tap(kh: Scalar, kw: Scalar, total: Scalar) -> Scalar:
            return step(b, total, self._tap(b, at, kh, kw, inside=False))

        return b.loop(
            *rows,
            start,
            lambda kh, outer: b.loop(*columns, outer, lambda kw, total: tap(kh, kw, total)),
        )


@dataclass(frozen=True)
class _Position:
    """The output element that is being computed."""

    n: Scalar
    row: Scalar
    column: Scalar
    channel: Scalar


def _is_inner(b: Writer, position: Scalar, axis: Axis) -> Scalar | None:
    """Whether an output position's window lies inside along one axis; None when all do."""
    if axis.is_inside:
        return None
    first, end = axis.inner
    return b.compare("ult", b.arith("subi", position, first), end - first)


def _source(b: Writer, output: Scalar, tap: Scalar, axis: Axis) -> Scalar:
    expression = f"d0 * {axis.stride} + d1 * {axis.dilation} - {axis.before}"
    return b.affine(expression, output, tap)


def _clip(b: Writer, output: Scalar, axis: Axis) -> tuple[Scalar, Scalar]:
    """The range of taps that lie inside the operand."""
    if axis.is_inside:
        return b.number(0, "index"), b.number(axis.kernel, "index")
    stride, dilation = axis.stride, axis.dilation
    low = f"({axis.before} - d0 * {stride}) ceildiv {dilation}"
    high = f"({axis.extent + axis.before} - d0 * {stride}) ceildiv {dilation}"
    return b.extreme("max", "0", low, output), b.extreme("min", str(axis.kernel), high, output)
