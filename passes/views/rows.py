"""The other way round, for ``propagate-layout``: a transpose right after a linear layer."""

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.views.trace import copy_op
from tinyiree.passes.views.view import View

_ELEMENTWISE = ("nn.clamp", "nn.unary", "nn.quantize", "nn.dequantize")


def reorder_rows(module: ir.Module) -> None:
    """transpose(reshape(f(fc(x, w, b)))) -> reshape(f(fc(x, w, b with their rows in that order))).

    As in the decoder of an autoencoder. f is elementwise, and nothing else uses what is between.
    """
    for transpose in access.named(module, "nn.transpose"):
        chain = _chain(transpose)
        if chain is None:
            continue
        layer, *after = chain
        order = _row_order(layer, after)
        if order is None:
            continue
        with ir.InsertionPoint(transpose):
            value = _with_rows(layer, order)
            for op in after:
                if op.name in _ELEMENTWISE:
                    value = copy_op(op, [value], access.shape(value))
            with transpose.location:
                shape = access.shape(transpose.results[0])
                element = access.element_type(value)
                value = build.op("nn.reshape", [value], shape, element)
        transpose.results[0].replace_all_uses_with(value)


def _chain(transpose: ir.Operation) -> list[ir.Operation] | None:
    """The ops from a linear layer to the transpose, if each is the only user of the one before."""
    found = [transpose]
    while found[0].name != "nn.fully_connected":
        op = access.defining_op(found[0].operands[0])
        if op is None or access.only_user(op.results[0]) is None:
            return None
        per_channel = "scales" in op.attributes and len(access.floats(op, "scales")) > 1
        if per_channel or op.name not in (*_ELEMENTWISE, "nn.reshape", "nn.fully_connected"):
            return None
        found.insert(0, op)
    constant = all(access.is_constant(operand) for operand in list(found[0].operands)[1:])
    return found if constant else None


def _row_order(layer: ir.Operation, after: list[ir.Operation]) -> list[int] | None:
    """For each row of the new weights, the old one; None when the batch moves too."""
    batch, rows = access.shape(layer.results[0])
    view: View | None = View.identity((batch, rows))
    for op in after:
        if op.name == "nn.transpose" and view is not None:
            view = view.transpose(access.ints(op, "permutation"))
        elif op.name == "nn.reshape" and view is not None:
            view = view.reshape(access.shape(op.results[0]))
    if view is None:
        return None
    outer = len(view.base_axes((batch, rows))[0])
    if view.order[:outer] != tuple(range(outer)):
        return None
    inner = view.atoms[outer:]
    moved = np.arange(rows).reshape(inner).transpose([a - outer for a in view.order[outer:]])
    return [int(row) for row in moved.ravel()]


def _with_rows(layer: ir.Operation, order: list[int]) -> ir.Value:
    x, *parameters = list(layer.operands)
    with layer.location:
        constants = [build.constant(access.constant(p)[order]) for p in parameters]
    return copy_op(layer, [x, *constants], access.shape(layer.results[0]))
