"""Element types of .tflite files, and how the normal form stores them.

uint8 is stored as the int8 that is 128 less: data and zero points are turned when a model is read,
and every kernel that has a form for uint8 then computes the same as it does for int8, but where a
converter says otherwise. bool is stored as int8, 0 or 1.
"""

from dataclasses import replace

import numpy as np

from tinyiree.importers.tflite.model import Model, TensorInfo

STORED: dict[str, str] = {"uint8": "int8", "bool": "int8"}
"""What the normal form has in place of a type; other types are stored as they are."""

ELEMENTS: dict[str, str] = {
    "float32": "f32",
    "int8": "i8",
    "uint8": "i8",
    "bool": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
}
"""Element types of MLIR; a type that is not here is for constants alone."""

EIGHT_BITS = ("int8", "uint8")
QUANTIZED = (*EIGHT_BITS, "int16")
BYTES_AND_FLOAT = (*EIGHT_BITS, "float32")
ARITHMETIC = (*QUANTIZED, "float32")
MOVED = (*ARITHMETIC, "int32", "int64", "bool")
"""Types that operators take: the first three are quantized."""

UINT8_OFFSET = 128


def stored(dtype: str) -> str:
    """The type that stands for another in the normal form."""
    return STORED.get(dtype, dtype)


def limits(dtype: str) -> tuple[int, int]:
    """The least and greatest stored value of an integer type."""
    info = np.iinfo(stored(dtype))
    return int(info.min), int(info.max)


def stored_model(model: Model) -> Model:
    """A model whose tensors have the data and zero points that are stored; dtypes stay."""
    return replace(model, tensors=[_stored_tensor(tensor) for tensor in model.tensors])


def _stored_tensor(tensor: TensorInfo) -> TensorInfo:
    data, quantization = tensor.data, tensor.quantization
    if tensor.dtype == "bool" and data is not None:
        return replace(tensor, data=data.astype(np.int8))
    if tensor.dtype != "uint8":
        return tensor
    if data is not None:
        data = (data.astype(np.int16) - UINT8_OFFSET).astype(np.int8)
    if quantization is not None:
        moved = tuple(zero_point - UINT8_OFFSET for zero_point in quantization.zero_points)
        quantization = replace(quantization, zero_points=moved)
    return replace(tensor, data=data, quantization=quantization)
