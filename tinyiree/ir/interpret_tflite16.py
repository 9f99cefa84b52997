"""The interpreter's int16 functions with the arithmetic of TFLite's reference kernels."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir.access import Array, integer, string
from tinyiree.ir.fixedpoint import rescale_twice

Int64 = npt.NDArray[np.int64]

SIGMOID_BITS = {"sigmoid": 9, "tanh": 8}
"""Bits of the scaled operand of ``qnn.tflite_sigmoid`` below those that index its table."""

SIGMOID_LAST = 255
"""Table entries from here on are not read: the function has its limit."""


def _tflite_lookup(op: ir.Operation, operands: Sequence[Array]) -> Array:
    return interpolated(operands[0], operands[1]).astype(np.int16)


def interpolated(x: npt.ArrayLike, table: npt.ArrayLike) -> Int64:
    """A function of int16 from its values at -32768, -32640, ..., 32768."""
    value, entries = np.asarray(x, np.int64), np.asarray(table, np.int64)
    index = 256 + (value >> 7)
    base = entries[index]
    # The kernel keeps base and slope in 16 bits.
    slope = (entries[index + 1] - base).astype(np.int16).astype(np.int64)
    wide = base + ((slope * (value & 0x7F) + 64) >> 7)
    result: Int64 = np.asarray(wide).astype(np.int16).astype(np.int64)
    return result


def _tflite_sigmoid(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, table = (operand.astype(np.int64) for operand in operands)
    shift = integer(op, "shift")
    scaled = (x * integer(op, "multiplier") + ((1 << shift) >> 1)) >> shift
    name = string(op, "fn")
    bits = SIGMOID_BITS[name]
    size = np.abs(scaled)
    index = np.minimum(size >> bits, SIGMOID_LAST - 1)
    step = table[index + 1] - table[index]
    value = (table[index] << bits) + (size & ((1 << bits) - 1)) * step
    if name == "sigmoid":
        value = np.where(size >> bits >= SIGMOID_LAST, 0x7FFF << 10, value)
        turned = (1 << 25) - value + (1 << 9) - 1
        return (np.where(scaled >= 0, value + (1 << 9), turned) >> 10).astype(np.int16)
    value = np.where(size >> bits >= SIGMOID_LAST, 0xFFFF << 8, value) - (1 << 23)
    return (np.where(scaled >= 0, value + 128, -value + 127) >> 8).astype(np.int16)


def _tflite_softmax16(op: ir.Operation, operands: Sequence[Array]) -> Array:
    x, exponential, reciprocal = (operand.astype(np.int64) for operand in operands)
    below = x - x.max(axis=-1, keepdims=True)
    scaled = rescale_twice(below, integer(op, "multiplier"), integer(op, "shift"))
    e = interpolated(np.clip(scaled + 32767, -32768, 32767), exponential)
    total = e.sum(axis=-1, keepdims=True)
    zeros = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    # total / 2**exponent in [1, 2), in steps of 2**-16; then without the 1, as an int16.
    mantissa = ((total << (zeros - 1)) + (1 << 13)) >> 14
    share = interpolated(np.clip(mantissa - 3 * (1 << 15), -32768, 32767), reciprocal)
    shift = 31 - zeros
    result: Int64 = (e * share + (np.int64(1) << (shift - 1))) >> shift
    return np.clip(result, 0, 32767).astype(np.int16)


TFLITE16_OPS: dict[str, Callable[[ir.Operation, Sequence[Array]], Array]] = {
    "qnn.tflite_lookup": _tflite_lookup,
    "qnn.tflite_sigmoid": _tflite_sigmoid,
    "qnn.tflite_softmax16": _tflite_softmax16,
}
