"""``qnn.add`` and ``qnn.tflite_add``: two tensors of one shape."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.ir.fixedpoint import rescale_twice
from tinyiree.kernels import structs
from tinyiree.kernels.channels import output
from tinyiree.kernels.kernel import Field, Packed
from tinyiree.kernels.rows import rows

STRUCT = "tinyiree_add_t"
TFLITE_STRUCT = "tinyiree_tflite_add_t"
BYTE = np.arange(-128, 128, dtype=np.int64)
NEIGHBOURS = 6
"""How far from the nearest multipliers `linear_form` looks, in both directions."""


@dataclass(frozen=True)
class Linear:
    """``clamp((a * a_multiplier + b * b_multiplier + offset) >> shift)``."""

    a_multiplier: int
    b_multiplier: int
    offset: int
    shift: int

    def fits(self) -> bool:
        """True when no sum can leave 32 bits."""
        reach = 128 * (abs(self.a_multiplier) + abs(self.b_multiplier)) + abs(self.offset)
        return reach < 2**31 and 0 <= self.shift < 32


def linear(op: ir.Operation) -> Linear | None:
    """The linear form of an op that has one which is equal for all inputs."""
    if op.name == "qnn.add":
        shift = access.integer(op, "shift")
        a, b = access.integer(op, "a_multiplier"), access.integer(op, "b_multiplier")
        centre = a * access.integer(op, "a_zero_point") + b * access.integer(op, "b_zero_point")
        rounding = (1 << shift) >> 1
        zero_point = access.integer(op, "output_zero_point") << shift
        return Linear(a, b, rounding + zero_point - centre, shift)
    return linear_form(TfliteAdd.of(op))


@dataclass(frozen=True)
class TfliteAdd:
    """The attributes of ``qnn.tflite_add``."""

    a_zero_point: int
    b_zero_point: int
    left_shift: int
    a_multiplier: int
    a_shift: int
    b_multiplier: int
    b_shift: int
    multiplier: int
    shift: int
    output_zero_point: int
    clamp_min: int
    clamp_max: int
    sign: int

    @staticmethod
    def of(op: ir.Operation) -> "TfliteAdd":
        """Read from an op."""
        names = [name for name in TfliteAdd.__dataclass_fields__ if name != "sign"]
        sign = -1 if access.boolean(op, "subtract") else 1
        return TfliteAdd(**{name: access.integer(op, name) for name in names}, sign=sign)

    def table(self) -> npt.NDArray[np.int64]:
        """The result before clamping for every a (rows) and b (columns)."""
        a = (BYTE - self.a_zero_point) << self.left_shift
        b = (BYTE - self.b_zero_point) << self.left_shift
        left = rescale_twice(a, self.a_multiplier, self.a_shift)
        right = self.sign * rescale_twice(b, self.b_multiplier, self.b_shift)
        total = left[:, None] + right[None, :]
        return rescale_twice(total, self.multiplier, self.shift) + self.output_zero_point


@lru_cache(maxsize=64)
def linear_form(add: TfliteAdd) -> Linear | None:
    """A linear form with the same result as TFLite's three rescalings for all 65,536 inputs.

    For given multipliers each input pair bounds the offset from both sides, so that only the
    multipliers are searched, near their real values. Their errors decide the cases that lie next
    to a half, and ties, which TFLite rounds away from zero.
    """
    last = add.multiplier * 2.0 ** (add.left_shift - add.shift)
    a_factor = last * add.a_multiplier * 2.0**-add.a_shift
    b_factor = last * add.b_multiplier * 2.0**-add.b_shift * add.sign
    exact = add.table()
    wanted = np.clip(exact, add.clamp_min, add.clamp_max)
    reach = 256 * (abs(a_factor) + abs(b_factor)) + 256
    shift = min(30, 30 - int(np.ceil(np.log2(reach))))
    a_nearest, b_nearest = round(a_factor * 2**shift), round(b_factor * 2**shift)
    steps = sorted(range(-NEIGHBOURS, NEIGHBOURS + 1), key=abs)
    infinite = np.int64(2**62)
    for a_step, b_step in sorted(product(steps, steps), key=lambda s: abs(s[0]) + abs(s[1])):
        a, b = a_nearest + a_step, b_nearest + b_step
        sums = BYTE[:, None] * a + BYTE[None, :] * b
        least = np.where(wanted == add.clamp_min, -infinite, (wanted << shift) - sums).max()
        most = np.where(wanted == add.clamp_max, infinite, ((wanted + 1) << shift) - sums - 1).min()
        if least <= most:
            form = Linear(a, b, int(least + most) // 2, shift)
            if form.fits():
                return form
    return None


def _shape_problem(op: ir.Operation) -> str | None:
    a, b, y = (access.shape(value) for value in (*op.operands, op.results[0]))
    if a != y or b != y:
        return f"broadcasting of {a} and {b}"
    return None


def row_elements(op: ir.Operation) -> int:
    """Elements of one row of the result."""
    return math.prod(access.shape(op.results[0])) // rows(op)


def problem(op: ir.Operation) -> str | None:
    """Why the linear kernels cannot compute the op."""
    wrong_shape = _shape_problem(op)
    if wrong_shape is not None:
        return wrong_shape
    form = linear(op)
    if form is None:
        return "TFLite's roundings that no linear form has"
    return None if form.fits() else "sums of more than 32 bits"


def pack(op: ir.Operation) -> Packed:
    """``tinyiree_add_t``."""
    form = linear(op)
    if form is None:
        raise ValueError("ask `problem` first")
    fields: dict[str, Field] = {
        "a_multiplier": form.a_multiplier,
        "b_multiplier": form.b_multiplier,
        "offset": form.offset,
        "row_elements": row_elements(op),
        "shift": form.shift,
        "output": output(op),
    }
    return Packed(STRUCT, fields, {})


def tflite_problem(op: ir.Operation) -> str | None:
    """Why the exact kernel cannot compute the op."""
    return _shape_problem(op) or structs.too_large(TFLITE_STRUCT, tflite_fields(op))


def tflite_fields(op: ir.Operation) -> dict[str, Field]:
    """``tinyiree_tflite_add_t``."""
    numbers = [name for name, kind in structs.STRUCTS[TFLITE_STRUCT].items() if kind[0] in "iu"]
    own: dict[str, Field] = {
        "row_elements": row_elements(op),
        "b_sign": -1 if access.boolean(op, "subtract") else 1,
        "output": output(op),
    }
    return own | {name: access.integer(op, name) for name in numbers if name not in own}


def pack_tflite(op: ir.Operation) -> Packed:
    """``tinyiree_tflite_add_t``."""
    return Packed(TFLITE_STRUCT, tflite_fields(op), {})
