"""How each operator works on tensors whose layout has been put off, for ``propagate-layout``.

A rule gets the op and its operands as views, and gives its result as a view. An op without a rule
gets its operands laid out as they were.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from iree.compiler import ir

from tinyiree.ir import access
from tinyiree.passes.views.trace import (
    Materializer,
    Traced,
    Weight,
    copy_op,
    set_attribute,
    trace,
)
from tinyiree.passes.views.view import View

Rule = Callable[[ir.Operation, Sequence[Traced], Materializer], Traced]


def as_it_was(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    """Lay the operands out and keep the op."""
    values = [make.value(operand) for operand in operands]
    return trace(copy_op(op, values, access.shape(op.results[0])))


def _transpose(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    return operands[0].seen(operands[0].view.transpose(access.ints(op, "permutation")))


def _reshape(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    shape = access.shape(op.results[0])
    view = operands[0].view.reshape(shape)
    if view is not None:
        return operands[0].seen(view)
    settled = make.settle(operands[0])
    view = settled.view.reshape(shape)
    return settled.seen(view) if view is not None else as_it_was(op, [settled], make)


def _elementwise(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    """f(view(x)) -> view(f(x))."""
    x = operands[0]
    if isinstance(x.base, Weight):
        return as_it_was(op, operands, make)
    return Traced(copy_op(op, [x.base], x.base_shape), x.view)


def _quantize(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    """As elementwise; scales for each channel follow their axis, and constants stay constants."""
    x = operands[0]
    per_channel = len(access.floats(op, "scales")) > 1
    if isinstance(x.base, Weight) and x.base.dequantize is None and op.name == "nn.dequantize":
        if per_channel:
            x = make.settle(x)
        assert isinstance(x.base, Weight)
        return Traced(Weight(x.base.array, x.base.location, op), x.view)
    if isinstance(x.base, Weight):
        return as_it_was(op, operands, make)
    if not per_channel:
        return _elementwise(op, operands, make)
    axis = x.view.base_axis(access.integer(op, "axis"), x.base_shape)
    if axis is None:
        return as_it_was(op, operands, make)
    y = copy_op(op, [x.base], x.base_shape)
    set_attribute(y, "axis", axis)
    return Traced(y, x.view)


def _last_axis(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    """Ops along the last axis keep the layout when that is the base's last axis too."""
    x = operands[0]
    same = x.view.base_axes(x.base_shape)[-1:] == x.view.axes[-1:]
    if isinstance(x.base, Weight) or not same:
        return as_it_was(op, operands, make)
    values = [x.base, *(make.value(operand) for operand in operands[1:])]
    return Traced(copy_op(op, values, x.base_shape), x.view)


@dataclass(frozen=True)
class _Plan:
    """One way to lay the operands out: as the base of ``lead``, or (None) as they were."""

    operands: Sequence[Traced]
    lead: Traced | None
    cost: int

    @property
    def rank(self) -> tuple[int, bool, bool]:
        """Few transposes first; then the way that puts a pending transpose off further."""
        lead = self.lead
        return self.cost, lead is None, lead is not None and lead.view.moves_nothing


def _binary(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    """op(view(a), view(b)) -> view(op(a, b)): the base that needs the fewest transposes leads."""
    shape = access.shape(op.results[0])
    best = _Plan(list(operands), None, sum(make.costs(operand) for operand in operands))
    for lead in operands:
        if lead.is_weight or lead.view.shape != shape:
            continue
        laid: list[Traced] = []
        for operand in operands:
            view = lead.view.undo(operand.view, lead.base_shape)
            settled = operand
            if view is None:
                settled = make.settle(operand)
                view = lead.view.undo(settled.view, lead.base_shape)
            if view is None:
                break
            laid.append(settled.seen(view))
        else:
            plan = _Plan(laid, lead, sum(make.costs(operand) for operand in laid))
            best = plan if plan.rank < best.rank else best
    if best.lead is None:
        return as_it_was(op, operands, make)
    values = [make.value(operand) for operand in best.operands]
    return Traced(copy_op(op, values, best.lead.base_shape), best.lead.view)


def _concat(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    """As binary, with an axis that is an axis of the leading base."""
    axis = access.integer(op, "axis")
    total = access.shape(op.results[0])[axis]
    best = _Plan(list(operands), None, sum(make.costs(operand) for operand in operands))
    best_axis = 0
    for lead in operands:
        at = lead.view.base_axis(axis, lead.base_shape)
        if lead.is_weight or at is None:
            continue
        laid: list[Traced] = []
        for operand in operands:
            extent = operand.view.shape[axis]
            wanted = lead.view.resized(axis, at, lead.base_shape, extent)
            view = wanted.undo(operand.view, _replaced(lead.base_shape, at, extent))
            if view is None:
                break
            laid.append(operand.seen(view))
        else:
            plan = _Plan(laid, lead, sum(make.costs(operand) for operand in laid))
            if plan.rank < best.rank:
                best, best_axis = plan, at
    if best.lead is None:
        return as_it_was(op, operands, make)
    lead = best.lead
    values = [make.value(operand) for operand in best.operands]
    y = copy_op(op, values, _replaced(lead.base_shape, best_axis, total))
    set_attribute(y, "axis", best_axis)
    return Traced(y, lead.view.resized(axis, best_axis, lead.base_shape, total))


def _replaced(shape: Sequence[int], axis: int, extent: int) -> tuple[int, ...]:
    return (*shape[:axis], extent, *shape[axis + 1 :])


def _per_axis(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    """Pad and slice: the amounts follow their axes."""
    x, after = operands[0], access.shape(op.results[0])
    first, second = ("low", "high") if op.name == "nn.pad" else ("offsets", "strides")
    a, b = access.ints(op, first), access.ints(op, second)
    neutral = 0 if op.name == "nn.pad" else 1
    shape, view = x.base_shape, x.view
    new_a, new_b = [0] * len(shape), [neutral] * len(shape)
    taken: set[int] = set()
    for axis, extent in enumerate(after):
        if extent == x.view.shape[axis] and a[axis] == 0 and b[axis] == neutral:
            continue
        at = view.base_axis(axis, shape)
        if isinstance(x.base, Weight) or at is None or at in taken:
            return as_it_was(op, operands, make)
        taken.add(at)
        new_a[at], new_b[at] = a[axis], b[axis]
        view = view.resized(axis, at, shape, extent)
        shape = _replaced(shape, at, extent)
    if isinstance(x.base, Weight):
        return as_it_was(op, operands, make)
    if not taken:
        return x
    y = copy_op(op, [x.base], shape)
    set_attribute(y, first, new_a)
    set_attribute(y, second, new_b)
    return Traced(y, view)


def _mean(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    """The axes follow, when they are whole axes of the base."""
    x, axes = operands[0], access.ints(op, "axes")
    keep = len(access.shape(op.results[0])) == len(x.view.axes)
    atoms = {atom for axis in axes for atom in x.view.axes[axis]}
    groups = x.view.base_axes(x.base_shape)
    over = [i for i, group in enumerate(groups) if group and set(group) <= atoms]
    if isinstance(x.base, Weight) or sum(len(groups[i]) for i in over) != len(atoms):
        return as_it_was(op, operands, make)
    remaining = [atom for atom in range(len(x.view.atoms)) if atom not in atoms]
    renamed = {atom: i for i, atom in enumerate(remaining)}
    new_axes = tuple(
        tuple(renamed[atom] for atom in old if atom in renamed)
        for i, old in enumerate(x.view.axes)
        if keep or i not in axes
    )
    view = View(tuple(x.view.atoms[atom] for atom in remaining), new_axes)
    if not over:
        return x.seen(view)
    if keep:
        shape = tuple(1 if i in over else extent for i, extent in enumerate(x.base_shape))
    else:
        # Also drop axes of extent 1 that the result does not have: no reshape after it then.
        ones = [i for i, group in enumerate(groups) if not group]
        over += ones[: max(0, len(ones) - new_axes.count(()))]
        shape = tuple(extent for i, extent in enumerate(x.base_shape) if i not in over)
    y = copy_op(op, [x.base], shape)
    set_attribute(y, "axes", sorted(over))
    return Traced(y, view)


def _argmax(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    """The axis follows, when it is an axis of the base."""
    x, axis = operands[0], access.integer(op, "axis")
    at = x.view.base_axis(axis, x.base_shape)
    if isinstance(x.base, Weight) or at is None or not x.view.axes[axis]:
        return as_it_was(op, operands, make)
    view = x.view.resized(axis, at, x.base_shape, 1)
    shape = _replaced(x.base_shape, at, 1)
    if len(access.shape(op.results[0])) < len(view.axes):
        view = View(view.atoms, (*view.axes[:axis], *view.axes[axis + 1 :]))
        shape = (*shape[:at], *shape[at + 1 :])
    y = copy_op(op, [x.base], shape)
    set_attribute(y, "axis", at)
    return Traced(y, view)


def _fully_connected(op: ir.Operation, operands: Sequence[Traced], make: Materializer) -> Traced:
    """fc(flatten(transpose(x)), w) -> fc(flatten(x), w with its columns in the order of x)."""
    x, w = operands[0], operands[1]
    columns = x.view.axes[1]
    rows_first = x.view.axes[0] == tuple(range(len(x.view.axes[0])))
    if x.view.moves_nothing or not w.is_weight or not rows_first:
        return as_it_was(op, operands, make)
    extents = [x.view.atoms[atom] for atom in columns]
    split = w.view.reshape([w.view.shape[0], *extents])
    if split is None:
        return as_it_was(op, operands, make)
    order = sorted(range(len(columns)), key=lambda i: columns[i])
    permuted = split.transpose([0, *(1 + i for i in order)])
    merged = permuted.reshape(w.view.shape)
    assert merged is not None  # whole atoms are merged
    flat = x.seen(View(x.view.atoms, (x.view.axes[0], tuple(sorted(columns)))))
    return as_it_was(op, [flat, w.seen(merged), *operands[2:]], make)


RULES: dict[str, Rule] = {
    "nn.transpose": _transpose,
    "nn.reshape": _reshape,
    "nn.clamp": _elementwise,
    "nn.unary": _elementwise,
    "nn.quantize": _quantize,
    "nn.dequantize": _quantize,
    "nn.add": _binary,
    "nn.sub": _binary,
    "nn.mul": _binary,
    "nn.maximum": _binary,
    "nn.minimum": _binary,
    "nn.batch_norm": _last_axis,
    "nn.softmax": _last_axis,
    "nn.log_softmax": _last_axis,
    "nn.concat": _concat,
    "nn.pad": _per_axis,
    "nn.slice": _per_axis,
    "nn.mean": _mean,
    "nn.argmax": _argmax,
    "nn.fully_connected": _fully_connected,
}
