"""Which tensors become int8, which of them share a scale and zero point, and what these are."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access
from tinyiree.passes.calibrate import RANGE
from tinyiree.passes.qdq.parameters import Parameters, from_range
from tinyiree.passes.qdq.ranges import Range
from tinyiree.passes.qdq.traits import (
    FIXED_RANGE,
    LAYOUT,
    SATURATES,
    clamp_after,
    compute_ops,
    function_name,
    is_activation,
    rule_of,
)
from tinyiree.passes.settings import Quantization


@dataclass
class Groups:
    """Sets of values that layout ops join (a union-find forest)."""

    parent: dict[ir.Value, ir.Value] = field(default_factory=dict)

    def find(self, value: ir.Value) -> ir.Value:
        """The value that stands for the group."""
        self.parent.setdefault(value, value)
        while self.parent[value] != value:
            self.parent[value] = self.parent[self.parent[value]]
            value = self.parent[value]
        return value

    def join(self, a: ir.Value, b: ir.Value) -> None:
        """Make one group of two."""
        self.parent[self.find(a)] = self.find(b)

    def sets(self) -> list[list[ir.Value]]:
        """All groups, each in the order in which its values were first seen."""
        found: dict[ir.Value, list[ir.Value]] = {}
        for value in self.parent:
            found.setdefault(self.find(value), []).append(value)
        return list(found.values())


@dataclass(frozen=True)
class Plan:
    """What ``quantize`` is to write.

    Attributes:
        kept: the results of the ops that stay float (values, as an op's hash changes with it).
        parameters: of every float value that becomes int8, constants of layout ops included.
    """

    kept: frozenset[ir.Value]
    parameters: dict[ir.Value, Parameters]


def plan(module: ir.Module, quantization: Quantization) -> Plan:
    """Decide on every float value of a calibrated module.

    Raises:
        TinyireeError: a rule matches no layer, or the range of a tensor is not known.
    """
    ops = compute_ops(module)
    kept = kept_by_rule(ops, quantization)
    groups = _join(module, ops, kept)
    sets = groups.sets()
    kept |= _layout_between_kept(sets, kept)
    needed = [values for values in sets if any(_is_stored(value, kept) for value in values)]
    parameters: dict[ir.Value, Parameters] = {}
    for values in needed:
        found = from_range(*_clip(values, _range(module, values, groups)))
        parameters.update((value, found) for value in values)
    return Plan(frozenset(kept), parameters)


def kept_by_rule(ops: Sequence[ir.Operation], quantization: Quantization) -> set[ir.Value]:
    """The results of the ops that a rule keeps in float.

    Raises:
        TinyireeError: a rule matches no layer.
    """
    layers = sorted({access.layer_name(op) for op in ops})
    for rule in quantization.rules:
        if not any(rule.matches(layer) for layer in layers):
            raise TinyireeError(
                f"quantization rule '{rule.pattern}': it matches no layer; the layers are "
                f"{', '.join(layers)}: mend the pattern or remove the rule"
            )
    kept = set()
    for op in ops:
        found = rule_of(op, quantization)
        if found is not None and found.keep_float:
            kept.add(op.results[0])
    return kept


def _join(module: ir.Module, ops: Iterable[ir.Operation], kept: set[ir.Value]) -> Groups:
    groups = Groups()
    for argument in access.main_block(module).arguments:
        if is_activation(argument):
            groups.find(argument)
    for op in ops:
        if not is_activation(op.results[0]):
            continue
        result = op.results[0]
        groups.find(result)
        if op.name in LAYOUT and result not in kept:
            operands = [v for v in op.operands if access.element_type(v) == "f32"]
            alike = all(_is_softmax(v) for v in operands)
            for operand in operands:
                # The integer softmax has one output scale: what it gives cannot take another's.
                if alike or not _is_softmax(operand):
                    groups.join(operand, result)
    return groups


def _is_softmax(value: ir.Value) -> bool:
    op = access.defining_op(value)
    while op is not None and op.name in LAYOUT:
        op = access.defining_op(op.operands[0])
    return op is not None and op.name == "nn.softmax"


def _layout_between_kept(sets: Iterable[Sequence[ir.Value]], kept: set[ir.Value]) -> set[ir.Value]:
    """The layout ops whose values only kept ops make or use: quantizing them serves nobody."""
    found = set()
    for values in sets:
        touching = [op for value in values for op in _neighbours(value)]
        compute = {op.results[0] for op in touching if op.name not in LAYOUT}
        if compute and compute <= kept:
            found |= {op.results[0] for op in touching if op.name in LAYOUT}
    return found


def _neighbours(value: ir.Value) -> list[ir.Operation]:
    op = access.defining_op(value)
    made_by = [] if op is None else [op]
    return [each for each in made_by + access.users(value) if each.name.startswith("nn.")]


def _is_stored(value: ir.Value, kept: set[ir.Value]) -> bool:
    """True for a value that must be int8: a quantized op makes it, or uses it."""
    if access.is_constant(value):
        return False
    op = access.defining_op(value)
    users = [user for user in access.users(value) if user.name.startswith("nn.")]
    if op is not None and value not in kept:
        return clamp_after(op) is None
    return any(user.results[0] not in kept for user in users)


def _range(module: ir.Module, values: Sequence[ir.Value], groups: Groups) -> Range:
    """The hull of the ranges of all values of a group that are not merely moved."""
    low, high = 0.0, 0.0
    for value in values:
        for each in _ranges(module, value, groups):
            low, high = min(low, each[0]), max(high, each[1])
    return low, high


def _ranges(module: ir.Module, value: ir.Value, groups: Groups) -> list[Range]:
    op = access.defining_op(value)
    if op is None:
        index = list(access.main_block(module).arguments).index(value)
        return [_read(access.argument_attribute(module, index, RANGE), f"input {index}")]
    if op.name == "arith.constant":
        array = access.constant(value).astype(np.float64)
        return [(float(array.min()), float(array.max()))]
    if op.name == "nn.pad":
        fill = access.number(op, "value")
        return [(fill, fill)] if math.isfinite(fill) else []
    if op.name == "nn.concat":
        apart = [v for v in op.operands if groups.find(v) != groups.find(value)]
        return [FIXED_RANGE["softmax"]] if apart else []
    if op.name in LAYOUT:
        return []
    fixed = FIXED_RANGE.get(function_name(op))
    if fixed is not None:
        return [fixed]
    return [_read(op.attributes.get(RANGE, None), access.describe(op))]


def _read(attribute: ir.Attribute | None, what: str) -> Range:
    if attribute is None:
        raise TinyireeError(
            f"{what}: the range of its values is not known; run the pass 'calibrate' before "
            "'quantize'"
        )
    low, high = ir.DenseF64ArrayAttr(attribute)
    return float(low), float(high)


def _clip(values: Sequence[ir.Value], found: Range) -> Range:
    """Leave out what every user maps to one and the same number anyway."""
    users = [user for value in values for user in access.users(value) if user.name not in LAYOUT]
    names = {function_name(user) if user.name == "nn.unary" else "" for user in users}
    if not names or not names <= SATURATES.keys():
        return found
    low = min(SATURATES[name][0] for name in names)
    high = max(SATURATES[name][1] for name in names)
    return max(found[0], low), min(found[1], high)
