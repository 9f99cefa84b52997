"""Explicit padding becomes the padding of the op that reads it."""

import math
from dataclasses import dataclass

from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.passes.base import PassContext

_READERS = ("nn.conv2d", "qnn.conv2d", "nn.max_pool2d", "nn.avg_pool2d", "qnn.avg_pool2d")


@dataclass(frozen=True)
class FoldPadding:
    """Fold `nn.pad` into the convolutions and poolings that read it.

    ``conv2d(pad(x, low=[0,1,1,0], high=[0,1,1,0], value=0), padding=[0,0,0,0])``
    ``-> conv2d(x, padding=[1,1,1,1])``

    ``conv2d(transpose(pad(x)))  ->  conv2d(pad(transpose(x)))``, then as above: frontends pad the
    model's input in their own layout.

    Where the padded value is what the op pads with itself: 0 for a float convolution, the zero
    point for an integer one, the lowest value for max pooling. Average pooling counts padding in,
    or has none of its own to leave out.
    """

    name = "fold-padding"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Rewrite the module in place."""
        with module.context:
            for pad in access.named(module, "nn.pad"):
                for user in access.users(pad.results[0]):
                    _sink(pad, user)
                if not access.users(pad.results[0]):
                    pad.erase()
            for pad in access.named(module, "nn.pad"):
                for user in access.users(pad.results[0]):
                    fold_into(user)
                if not access.users(pad.results[0]):
                    pad.erase()


def fold_into(reader: ir.Operation) -> bool:
    """Take the `nn.pad` that makes an op's input into the op's own padding; True when done."""
    pad = access.defining_op(reader.operands[0]) if reader.name in _READERS else None
    if pad is None or pad.name != "nn.pad":
        return False
    if not _is_spatial(pad) or not _pads_alike(reader, pad):
        return False
    _fold(pad, reader)
    return True


def _sink(pad: ir.Operation, move: ir.Operation) -> None:
    """move(pad(x)) -> pad(move(x)) where an op that can pad by itself reads the result."""
    order = _order(move)
    if order is None:
        return
    low, high = access.ints(pad, "low"), access.ints(pad, "high")
    readers = [user for user in access.users(move.results[0]) if user.name in _READERS]
    if not readers or min((*low, *high)) < 0:
        return
    x = pad.operands[0]
    shape, element = [access.shape(x)[axis] for axis in order], access.element_type(x)
    with ir.InsertionPoint(move):
        with move.location:
            if move.name == "nn.transpose":
                moved = build.op(move.name, [x], shape, element, permutation=order)
            else:
                moved = build.op(move.name, [x], shape, element)
        with pad.location:
            padded = build.op(
                pad.name,
                [moved],
                access.shape(move.results[0]),
                element,
                low=[low[axis] for axis in order],
                high=[high[axis] for axis in order],
                value=access.number(pad, "value"),
            )
    move.results[0].replace_all_uses_with(padded)
    move.erase()


def _order(move: ir.Operation) -> list[int] | None:
    """For each axis of the result the operand's: of a transpose, or a reshape that acts as one."""
    if move.name == "nn.transpose":
        return access.ints(move, "permutation")
    if move.name != "nn.reshape":
        return None
    before, after = access.shape(move.operands[0]), access.shape(move.results[0])
    wide = [axis for axis, extent in enumerate(before) if extent > 1]
    narrow = [axis for axis, extent in enumerate(before) if extent == 1]
    if [before[axis] for axis in wide] != [extent for extent in after if extent > 1]:
        return None
    if len(before) != len(after):
        return None
    return [(wide if extent > 1 else narrow).pop(0) for extent in after]


def _is_spatial(pad: ir.Operation) -> bool:
    """True when only H and W of [N, H, W, C] are padded, and nothing is cropped."""
    low, high = access.ints(pad, "low"), access.ints(pad, "high")
    if len(low) != 4 or min((*low, *high)) < 0:
        return False
    return not any((low[0], low[3], high[0], high[3]))


def _pads_alike(user: ir.Operation, pad: ir.Operation) -> bool:
    """True when the user's own padding means the value of the pad."""
    value = access.number(pad, "value")
    if user.name.startswith("qnn."):
        return value == access.integer(user, "input_zero_point")
    if user.name == "nn.max_pool2d":
        if access.element_type(user.operands[0]) == "f32":
            return value == -math.inf
        return value == access.limits(user.operands[0])[0]
    if user.name == "nn.avg_pool2d":
        counted = access.boolean(user, "count_include_pad") or not any(access.ints(user, "padding"))
        return value == 0 and counted
    return value == 0


def _fold(pad: ir.Operation, user: ir.Operation) -> None:
    (_, top, left, _), (_, bottom, right, _) = access.ints(pad, "low"), access.ints(pad, "high")
    own = access.ints(user, "padding")
    total = [a + b for a, b in zip(own, (top, left, bottom, right), strict=True)]
    user.attributes["padding"] = build.attribute("padding", user.name, total)
    if user.name == "nn.avg_pool2d":
        user.attributes["count_include_pad"] = ir.BoolAttr.get(True)
    user.operands[0] = pad.operands[0]
