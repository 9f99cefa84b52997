"""Tensors whose layout has been put off, for ``propagate-layout``."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.views.view import View


@dataclass(frozen=True, eq=False)
class Weight:
    """A constant, or a constant behind one dequantize, that is not in the new program yet.

    Attributes:
        array: the constant.
        location: of the ``arith.constant``.
        dequantize: the op that follows, if any; its ``axis`` counts the array's axes.
    """

    array: access.Array
    location: ir.Location
    dequantize: ir.Operation | None = None

    @property
    def channels(self) -> int:
        """Number of scales; 1 when there is no dequantize."""
        return 1 if self.dequantize is None else len(access.floats(self.dequantize, "scales"))


@dataclass(frozen=True)
class Traced:
    """A tensor of the old program as a view of one in the new program."""

    base: ir.Value | Weight
    view: View

    @property
    def base_shape(self) -> tuple[int, ...]:
        """Shape of the base."""
        return self.base.array.shape if isinstance(self.base, Weight) else access.shape(self.base)

    @property
    def is_weight(self) -> bool:
        """True when its layout can be changed while compiling."""
        return isinstance(self.base, Weight)

    def seen(self, view: View) -> "Traced":
        """The same base seen otherwise."""
        return replace(self, view=view)


def trace(value: ir.Value) -> Traced:
    """A tensor of the new program as it is."""
    return Traced(value, View.identity(access.shape(value)))


@dataclass
class Materializer:
    """Writes the layout ops that are needed after all, each once."""

    made: dict[tuple[ir.Value, View], ir.Value] = field(default_factory=dict)

    def costs(self, tensor: Traced) -> bool:
        """True when elements have to be moved at run time for this tensor."""
        if isinstance(tensor.base, Weight) or tensor.view.moves_nothing:
            return False
        return (tensor.base, tensor.view) not in self.made

    def value(self, tensor: Traced) -> ir.Value:
        """The tensor as a value at the current insertion point."""
        if isinstance(tensor.base, Weight):
            return self._weight(tensor.base, tensor.view)
        if tensor.base_shape == tensor.view.shape and tensor.view.moves_nothing:
            return tensor.base
        key = (tensor.base, tensor.view)
        if key not in self.made:
            self.made[key] = _lay_out(tensor.base, tensor.view)
        return self.made[key]

    def settle(self, tensor: Traced) -> Traced:
        """The tensor with nothing put off; a weight stays one if it can."""
        base = tensor.base
        if isinstance(base, Weight) and base.dequantize is None:
            array = _arrange(base.array, tensor.view)
            return Traced(replace(base, array=array), View.identity(array.shape))
        return trace(self.value(tensor))

    def _weight(self, weight: Weight, view: View) -> ir.Value:
        op = weight.dequantize
        if op is None:
            with weight.location:
                return build.constant(_arrange(weight.array, view))
        axis = 0
        if weight.channels > 1:
            channel = View.identity(weight.array.shape).axes[access.integer(op, "axis")]
            # Atoms may have been split since: compare what they cover.
            found = _find_channel(view, weight.array.shape, channel[0])
            if found is None:
                with weight.location:
                    constant = build.constant(weight.array)
                return _lay_out(copy_op(op, [constant], access.shape(constant)), view)
            axis = found
        with weight.location:
            constant = build.constant(_arrange(weight.array, view))
        y = copy_op(op, [constant], view.shape)
        set_attribute(y, "axis", axis)
        return y


def copy_op(op: ir.Operation, operands: Sequence[ir.Value], shape: Sequence[int]) -> ir.Value:
    """The same op, attributes and location, on other operands and with another result shape."""
    with op.location:
        return ir.Operation.create(
            op.name,
            results=[build.tensor_type(shape, access.element_type(op.results[0]))],
            operands=list(operands),
            attributes={name: op.attributes[name] for name in op.attributes},
        ).result


def set_attribute(value: ir.Value, name: str, content: build.Attribute) -> None:
    """Change an attribute of the op that makes a value."""
    op = access.defining_op(value)
    assert op is not None
    op.attributes[name] = build.attribute(name, op.name, content)


def _find_channel(view: View, shape: tuple[int, ...], position: int) -> int | None:
    """The axis of the view that is the base's axis with the given number among those above 1."""
    wide = [group for group in view.base_axes(shape) if group]
    group = wide[position]
    return view.axes.index(group) if group in view.axes else None


def _arrange(array: access.Array, view: View) -> access.Array:
    moved = array.reshape(view.atoms).transpose(view.order) if view.atoms else array
    return np.ascontiguousarray(moved.reshape(view.shape))


def _reshape(x: ir.Value, shape: Sequence[int]) -> ir.Value:
    if access.shape(x) == tuple(shape):
        return x
    return build.op("nn.reshape", [x], shape, access.element_type(x))


def _transpose(x: ir.Value, permutation: Sequence[int]) -> ir.Value:
    shape = [access.shape(x)[axis] for axis in permutation]
    element = access.element_type(x)
    return build.op("nn.transpose", [x], shape, element, permutation=list(permutation))


def _lay_out(base: ir.Value, view: View) -> ir.Value:
    """A reshape where that is enough, else one transpose and the reshapes that it needs."""
    if view.moves_nothing:
        return _reshape(base, view.shape)
    groups = list(view.base_axes(access.shape(base)))
    if all(axis in groups for axis in view.axes) and len(groups) == len(view.axes):
        permutation = []
        for axis in view.axes:
            found = next(i for i, g in enumerate(groups) if g == axis and i not in permutation)
            permutation.append(found)
        return _transpose(base, permutation)
    runs = view.runs()
    ordered = sorted(runs)
    flat = _reshape(base, [View(view.atoms, (run,)).shape[0] for run in ordered])
    return _reshape(_transpose(flat, [ordered.index(run) for run in runs]), view.shape)
