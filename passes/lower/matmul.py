"""Linear layers and matrix products of two activations."""

from tinyiree.ir import access
from tinyiree.passes.lower import rescale, tiling
from tinyiree.passes.lower.convolution import (
    Epilogue,
    float_epilogue,
    integer_epilogue,
    multiply_accumulate,
)
from tinyiree.passes.lower.layer import Layer
from tinyiree.passes.lower.text import Array, Scalar, Tensor, Writer, along


def product(w: Writer, layer: Layer, weights: Array, end: Epilogue) -> Tensor:
    """Operand 0 times transposed weights, and what follows."""
    start = w.filled(layer.shape, end.element, 0)
    tiles = [tiling.matmul(*weights.shape)]
    sums = w.named("matmul", [layer.tensor(w, 0), w.constant(weights.T)], start, tiles)
    return end.apply(w, sums)


def integer_fully_connected(w: Writer, layer: Layer) -> Tensor:
    """``qnn.fully_connected``."""
    weights = layer.array(1, "weights")
    return product(w, layer, weights, integer_epilogue(w, layer, weights))


def float_fully_connected(w: Writer, layer: Layer) -> Tensor:
    """``nn.fully_connected``."""
    return product(w, layer, layer.array(1, "weights"), float_epilogue(w, layer))


_MAPS = (along(4, 0, 1, 3), along(4, 0, 3, 2), along(4, 0, 1, 2))


def float_batch_matmul(w: Writer, layer: Layer) -> Tensor:
    """``nn.batch_matmul``."""
    start = w.filled(layer.shape, "f32", 0.0)
    return w.named("batch_matmul", [layer.tensor(w, 0), layer.tensor(w, 1)], start)


def integer_batch_matmul(w: Writer, layer: Layer) -> Tensor:
    """``qnn.batch_matmul``: both sides vary, so the inner loop subtracts the zero points."""
    zero_points = [access.integer(layer.op, f"{side}_zero_point") for side in "ab"]

    def body(b: Writer, e: list[Scalar]) -> Scalar:
        left, right = (b.widen(x, zero) for x, zero in zip(e, zero_points, strict=False))
        return multiply_accumulate(b, left, right, e[2])

    a, c = layer.tensor(w, 0), layer.tensor(w, 1)
    start = (w.filled(layer.shape, "i32", 0), _MAPS[2])
    sums = w.generic([(a, _MAPS[0]), (c, _MAPS[1])], start, body, reductions=(3,))
    # 255 is the farthest that int8 values lie from a zero point.
    operands = rescale.Operands.write(w, rescale.of_op(layer.op, a.shape[2] * 255 * 255), ())
    return w.elementwise([sums], layer.shape, "i8", lambda b, e: operands.apply(b, e[0], []))
