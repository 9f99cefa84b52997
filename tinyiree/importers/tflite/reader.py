"""Reads .tflite files: flatbuffers of the TensorFlow Lite schema, version 3.

The generated accessors of the ``tflite`` package check nothing, so this file does: the identifier,
the sizes of everything that is looped over, and every index. Whatever a damaged file makes them do
ends in one error.
"""

import math
import re
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import tflite

from tinyiree.errors import TinyireeError
from tinyiree.importers.tflite.model import (
    Array,
    Graph,
    Model,
    Op,
    OptionValue,
    Quantization,
    TensorInfo,
)

MAX_FILE_BYTES = 64 * 2**20
MAX_ELEMENTS = 64 * 2**20
MAX_CONSTANT_BYTES = 256 * 2**20
MAX_ITEMS = 2**14
"""Limits that no model for a microcontroller comes near; they bound time and memory."""

_IDENTIFIER = b"TFL3"
_MAX_RANK = 8
_MAX_NAME = 4096


class _Bad(Exception):
    """What is wrong with the file."""


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if name.isupper()}


_BUILTINS = _names(tflite.BuiltinOperator)
_TYPES = {value: name.lower() for value, name in _names(tflite.TensorType).items()}
_OPTIONS: dict[int, str] = {
    value: name for name, value in vars(tflite.BuiltinOptions).items() if isinstance(value, int)
}
_CONTROL_FLOW = ("IF", "WHILE", "CALL", "CALL_ONCE")


def read_model(path: Path) -> Model:
    """Read a model.

    Raises:
        TinyireeError: the file cannot be read, is damaged, too large, or not a .tflite model.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise TinyireeError(
                f"{path}: {size} bytes; expected a model of at most {MAX_FILE_BYTES} bytes, the "
                "flash of any microcontroller: choose a smaller model"
            )
        data = path.read_bytes()
    except OSError as error:
        raise TinyireeError(f"{path}: cannot be read ({error.strerror}); correct it") from error
    return parse_model(data, path)


def parse_model(data: bytes, path: Path) -> Model:
    """Read a model from the bytes of a file; ``path`` is for messages."""
    if len(data) < 16 or data[4:8] != _IDENTIFIER:
        raise TinyireeError(
            f"{path}: not a TensorFlow Lite model: expected the identifier "
            f"{_IDENTIFIER.decode()} at byte 4, found {data[4:8]!r}; convert the model again"
        )
    try:
        return _model(data, path)
    except _Bad as error:
        raise TinyireeError(f"{path}: {error}") from error
    except RecursionError as error:
        raise TinyireeError(f"{path}: the file is damaged; convert the model again") from error
    except Exception as error:  # whatever unpacking garbage raises
        raise TinyireeError(
            f"{path}: the file is damaged ({type(error).__name__}: {error}); convert the model "
            "again"
        ) from error


def _model(data: bytes, path: Path) -> Model:
    model = tflite.Model.GetRootAsModel(data, 0)
    if model.Version() != 3:
        raise _Bad(f"schema version {model.Version()}, expected 3; convert the model again")
    graphs = _count(model.SubgraphsLength(), "subgraphs")
    codes = [
        _code(model.OperatorCodes(i))
        for i in range(_count(model.OperatorCodesLength(), "operator codes"))
    ]
    initializers = _initializers(model, codes) if graphs > 1 else []
    if graphs != 1 + len(set(initializers)):
        found = [name for name, _, custom in codes if not custom and name in _CONTROL_FLOW]
        why = f" (the model uses {', '.join(sorted(set(found)))})" if found else ""
        raise _Bad(
            f"expected one subgraph, found {graphs}{why}; control flow and several signatures "
            "are not supported: convert one function without branches and loops"
        )
    graph = model.Subgraphs(0)
    budget = [MAX_CONSTANT_BYTES]
    tensors, ops = _graph(model, graph, codes, budget)
    once = tuple(Graph(*_graph(model, model.Subgraphs(i), codes, budget)) for i in initializers)
    inputs = _indices(graph.InputsAsNumpy(), len(tensors), "the model's inputs")
    outputs = _indices(graph.OutputsAsNumpy(), len(tensors), "the model's outputs")
    if not outputs or -1 in (*inputs, *outputs):
        raise _Bad("the model has no outputs, or names none as one; convert the model again")
    return Model(path, tensors, ops, inputs, outputs, once)


def _graph(
    model: Any, graph: Any, codes: list[tuple[str, int, bool]], budget: list[int]
) -> tuple[list[TensorInfo], list[Op]]:
    tensors = [
        _tensor(model, graph.Tensors(i), i, budget)
        for i in range(_count(graph.TensorsLength(), "tensors"))
    ]
    ops = [
        _op(graph.Operators(i), i, codes, len(tensors))
        for i in range(_count(graph.OperatorsLength(), "operators"))
    ]
    return tensors, ops


def _initializers(model: Any, codes: list[tuple[str, int, bool]]) -> list[int]:
    """The subgraphs that the main one runs once; each at most one time."""
    graph = model.Subgraphs(0)
    found: dict[int, None] = {}
    for i in range(_count(graph.OperatorsLength(), "operators")):
        operator = graph.Operators(i)
        number = operator.OpcodeIndex()
        if 0 <= number < len(codes) and codes[number][0] == "CALL_ONCE":
            index = _options(operator, f"operator {i}").get("init_subgraph_index")
            if not isinstance(index, int) or not 0 < index < model.SubgraphsLength():
                raise _Bad(f"operator {i} (CALL_ONCE) names no subgraph; the file is damaged")
            found[index] = None
    return list(found)


def _count(found: int, what: str) -> int:
    if not 0 <= found <= MAX_ITEMS:
        raise _Bad(f"{found} {what}, expected at most {MAX_ITEMS}; convert the model again")
    return found


def _text(raw: bytes | None) -> str:
    return (raw or b"")[:_MAX_NAME].decode("utf-8", "replace")


def _code(code: Any) -> tuple[str, int, bool]:
    """Name, version, and whether it is a custom operator."""
    # Old files have the first field alone; new ones have both, the first one saturated.
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == tflite.BuiltinOperator.CUSTOM:
        return _text(code.CustomCode()) or "(custom operator without a name)", code.Version(), True
    return _BUILTINS.get(number, f"(operator {number})"), code.Version(), False


def _indices(values: Any, count: int, what: str) -> tuple[int, ...]:
    found = () if isinstance(values, int) else tuple(int(v) for v in values[: MAX_ITEMS + 1])
    if len(found) > MAX_ITEMS or any(not -1 <= v < count for v in found):
        raise _Bad(f"{what} name tensors that do not exist; the file is damaged")
    return found


def _tensor(model: Any, tensor: Any, index: int, budget: list[int]) -> TensorInfo:
    name = _text(tensor.Name()) or f"tensor{index}"
    extents = () if tensor.ShapeIsNone() else tuple(int(v) for v in tensor.ShapeAsNumpy()[:99])
    kind = _TYPES.get(tensor.Type(), f"type {tensor.Type()}")
    if len(extents) > _MAX_RANK or any(v < 0 for v in extents):
        raise _Bad(f"tensor {index} '{name}' has the shape {list(extents)}; the file is damaged")
    if math.prod(extents) > MAX_ELEMENTS:
        raise _Bad(
            f"tensor {index} '{name}' has the shape {list(extents)}; expected at most "
            f"{MAX_ELEMENTS} elements"
        )
    problem = _problem(tensor, extents, kind)
    data = None if problem else _data(model, tensor, name, extents, kind, budget)
    quantization, missing = _quantization(tensor, extents)
    return TensorInfo(
        index,
        name,
        extents,
        kind,
        data,
        quantization,
        problem or missing,
        bool(tensor.IsVariable()),
    )


def _problem(tensor: Any, extents: tuple[int, ...], kind: str) -> str:
    if not tensor.ShapeSignatureIsNone():
        signature = tuple(int(v) for v in tensor.ShapeSignatureAsNumpy()[:99])
        # An unknown batch is built as one; every other unknown extent is a dynamic shape.
        if any(v < 0 and (i > 0 or extents[:1] != (1,)) for i, v in enumerate(signature)):
            return f"has the dynamic shape {list(signature)}; convert it with static shapes"
    if tensor.Sparsity() is not None:
        return "is sparse, which is not supported yet; convert it with dense weights"
    if 0 in extents:
        return "has no elements; take the part of the model that makes it away"
    if kind in ("int4", "uint4", "int2"):
        return f"is {kind}, which is not supported yet; quantize to int8"
    return ""


def _data(
    model: Any, tensor: Any, name: str, extents: tuple[int, ...], kind: str, budget: list[int]
) -> Array | None:
    number = tensor.Buffer()
    if number >= _count(model.BuffersLength(), "buffers"):
        raise _Bad(f"tensor '{name}' names a buffer that does not exist; the file is damaged")
    buffer = model.Buffers(number)
    if number == 0 or (buffer.DataLength() == 0 and not buffer.Offset()):
        return None
    if buffer.Offset():
        raise _Bad(
            f"tensor '{name}' keeps its data outside of the flatbuffer; convert with a "
            "model below 2 GB"
        )
    if kind not in ("float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool"):
        return None
    raw = buffer.DataAsNumpy()
    dtype = np.dtype(kind).newbyteorder("<")
    if raw.nbytes != math.prod(extents) * dtype.itemsize:
        raise _Bad(
            f"constant '{name}' ({kind}{list(extents)}) has {raw.nbytes} bytes, expected "
            f"{math.prod(extents) * dtype.itemsize}; the file is damaged"
        )
    budget[0] -= raw.nbytes
    if budget[0] < 0:
        raise _Bad(f"more than {MAX_CONSTANT_BYTES} bytes of constants; the file is damaged")
    array: Array = np.frombuffer(raw.tobytes(), dtype).astype(kind).reshape(extents)
    return array


def _quantization(tensor: Any, extents: tuple[int, ...]) -> tuple[Quantization | None, str]:
    """The parameters if there are any, and what is wrong with them."""
    found = tensor.Quantization()
    if found is None:
        return None, ""
    if found.DetailsType() != 0:
        return None, "is quantized by blocks, which is not supported yet; quantize by channel"
    if found.ScaleIsNone() or found.ScaleLength() == 0:
        return None, ""
    count = found.ScaleLength()
    axis = found.QuantizedDimension()
    if count > 1 and not (0 <= axis < len(extents) and count == extents[axis]):
        return None, f"has {count} scales along axis {axis} of the shape {list(extents)}"
    scales = tuple(float(v) for v in found.ScaleAsNumpy())
    if found.ZeroPointIsNone() or found.ZeroPointLength() == 0:
        zero_points: tuple[int, ...] = (0,) * count
    else:
        zero_points = tuple(int(v) for v in found.ZeroPointAsNumpy()[:count])
    if len(zero_points) == 1:
        zero_points *= count
    if len(zero_points) != count:
        return None, f"has {count} scales and {len(zero_points)} zero points"
    if not all(math.isfinite(s) and s > 0 for s in scales):
        return None, "has a scale that is not a positive number"
    if not all(-(2**31) <= z < 2**31 for z in zero_points):
        return None, "has a zero point beyond 32 bits"
    return Quantization(scales, zero_points, axis), ""


def _op(op: Any, index: int, codes: list[tuple[str, int, bool]], tensors: int) -> Op:
    number = op.OpcodeIndex()
    if not 0 <= number < len(codes):
        raise _Bad(f"operator {index} names no operator code; the file is damaged")
    name, version, custom = codes[number]
    what = f"operator {index} ({name})"
    extra = b"" if op.CustomOptionsIsNone() else op.CustomOptionsAsNumpy().tobytes()
    return Op(
        index,
        name,
        custom,
        version,
        _indices(op.InputsAsNumpy(), tensors, what),
        _indices(op.OutputsAsNumpy(), tensors, what),
        {} if custom else _options(op, what),
        extra,
        _indices(op.IntermediatesAsNumpy(), tensors, what),
    )


def _options(op: Any, what: str) -> dict[str, OptionValue]:
    """The options table, field by field."""
    kind = _OPTIONS.get(op.BuiltinOptionsType())
    table = op.BuiltinOptions()
    if kind in (None, "NONE") or table is None:
        return {}
    cls = getattr(tflite, kind)
    view = cls()
    view.Init(table.Bytes, table.Pos)
    fields: dict[str, OptionValue] = {}
    for method, key, is_vector in _fields(cls):
        value = getattr(view, method)()
        if is_vector:
            if not isinstance(value, int) and len(value) > MAX_ITEMS:
                raise _Bad(f"{what} has {len(value)} values of {key}; the file is damaged")
            fields[key] = () if isinstance(value, int) else tuple(int(v) for v in value)
            continue
        if isinstance(value, bytes):
            value = _text(value)
        if isinstance(value, bool | int | float | str):
            fields[key] = value
    return fields


@cache
def _fields(cls: type) -> tuple[tuple[str, str, bool], ...]:
    """Accessor, name in snake case, and whether it is a vector, of each field of a table."""
    found = []
    for name, member in vars(cls).items():
        if not name[0].isupper() or name == "Init" or not isinstance(member, FunctionType):
            continue
        if name.endswith(("AsNumpy", "IsNone", "Length")):
            continue
        key = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        is_vector = f"{name}AsNumpy" in vars(cls)
        found.append((f"{name}AsNumpy" if is_vector else name, key, is_vector))
    return tuple(found)
