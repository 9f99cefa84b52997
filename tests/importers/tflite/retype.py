"""The random operators of other tests, made for int8, with uint8 or int16 tensors instead.

uint8: everything is 128 greater; weights have one scale and a zero point of their own. int16: steps
are 256 times finer, zero points 0; weights stay int8, biases have 64 bits.
"""

from collections.abc import Callable

import numpy as np
from builder import ModelBuilder, _Tensor
from cases import Case, Make, Rng

FINER = 256
FIXED_OUTPUTS = {"SOFTMAX", "LOGISTIC", "TANH"}
"""Operators whose int16 results are in steps of 2**-15."""


def retyped(make: Make, dtype: str) -> Make:
    """The case with other types; with ``int8`` as it is."""
    turn = _TURNS[dtype]

    def changed(b: ModelBuilder, rng: Rng) -> Case:
        start, ops = len(b._tensors), len(b._ops)
        case = make(b, rng)
        added = b._tensors[start:]
        for tensor in added:
            turn(tensor, rng)
        if dtype == "int16":
            _fix_outputs(b, ops)
        if dtype == "uint8":
            _scale_biases(b, ops)
        return case

    return changed


def _as_it_is(tensor: _Tensor, rng: Rng) -> None:
    pass


def _to_uint8(tensor: _Tensor, rng: Rng) -> None:
    if tensor.dtype != "int8":
        return
    tensor.dtype = "uint8"
    tensor.zero_points = [z + 128 for z in tensor.zero_points]
    if tensor.data is None:
        return
    tensor.data = (tensor.data.astype(np.int16) + 128).astype(np.uint8)
    if tensor.name == "w":
        tensor.scales = tensor.scales[:1]
        low, high = (96, 160) if rng.integers(2) else (0, 256)
        tensor.zero_points = [int(rng.integers(low, high))]


def _scale_biases(b: ModelBuilder, ops: int) -> None:
    for op in b._ops[ops:]:
        if len(op.inputs) < 3 or op.inputs[-1] < 0:
            continue
        tensors = [b._tensors[i] for i in op.inputs if i >= 0]
        weights = [t for t in tensors if t.name == "w"]
        data = [t for t in tensors if t.data is None]
        if weights and data and tensors[-1].dtype == "int32":
            product = np.float32(data[0].scales[0]) * np.float32(weights[0].scales[0])
            tensors[-1].scales, tensors[-1].zero_points = [float(product)], [0]


def _to_int16(tensor: _Tensor, rng: Rng) -> None:
    if tensor.dtype == "int8" and tensor.name != "w":
        tensor.dtype = "int16"
        tensor.scales = [float(np.float32(s / FINER)) for s in tensor.scales]
        tensor.zero_points = [0 for _ in tensor.zero_points]
        if tensor.data is not None:
            tensor.data = rng.integers(-(2**15), 2**15, tensor.data.shape).astype(np.int16)
    elif tensor.dtype == "int32" and tensor.scales and tensor.data is not None:
        tensor.dtype, tensor.data = "int64", tensor.data.astype(np.int64) * FINER
        tensor.scales = [float(np.float32(s / FINER)) for s in tensor.scales]


def _fix_outputs(b: ModelBuilder, ops: int) -> None:
    import tflite

    names = {value: name for name, value in vars(tflite.BuiltinOperator).items() if name.isupper()}
    for op in b._ops[ops:]:
        name = names[b._codes[op.code][0]]
        if name in FIXED_OUTPUTS:
            b._tensors[op.outputs[0]].scales = [2.0**-15]
        if name in ("ADD", "SUB") and op.options is not None:
            op.options = (op.options[0], {**op.options[1], "pot_scale_int16": False})


_TURNS: dict[str, Callable[[_Tensor, Rng], None]] = {
    "int8": _as_it_is,
    "uint8": _to_uint8,
    "int16": _to_int16,
}
