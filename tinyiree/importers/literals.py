"""Constants of a torch-dialect module, whose values MLIR's Python bindings do not show."""

import re

import numpy as np
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.importers.call import Array

_RESOURCE = re.compile(r'(?:"([^"]+)"|([\w.$-]+)):\s*"0x([0-9A-Fa-f]*)"')
_TYPE = re.compile(r"tensor<((?:\d+x)*)([a-z]+\d+)>")
_NUMPY = {
    "f32": "<f4",
    "f64": "<f8",
    "f16": "<f2",
    "si8": "i1",
    "ui8": "u1",
    "si16": "<i2",
    "si32": "<i4",
    "si64": "<i8",
    "i1": "?",
    "i8": "i1",
    "i32": "<i4",
    "i64": "<i8",
}


def read_resources(text: str) -> dict[str, bytes]:
    """The blobs at the end of a module's text, by name.

    MLIR writes each as hexadecimal, after four bytes that say how it is aligned
    (mlir/lib/IR/AsmPrinter.cpp, ``buildBlob``).
    """
    start = text.rfind("{-#")
    if start < 0:
        return {}
    found = {}
    for quoted, plain, digits in _RESOURCE.findall(text, start):
        found[quoted or plain] = bytes.fromhex(digits)[4:]
    return found


def read_literal(attribute: ir.Attribute, resources: dict[str, bytes]) -> Array:
    """The value of a ``torch.vtensor.literal``.

    Raises:
        TinyireeError: an unknown element type, or a resource that is missing or too short.
    """
    full = str(attribute)
    text = full[-200:]
    kinds = _TYPE.findall(text)
    if not kinds or kinds[-1][1] not in _NUMPY:
        raise TinyireeError(
            f"a constant of the model has the type {text[-60:]}, expected one of "
            f"{', '.join(_NUMPY)}; convert the model with .float()"
        )
    extents, element = kinds[-1]
    shape = tuple(int(extent) for extent in extents.split("x") if extent)
    dtype = np.dtype(_NUMPY[element])
    if full.startswith("dense_resource<"):
        name = full[len("dense_resource<") : full.index(">")].strip('"')
        count = int(np.prod(shape, dtype=np.int64))
        data = resources.get(name, b"")
        if len(data) < count * dtype.itemsize:
            raise TinyireeError(
                f"the constant '{name}' should have {count * dtype.itemsize} bytes, found "
                f"{len(data)}; save the module again with all resources"
            )
        return np.frombuffer(data, dtype, count).reshape(shape).copy()
    return np.array(attribute).astype(dtype).reshape(shape)
