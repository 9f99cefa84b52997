"""``qnn.add`` and ``qnn.tflite_add`` for MVE, with a shift of at least 16."""

from dataclasses import replace

from iree.compiler import ir

from tinyiree.kernels import add
from tinyiree.kernels.add import Linear
from tinyiree.kernels.kernel import Packed

LEAST_SHIFT = 16


def _widened(form: Linear) -> Linear:
    """The same with a larger shift, as far as 16 wants it and 32 bits allow it."""
    while form.shift < LEAST_SHIFT:
        twice = Linear(
            2 * form.a_multiplier, 2 * form.b_multiplier, 2 * form.offset, form.shift + 1
        )
        if not twice.fits():
            break
        form = twice
    return form


def problem(op: ir.Operation) -> str | None:
    """Why ``mve.add`` cannot compute the op."""
    refused = add.problem(op)
    form = add.linear(op)
    if refused is not None or form is None:
        return refused
    if _widened(form).shift < LEAST_SHIFT:
        return f"a shift of {form.shift} with multipliers too large for {LEAST_SHIFT}"
    return None


def pack(op: ir.Operation) -> Packed:
    """``tinyiree_add_t``."""
    form = add.linear(op)
    if form is None:
        raise ValueError("ask `problem` first")
    form, packed = _widened(form), add.pack(op)
    fields = {
        "a_multiplier": form.a_multiplier,
        "b_multiplier": form.b_multiplier,
        "offset": form.offset,
        "shift": form.shift,
    }
    return replace(packed, fields={**packed.fields, **fields})
