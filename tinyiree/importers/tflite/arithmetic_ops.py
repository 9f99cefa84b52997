"""ADD, and what other sums need of it."""

import math
from collections.abc import Sequence

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Tensor, Unsupported
from tinyiree.importers.tflite.arithmetic import quantize_multiplier
from tinyiree.importers.tflite.call import Call, Entry
from tinyiree.importers.tflite.exact import fit_sum
from tinyiree.importers.tflite.types import ARITHMETIC
from tinyiree.ir.fixedpoint import rescale_twice

_LEFT_SHIFT = {"int8": 20, "int16": 15}


def add(call: Call) -> ir.Value:
    """ADD with broadcasting."""
    return combine(call, "nn.add", subtract=False)


def combine(call: Call, name: str, subtract: bool) -> ir.Value:
    """A sum or difference of integers or float32.

    Integers: both operands are brought to twice the greater scale with more bits (20 for int8, 15
    for int16), each rounded twice, added, and rescaled to the output, rounded twice
    (``kernels/add.cc``). For int8 ``qnn.add`` with multipliers found for it nearly always does the
    same to all pairs of operands.
    """
    dtype = call.expect(ARITHMETIC, 0, 1)
    call.expect_output()
    a, b = broadcast(call)
    if dtype == "float32":
        return call.clamped(call.emit(name, [a, b]))
    if dtype == "int16" and _adds_powers_of_two(call):
        return _shifted_sum(call, a, b, subtract)
    (scale_a, zero_a), (scale_b, zero_b) = (call.quantization(call.input(i)) for i in (0, 1))
    output_scale, _ = call.quantization(call.output())
    # The kernel takes the maximum and its double in float32.
    twice = float(np.float32(2) * np.float32(max(scale_a, scale_b)))
    left_shift = _LEFT_SHIFT[dtype]
    factor = twice / ((1 << left_shift) * output_scale)
    if not factor < 1:
        raise Unsupported(
            f"an output scale of {output_scale:g}, too small for inputs of scale {twice / 2:g}",
            "quantize the output with a greater scale",
        )
    pairs = [quantize_multiplier(f) for f in (scale_a / twice, scale_b / twice, factor)]
    output = call.integer_output()
    bounds = (output["output_zero_point"], output["clamp_min"], output["clamp_max"])
    sign = -1 if subtract else 1
    zero_points = {"a_zero_point": zero_a, "b_zero_point": zero_b, **output}
    fitted = None
    if dtype == "int8":
        sums = _all_sums((zero_a, zero_b), pairs, sign)
        wanted = np.clip(sums + bounds[0], bounds[1], bounds[2])
        factors = (scale_a / output_scale, sign * scale_b / output_scale)
        fitted = fit_sum(wanted, factors, (zero_a, zero_b), bounds)
    if fitted is not None:
        names = ("a_multiplier", "b_multiplier", "shift")
        return call.emit(
            "qnn.add", [a, b], {**zero_points, **dict(zip(names, fitted, strict=True))}
        )
    (ma, ra), (mb, rb), (m, r) = pairs
    return call.emit(
        "qnn.tflite_add",
        [a, b],
        {
            **zero_points,
            "subtract": subtract,
            "left_shift": left_shift,
            "a_multiplier": ma,
            "a_shift": ra,
            "b_multiplier": mb,
            "b_shift": rb,
            "multiplier": m,
            "shift": r,
        },
    )


def _shifted_sum(call: Call, a: Tensor, b: Tensor, subtract: bool) -> ir.Value:
    """int16 operands of which one is shifted to the other's scale, which is the output's."""
    output_scale, _ = call.quantization(call.output())
    shifts = [math.frexp(output_scale / call.quantization(call.input(i))[0])[1] - 1 for i in (0, 1)]
    if 0 not in shifts or min(shifts) < 0:
        raise Unsupported(
            f"scales that are powers of two with the exponents {[-s for s in shifts]} above the "
            "output's, expected 0 and at most 0",
            "convert the model again without pot_scale_int16",
        )
    # D of twice a number with 2^30 and 31 + e divides it by 2^e, and with 30 leaves one alone.
    one = 1 << 30
    return call.emit(
        "qnn.tflite_add",
        [a, b],
        {
            "a_zero_point": 0,
            "b_zero_point": 0,
            **call.integer_output(),
            "subtract": subtract,
            "left_shift": 1,
            "a_multiplier": one,
            "a_shift": 31 + shifts[0],
            "b_multiplier": one,
            "b_shift": 31 + shifts[1],
            "multiplier": one,
            "shift": 30,
        },
    )


def _adds_powers_of_two(call: Call) -> bool:
    """Whether the kernel shifts operands in place of rescaling them."""
    scales = [call.quantization(t)[0] for t in (call.input(0), call.input(1), call.output())]
    return bool(call.option("pot_scale_int16", 1)) and all(math.frexp(s)[0] == 0.5 for s in scales)


def _all_sums(
    zero_points: tuple[int, int], pairs: Sequence[tuple[int, int]], sign: int
) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """What the kernel makes of every pair of int8 operands, before zero point and clamp."""
    a, b = (
        rescale_twice((np.arange(-128, 128) - zero) << _LEFT_SHIFT["int8"], *pair)
        for zero, pair in zip(zero_points, pairs[:2], strict=True)
    )
    return rescale_twice(a[:, None] + sign * b[None], *pairs[2])


def broadcast(call: Call) -> tuple[Tensor, Tensor]:
    """Both inputs with the rank of the output.

    Raises:
        Unsupported: shapes that numpy does not broadcast to the output's.
    """
    shape = call.output().shape
    found = [call.input(i).shape for i in (0, 1)]
    try:
        expected = np.broadcast_shapes(*found)
    except ValueError:
        expected = ()
    if expected != shape:
        raise Unsupported(
            f"shapes {list(found[0])} and {list(found[1])} for an output of shape {list(shape)}",
            "convert the model again",
        )
    rank = len(shape)
    a, b = (
        call.reshaped(call.raw(i), (1,) * (rank - len(own)) + own) for i, own in enumerate(found)
    )
    return a, b


ENTRIES: dict[str, Entry] = {
    "ADD": Entry(add, ("nn.add", "nn.clamp", "qnn.add", "qnn.tflite_add"), ARITHMETIC, 5),
}
