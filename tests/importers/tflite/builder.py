"""Writes small .tflite files: what the tests of the importer read, made by nobody else."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

TYPES = {
    "float32": tflite.TensorType.FLOAT32,
    "float16": tflite.TensorType.FLOAT16,
    "int4": tflite.TensorType.INT4,
    "int8": tflite.TensorType.INT8,
    "uint8": tflite.TensorType.UINT8,
    "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "bool": tflite.TensorType.BOOL,
    "resource": tflite.TensorType.RESOURCE,
}

Options = tuple[str, Mapping[str, Any]]


@dataclass
class _Tensor:
    name: str
    shape: tuple[int, ...]
    dtype: str
    data: np.ndarray | None
    scales: list[float]
    zero_points: list[int]
    axis: int
    signature: tuple[int, ...] | None
    variable: bool
    sparse: bool


@dataclass
class _Op:
    code: int
    inputs: list[int]
    outputs: list[int]
    options: Options | None
    custom_options: bytes | None
    intermediates: list[int]


@dataclass
class ModelBuilder:
    """Tensors and ops in order, then ``finish``: the bytes of a .tflite file.

    Tensors are named by the index that ``tensor`` returns; an input of -1 is left out.
    """

    description: str = "written by a test"
    _tensors: list[_Tensor] = field(default_factory=list)
    _ops: list[_Op] = field(default_factory=list)
    _codes: list[tuple[int, int, str | None]] = field(default_factory=list)
    _initializers: list["ModelBuilder"] = field(default_factory=list)

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str = "int8",
        *,
        data: Any = None,
        scale: float | Sequence[float] | None = None,
        zero_point: int | Sequence[int] = 0,
        axis: int = 0,
        signature: Sequence[int] | None = None,
        variable: bool = False,
        sparse: bool = False,
    ) -> int:
        """Add a tensor; with ``data`` it is a constant."""
        array = None if data is None else np.ascontiguousarray(data)
        scales = [] if scale is None else [float(s) for s in np.atleast_1d(scale)]
        zeros = [] if scale is None else [int(z) for z in np.atleast_1d(zero_point)]
        if len(zeros) == 1:
            zeros *= len(scales)
        found = None if signature is None else tuple(signature)
        self._tensors.append(
            _Tensor(name, tuple(shape), dtype, array, scales, zeros, axis, found, variable, sparse)
        )
        return len(self._tensors) - 1

    def constant(self, name: str, data: Any, **keywords: Any) -> int:
        """A constant tensor of the array's own shape and type."""
        array = np.asarray(data)
        return self.tensor(name, array.shape, str(array.dtype), data=array, **keywords)

    def op(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Options | None = None,
        *,
        version: int = 1,
        custom: str | None = None,
        custom_options: bytes | None = None,
        intermediates: Sequence[int] = (),
    ) -> None:
        """Add an op by the name of its ``BuiltinOperator``; options as (table name, fields)."""
        code = (getattr(tflite.BuiltinOperator, name), version, custom)
        if code not in self._codes:
            self._codes.append(code)
        self._ops.append(
            _Op(
                self._codes.index(code),
                list(inputs),
                list(outputs),
                options,
                custom_options,
                list(intermediates),
            )
        )

    def initializer(self) -> "ModelBuilder":
        """A subgraph of its own, which CALL_ONCE names by its number in the file: 1, 2, ..."""
        made = ModelBuilder(_codes=self._codes)
        self._initializers.append(made)
        return made

    def finish(self, inputs: Sequence[int], outputs: Sequence[int], *, subgraphs: int = 1) -> bytes:
        """The file."""
        b = flatbuffers.Builder(1024)
        buffers = [_buffer(b, None)]
        tensors, ops = self._contents(b, buffers)
        graphs = [
            _subgraph(b, f"main{i or ''}", tensors, ops, inputs, outputs) for i in range(subgraphs)
        ]
        for i, made in enumerate(self._initializers):
            graphs.append(_subgraph(b, f"once{i}", *made._contents(b, buffers), [], []))
        codes = [_code(b, *code) for code in self._codes]
        parts = {
            "OperatorCodes": _tables(b, codes),
            "Subgraphs": _tables(b, graphs),
            "Description": b.CreateString(self.description),
            "Buffers": _tables(b, buffers),
        }
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        for name, offset in parts.items():
            getattr(tflite, f"ModelAdd{name}")(b, offset)
        b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
        return bytes(b.Output())

    def _contents(self, b: flatbuffers.Builder, buffers: list[int]) -> tuple[list[int], list[int]]:
        """Tensors and ops of a subgraph; buffers are those of the file."""
        tensors = []
        for tensor in self._tensors:
            number = 0
            if tensor.data is not None:
                buffers.append(_buffer(b, tensor.data.tobytes()))
                number = len(buffers) - 1
            tensors.append(_tensor(b, tensor, number))
        return tensors, [_op(b, op) for op in self._ops]


def _tables(b: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _vector(b: flatbuffers.Builder, values: Sequence[float], dtype: str) -> int:
    return int(b.CreateNumpyVector(np.asarray(values, dtype)))


def _buffer(b: flatbuffers.Builder, data: bytes | None) -> int:
    offset = None
    if data is not None:
        # The runtime maps the file: data has to lie on a boundary of 16 bytes.
        b.StartVector(1, len(data), 16)
        b.head -= len(data)
        b.Bytes[b.head : b.head + len(data)] = data
        offset = b.EndVector()
    tflite.BufferStart(b)
    if offset is not None:
        tflite.BufferAddData(b, offset)
    return int(tflite.BufferEnd(b))


def _tensor(b: flatbuffers.Builder, tensor: _Tensor, buffer: int) -> int:
    name = b.CreateString(tensor.name)
    shape = _vector(b, tensor.shape, "int32")
    signature = None if tensor.signature is None else _vector(b, tensor.signature, "int32")
    quantization = None
    if tensor.scales:
        scales = _vector(b, tensor.scales, "float32")
        zero_points = _vector(b, tensor.zero_points, "int64")
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scales)
        tflite.QuantizationParametersAddZeroPoint(b, zero_points)
        tflite.QuantizationParametersAddQuantizedDimension(b, tensor.axis)
        quantization = tflite.QuantizationParametersEnd(b)
    sparsity = None
    if tensor.sparse:
        tflite.SparsityParametersStart(b)
        sparsity = tflite.SparsityParametersEnd(b)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, TYPES[tensor.dtype])
    tflite.TensorAddBuffer(b, buffer)
    tflite.TensorAddName(b, name)
    if quantization is not None:
        tflite.TensorAddQuantization(b, quantization)
    if tensor.variable:
        tflite.TensorAddIsVariable(b, True)
    if sparsity is not None:
        tflite.TensorAddSparsity(b, sparsity)
    if signature is not None:
        tflite.TensorAddShapeSignature(b, signature)
    return int(tflite.TensorEnd(b))


def _field(name: str) -> str:
    """``stride_w`` as the generated functions spell it: ``StrideW``."""
    return "".join(part.capitalize() for part in re.split("_", name))


def _options(b: flatbuffers.Builder, table: str, fields: Mapping[str, Any]) -> int:
    values: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, str):
            value = b.CreateString(value)
        elif isinstance(value, Sequence):
            value = _vector(b, value, "int32")
        values[_field(name)] = value
    getattr(tflite, f"{table}Start")(b)
    for name, value in values.items():
        getattr(tflite, f"{table}Add{name}")(b, value)
    return int(getattr(tflite, f"{table}End")(b))


def _op(b: flatbuffers.Builder, op: _Op) -> int:
    inputs, outputs = _vector(b, op.inputs, "int32"), _vector(b, op.outputs, "int32")
    options = None if op.options is None else _options(b, *op.options)
    custom = None if op.custom_options is None else b.CreateByteVector(op.custom_options)
    inside = _vector(b, op.intermediates, "int32") if op.intermediates else None
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, op.code)
    tflite.OperatorAddInputs(b, inputs)
    tflite.OperatorAddOutputs(b, outputs)
    if op.options is not None and options is not None:
        kind = getattr(tflite.BuiltinOptions, op.options[0])
        tflite.OperatorAddBuiltinOptionsType(b, kind)
        tflite.OperatorAddBuiltinOptions(b, options)
    if custom is not None:
        tflite.OperatorAddCustomOptions(b, custom)
    if inside is not None:
        tflite.OperatorAddIntermediates(b, inside)
    return int(tflite.OperatorEnd(b))


def _subgraph(
    b: flatbuffers.Builder,
    name: str,
    tensors: Sequence[int],
    ops: Sequence[int],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> int:
    parts = {
        "Tensors": _tables(b, tensors),
        "Inputs": _vector(b, inputs, "int32"),
        "Outputs": _vector(b, outputs, "int32"),
        "Operators": _tables(b, ops),
        "Name": b.CreateString(name),
    }
    tflite.SubGraphStart(b)
    for part, offset in parts.items():
        getattr(tflite, f"SubGraphAdd{part}")(b, offset)
    return int(tflite.SubGraphEnd(b))


def _code(b: flatbuffers.Builder, code: int, version: int, custom: str | None) -> int:
    text = None if custom is None else b.CreateString(custom)
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, 127))
    if text is not None:
        tflite.OperatorCodeAddCustomCode(b, text)
    tflite.OperatorCodeAddVersion(b, version)
    tflite.OperatorCodeAddBuiltinCode(b, code)
    return int(tflite.OperatorCodeEnd(b))
