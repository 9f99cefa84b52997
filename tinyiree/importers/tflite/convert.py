"""From a .tflite model to the normal form.

A quantized model is an integer program whose every byte is defined by TFLite's kernels: its
operators become integer ones at once, and the function gets the attribute ``tiny.integer``, which
tells the passes that there is nothing left to quantize.
"""

from collections.abc import Sequence
from pathlib import Path

from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.importers.call import Tensor, Unsupported, shape_of
from tinyiree.importers.tflite.call import Call, put
from tinyiree.importers.tflite.model import Model, Op, TensorInfo
from tinyiree.importers.tflite.names import Names, edge_name, layer_name
from tinyiree.importers.tflite.reader import read_model
from tinyiree.importers.tflite.table import TABLE
from tinyiree.importers.tflite.types import (
    ELEMENTS,
    QUANTIZED,
    STORED,
    UINT8_OFFSET,
    stored_model,
)
from tinyiree.importers.tflite.variables import Variable, resolve_variables, variables_of
from tinyiree.importers.torch_dialect import new_main
from tinyiree.ir import access, build
from tinyiree.ir.state import STATE, state_attributes
from tinyiree.ir.verify import verify

_FALLBACK = "rewrite this part of the model with the operators that `tinyiree ops` lists"
_REMEDIES = {
    "IF": "convert one branch: control flow is not supported",
    "WHILE": "unroll the loop: control flow is not supported",
}


def import_tflite(path: Path) -> ir.Module:
    """Import a .tflite file, in a context of its own.

    Raises:
        TinyireeError: the file is damaged; or something in it is not supported, all of it listed.
    """
    return convert_model(read_model(path))


def convert_model(model: Model) -> ir.Module:
    """Convert a model that has been read; see ``import_tflite``."""
    with build.new_context(), ir.Location.unknown():
        return _Conversion(model).run()


class _Conversion:
    def __init__(self, model: Model) -> None:
        resolved, self._problems = resolve_variables(model)
        self._model = stored_model(resolved)
        self._values: dict[int, Tensor] = {}
        # Tensors whose operator could not be imported: what reads them is not tried.
        self._missing: set[int] = set()
        self._layers = Names()

    def run(self) -> ir.Module:
        model = self._model
        for tensor in model.tensors:
            if tensor.data is not None and not tensor.problem and not tensor.variable:
                self._values[tensor.index] = tensor.data
        inputs = self._inputs()
        variables = variables_of(model)
        tensors = [*inputs, *(variable.tensor for variable in variables)]
        types = [build.tensor_type(t.shape, ELEMENTS[t.dtype]) for t in tensors]
        module, body = new_main(types)
        with ir.InsertionPoint(body):
            for tensor, argument in zip(tensors, body.arguments, strict=True):
                self._values[tensor.index] = (
                    argument if tensor.variable else _turned(tensor, argument, "input")
                )
            for op in model.ops:
                self._convert(op)
            results = self._outputs()
            results += [put(self._values[variable.tensor.index]) for variable in variables]
            ir.Operation.create("func.return", operands=results)
        build.update_function_type(module)
        self._name_edges(module, inputs, variables)
        build.erase_dead(module)
        _mark_integer(module, model.tensors)
        try:
            verify(module)
        except TinyireeError as error:
            raise TinyireeError(f"{model.path}: {error}") from error
        return module

    def _inputs(self) -> list[TensorInfo]:
        found = []
        for number, index in enumerate(self._model.inputs):
            tensor = self._model.tensors[index]
            problem = tensor.problem
            if not problem and tensor.dtype not in ELEMENTS:
                problem = (
                    f"is {tensor.dtype}, expected {' or '.join(ELEMENTS)}; convert the model "
                    "with such inputs"
                )
            if not problem and tensor.shape == ():
                problem = "has rank 0; give it the shape [1]"
            if problem:
                self._problems.append(f"input {number} {tensor} {problem}")
                self._missing.add(index)
            elif tensor in found or tensor.data is not None:
                self._problems.append(f"input {number} {tensor} is given twice or is a constant")
            else:
                found.append(tensor)
        return found

    def _convert(self, op: Op) -> None:
        place = ir.Location.file(self._model.path.name, op.index, 0)
        names = [self._model.tensors[i].name for i in op.outputs if i >= 0]
        name = self._layers.unique(layer_name(names[0] if names else op.name))
        problem = self._unusable(op)
        if problem is None and not self._missing.intersection(op.inputs):
            with ir.Location.name(name, place):
                problem = self._try(op)
        if problem is not None:
            self._problems.append(f"{self._describe(op)}: {problem}")
        for index in op.outputs:
            if index >= 0 and index not in self._values:
                self._missing.add(index)

    def _try(self, op: Op) -> str | None:
        """Convert an operator; what is wrong, or None."""
        try:
            entry = TABLE[op.name]
            result = entry.convert(Call(op, self._model.tensors, self._values))
            results = list(result) if isinstance(result, list | tuple) else [result]
            targets = (*op.outputs, *(op.inputs[i] for i in entry.updates))
            for index, value in zip(targets, results, strict=True):
                _check_result(self._model.tensors[index], value)
                self._values[index] = value
        except Unsupported as error:
            return f"{error.problem}; {error.remedy}"
        except (ValueError, IndexError, ZeroDivisionError, OverflowError) as error:
            return f"its shapes, options or constants disagree ({error}); convert the model again"
        return None

    def _unusable(self, op: Op) -> str | None:
        """What is wrong with an operator before its converter looks at it."""
        if op.custom:
            return (
                "a custom operator; replace it by builtin operators, or add an entry for it to "
                "tinyiree/importers/tflite/table.py"
            )
        entry = TABLE.get(op.name)
        if entry is None:
            return f"not supported; {_REMEDIES.get(op.name, _FALLBACK)}"
        if not 1 <= op.version <= entry.version:
            return (
                f"version {op.version}, expected at most {entry.version}; convert the model with "
                "an older converter"
            )
        for index in (*op.inputs, *op.outputs):
            if index >= 0 and self._model.tensors[index].problem:
                tensor = self._model.tensors[index]
                return f"tensor {tensor} {tensor.problem}"
        return None

    def _describe(self, op: Op) -> str:
        tensors = self._model.tensors
        ins = ", ".join(tensors[i].label if i >= 0 else "-" for i in op.inputs)
        outs = ", ".join(tensors[i].label for i in op.outputs if i >= 0)
        return f"operator {op.index} {op.name} ({ins} -> {outs})"

    def _outputs(self) -> list[ir.Value]:
        found = []
        for number, index in enumerate(self._model.outputs):
            tensor = self._model.tensors[index]
            if index in self._values:
                found.append(_turned(tensor, put(self._values[index]), "output"))
            elif index not in self._missing:
                self._problems.append(f"output {number} {tensor} is computed by no operator")
        if self._problems:
            count = len(self._problems)
            raise TinyireeError(
                f"{self._model.path}: {count} thing{'s' * (count > 1)} cannot be imported:\n  "
                + "\n  ".join(self._problems)
            )
        return found

    def _name_edges(
        self, module: ir.Module, inputs: Sequence[TensorInfo], variables: Sequence[Variable]
    ) -> None:
        outputs = [self._model.tensors[index] for index in self._model.outputs]
        names = Names()
        marked = [
            state_attributes(
                names.unique(edge_name(variable.tensor.name, "state")), variable.initial
            )
            for variable in variables
        ]
        build.name_edges(
            module,
            [*_edge_attributes(inputs, "input"), *marked],
            [*_edge_attributes(outputs, "output"), *([{STATE: ir.UnitAttr.get()}] * len(marked))],
        )


def _edge_attributes(tensors: Sequence[TensorInfo], kind: str) -> list[dict[str, ir.Attribute]]:
    names = Names()
    return [_edge(names.unique(edge_name(tensor.name, kind)), tensor) for tensor in tensors]


def _edge(name: str, tensor: TensorInfo) -> dict[str, ir.Attribute]:
    found: dict[str, ir.Attribute] = {"tiny.name": ir.StringAttr.get(name)}
    quantization = tensor.quantization
    if tensor.dtype in STORED:
        found["tiny.dtype"] = ir.StringAttr.get(tensor.dtype)
    if tensor.dtype in QUANTIZED and quantization is not None and len(quantization.scales) == 1:
        zero_point = quantization.zero_points[0]
        if tensor.dtype == "uint8":
            zero_point += UINT8_OFFSET
        found["tiny.scale"] = ir.FloatAttr.get(ir.F64Type.get(), quantization.scales[0])
        found["tiny.zero_point"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), zero_point)
    return found


def _turned(tensor: TensorInfo, value: ir.Value, kind: str) -> ir.Value:
    """The bytes of a uint8 edge as the int8 that is stored, or the other way round."""
    if tensor.dtype != "uint8":
        return value
    with ir.Location.name(edge_name(tensor.name, kind)):
        return build.op("qnn.flip_sign", [value], tensor.shape, "i8")


def _check_result(tensor: TensorInfo, value: Tensor) -> None:
    """A converter's result has to be what the file says."""
    if isinstance(value, ir.Value):
        element = access.element_type(value)
    else:
        element = ELEMENTS.get(str(value.dtype), str(value.dtype))
    expected = ELEMENTS.get(tensor.dtype, tensor.dtype)
    if shape_of(value) != tensor.shape or element != expected:
        raise Unsupported(
            f"its output {tensor} should be {element} of shape {list(shape_of(value))}",
            "convert the model again",
        )


def _mark_integer(module: ir.Module, tensors: Sequence[TensorInfo]) -> None:
    """Note that the model is an integer program, and that its float parts stay float."""
    ops = [
        op for op in access.operations(module) if op.name not in ("arith.constant", "func.return")
    ]
    quantized = any(t.dtype in QUANTIZED and t.data is None for t in tensors)
    if not quantized and not any(op.name == "nn.dynamic_quantize" for op in ops):
        return
    access.main_function(module).attributes["tiny.integer"] = ir.UnitAttr.get()
    for op in ops:
        if access.element_type(op.results[0]) == "f32" and op.name != "nn.dequantize":
            op.attributes["tiny.keep_float"] = ir.UnitAttr.get()
