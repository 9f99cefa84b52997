"""Find the range of every activation by running the float model on the calibration data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.ir.state import state_count, states_of
from tinyiree.passes.base import Array, PassContext
from tinyiree.passes.qdq.ranges import Observer, Range, make_observer
from tinyiree.passes.qdq.traits import (
    FIXED_RANGE,
    LAYOUT,
    clamp_after,
    compute_ops,
    function_name,
    is_activation,
    rule_of,
)
from tinyiree.passes.settings import Quantization

RANGE = "tiny.range"


@dataclass(frozen=True)
class Calibrate:
    """Annotate activations with the range of values that the calibration data gives them.

    ::

        %1 = nn.conv2d(%x)            ->  %1 = nn.conv2d(%x)
        %2 = nn.clamp(%1) {0, 6}          %2 = nn.clamp(%1) {0, 6, tiny.range = [0.0, 4.7]}

    Does nothing for a float build, or when the model brings its own quantization (QDQ, TFLite).
    A value that is never stored (before a fused clamp), or that a layout op moves unchanged, gets
    no range of its own.
    """

    @property
    def name(self) -> str:
        """The pass's name."""
        return "calibrate"

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Run every sample and set ``tiny.range`` (f64[2]) on ops, and on arguments of main.

        Raises:
            TinyireeError: calibration data is missing, empty, of the wrong name, shape or dtype,
                or it holds NaN or infinity, or the model makes some of it.
        """
        if context.quantization is None or access.is_integer_program(module):
            return
        if any(access.named(module, "nn.quantize")):
            return
        if state_count(module):
            raise TinyireeError(
                "int8 quantization: expected a model without state, found the variables "
                f"{', '.join(state.name for state in states_of(module))}; build in float "
                "(--quantize none), or bring a model that is quantized already"
            )
        data = _Data.check(module, context.calibration)
        watched = _watched(module)
        observers = [_observer(op, context.quantization) for op in watched]
        inputs = [_observer(None, context.quantization) for _ in data.arrays]
        program = context.compile_host(_instrument(module, watched)) if watched else None
        for i in range(data.count):
            context.progress("calibrate", i, data.count)
            sample = data.sample(i)
            for observer, array in zip(inputs, sample, strict=True):
                observer.update(array.astype(np.float32))
            if program is not None:
                results = program(sample)[-len(watched) :]
                for op, observer, array in zip(watched, observers, results, strict=True):
                    _observe(op, observer, array, i)
        context.progress("calibrate", data.count, data.count)
        with module.context:
            for op, observer in zip(watched, observers, strict=True):
                op.attributes[RANGE] = _attribute(observer.range())
            for i, observer in enumerate(inputs):
                build.set_argument_attribute(module, i, RANGE, _attribute(observer.range()))


@dataclass(frozen=True)
class _Data:
    """Calibration arrays in the order of main's arguments, each of shape ``[count, *shape]``."""

    arrays: tuple[Array, ...]

    @property
    def count(self) -> int:
        return len(self.arrays[0]) if self.arrays else 0

    def sample(self, index: int) -> list[Array]:
        return [np.ascontiguousarray(array[index]) for array in self.arrays]

    @staticmethod
    def check(module: ir.Module, given: Mapping[str, Array]) -> "_Data":
        arguments = list(access.main_block(module).arguments)
        names = [input_name(module, i) for i in range(len(arguments))]
        # A single array may come without a name, as `x`.
        if len(names) == 1 and list(given) == ["x"]:
            given = {names[0]: given["x"]}
        if unknown := sorted(given.keys() - set(names)):
            raise TinyireeError(
                f"calibration data: no input is called '{unknown[0]}'; the model's inputs are "
                f"{', '.join(names)}: rename the array"
            )
        arrays = tuple(
            _checked(name, access.shape(argument), given)
            for name, argument in zip(names, arguments, strict=True)
        )
        counts = {name: len(array) for name, array in zip(names, arrays, strict=True)}
        if len(set(counts.values())) > 1:
            raise TinyireeError(
                f"calibration data: expected as many samples for every input, found {counts}; "
                "give sample i of all inputs at index i"
            )
        return _Data(arrays)


def input_name(module: ir.Module, index: int) -> str:
    """The name of an argument of main, or ``input0``, ``input1``, ... when it has none."""
    name = access.argument_attribute(module, index, "tiny.name")
    return f"input{index}" if name is None else str(ir.StringAttr(name).value)


def _checked(name: str, shape: tuple[int, ...], given: Mapping[str, Array]) -> Array:
    if name not in given:
        raise TinyireeError(
            f"calibration data: input '{name}' is missing, found "
            f"{', '.join(sorted(given)) or 'no array'}; give a few dozen typical samples, float32 "
            f"{_expected(shape)} (--calibration X.npz), or build in float (--quantize none)"
        )
    array = np.asarray(given[name])
    if array.dtype != np.float32:
        raise TinyireeError(
            f"calibration data for '{name}': expected float32, found {array.dtype}; convert it "
            "to the values that the float model takes, scaling included"
        )
    batched = shape[:1] == (1,) and array.shape[1:] == shape[1:]
    if array.ndim == 0 or not (array.shape[1:] == shape or batched):
        raise TinyireeError(
            f"calibration data for '{name}': expected {_expected(shape)}, found "
            f"{list(array.shape)}; the first axis counts samples"
        )
    if array.size == 0:
        raise TinyireeError(f"calibration data for '{name}': it has no samples; give at least one")
    bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
    if bad.size:
        raise TinyireeError(
            f"calibration data for '{name}': sample {bad[0]} holds NaN or infinity; remove it"
        )
    return array.reshape(len(array), *shape)


def _expected(shape: tuple[int, ...]) -> str:
    rest = shape[1:] if shape[:1] == (1,) else shape
    return "[" + ", ".join(["N", *map(str, rest)]) + "]"


def _watched(module: ir.Module) -> list[ir.Operation]:
    """The ops whose results are stored with a range that only data can tell."""
    return [
        op
        for op in compute_ops(module)
        if op.name not in LAYOUT
        and is_activation(op.results[0])
        and function_name(op) not in FIXED_RANGE
        and clamp_after(op) is None
    ]


def _observer(op: ir.Operation | None, quantization: Quantization) -> Observer:
    rule = None if op is None else rule_of(op, quantization)
    method = rule.method if rule is not None and rule.method is not None else quantization.method
    return make_observer(method, quantization.percentile)


def _observe(op: ir.Operation, observer: Observer, array: Array, sample: int) -> None:
    values = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise TinyireeError(
            f"{access.describe(op)}: expected finite values, found NaN or infinity in its result "
            f"for calibration sample {sample}; check the sample and the model's weights"
        )
    observer.update(values)


def _attribute(found: Range) -> ir.Attribute:
    attribute: ir.Attribute = ir.DenseF64ArrayAttr.get(list(found))
    return attribute


def _instrument(module: ir.Module, watched: Sequence[ir.Operation]) -> ir.Module:
    """A copy of the module whose main also returns the results of the watched ops."""
    wanted = {op.results[0] for op in watched}
    code = BytesIO()
    module.operation.write_bytecode(code)
    with module.context, ir.Location.unknown():
        copy = ir.Module.parse(code.getvalue())
        pairs = zip(access.operations(module), access.operations(copy), strict=True)
        extra = [twin.results[0] for op, twin in pairs if op.results and op.results[0] in wanted]
        old = access.operations(copy)[-1]
        with build.before(old):
            ir.Operation.create("func.return", operands=[*old.operands, *extra])
        old.erase()
        _extend_result_attributes(copy, len(extra))
        build.update_function_type(copy)
    return copy


def _extend_result_attributes(module: ir.Module, count: int) -> None:
    function = access.main_function(module)
    if "res_attrs" in function.attributes:
        entries = [*ir.ArrayAttr(function.attributes["res_attrs"])]
        entries += [ir.DictAttr.get({})] * count
        function.attributes["res_attrs"] = ir.ArrayAttr.get(entries)
