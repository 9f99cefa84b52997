"""The float weights of a `.tflite` file, put into a PyTorch module.

The layers of the file in the order of execution become the layers of the module in the order in
which it registers them. Batch normalization is folded into the weights of such a file already.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tflite
import torch
from numpy.typing import NDArray
from torch import nn

from tinyiree.data import find_model
from tinyiree.errors import TinyireeError

M = TypeVar("M", bound=nn.Module)
Floats = NDArray[np.float32]

# TFLite keeps channels last: a convolution's filter is OHWI (PyTorch: OIHW), a depthwise one's
# 1HWC (PyTorch: C1HW), a fully connected one's [outputs, inputs] in both.
_LAYOUTS: Mapping[int, tuple[int, ...]] = {
    tflite.BuiltinOperator.CONV_2D: (0, 3, 1, 2),
    tflite.BuiltinOperator.DEPTHWISE_CONV_2D: (3, 0, 1, 2),
    tflite.BuiltinOperator.FULLY_CONNECTED: (0, 1),
}
_UNREADABLE = (struct.error, ValueError, TypeError, IndexError, AttributeError, OverflowError)


@dataclass(frozen=True)
class Layer:
    """One layer's weights in PyTorch's layout.

    Attributes:
        name: of the layer's output in the file.
        weight: float32 [O, I, H, W] or [O, I]; int8 weights of a hybrid model are dequantized.
        bias: float32 [O].
    """

    name: str
    weight: Floats
    bias: Floats


def read_layers(path: Path) -> list[Layer]:
    """The convolutions and fully connected layers of a file, in the order of execution.

    Raises:
        TinyireeError: the file is no .tflite model, is damaged, or its weights are no floats.
    """
    try:
        content = path.read_bytes()
        if not tflite.Model.ModelBufferHasIdentifier(content, 0):
            raise ValueError("no identifier TFL3")
        model = tflite.Model.GetRootAs(content, 0)
        graph = model.Subgraphs(0)
        found = [graph.Operators(i) for i in range(graph.OperatorsLength())]
        coded = [(_code(model, op), op) for op in found]
        return [_layer(model, graph, code, op) for code, op in coded if code in _LAYOUTS]
    except (OSError, *_UNREADABLE) as error:
        raise TinyireeError(
            f"{path}: expected a .tflite model with float weights, found: {error}; restore the file"
        ) from error


def load_floats(make: Callable[[], M], file: str) -> M:
    """A module from `make` in eval mode with the weights of model `file` (see `find_model`).

    Raises:
        TinyireeError: the file is absent or damaged, or its layers are not the module's.
    """
    path = find_model(file)
    module = make()
    layers = read_layers(path)
    places = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    expected = [list(place.weight.shape) for place in places]
    shapes = [list(layer.weight.shape) for layer in layers]
    if shapes != expected:
        raise TinyireeError(
            f"{path}: the weights do not fit {type(module).__name__}: expected layers of shapes "
            f"{expected}, found {shapes}; put the reference model there"
        )
    for place, layer in zip(places, layers, strict=True):
        with torch.no_grad():
            place.weight.copy_(torch.from_numpy(layer.weight))
            if place.bias is not None:
                place.bias.copy_(torch.from_numpy(layer.bias))
    return module.eval()


def _code(model: Any, op: Any) -> int:
    # Small codes stand in the old byte-wide field, see the schema at OperatorCode.
    entry = model.OperatorCodes(op.OpcodeIndex())
    return max(int(entry.BuiltinCode()), int(entry.DeprecatedBuiltinCode()))


def _layer(model: Any, graph: Any, code: int, op: Any) -> Layer:
    _, weight, bias = (graph.Tensors(op.Inputs(i)) for i in range(3))
    values = _values(model, weight).transpose(_LAYOUTS[code])
    name = graph.Tensors(op.Outputs(0)).Name().decode()
    return Layer(name, np.ascontiguousarray(values), _values(model, bias))


def _values(model: Any, tensor: Any) -> Floats:
    """A constant as float32, dequantized where a hybrid model stores it as int8."""
    shape = tuple(int(extent) for extent in tensor.ShapeAsNumpy())
    data = model.Buffers(tensor.Buffer()).DataAsNumpy()
    if not isinstance(data, np.ndarray):
        raise ValueError(f"tensor {tensor.Name().decode()} has no constant data")
    if tensor.Type() == tflite.TensorType.FLOAT32:
        return np.array(data.view("<f4").reshape(shape), np.float32)
    quantization = tensor.Quantization()
    if tensor.Type() != tflite.TensorType.INT8 or quantization is None:
        raise ValueError(f"tensor {tensor.Name().decode()} is neither float32 nor quantized int8")
    along = [1] * len(shape)
    if quantization.ScaleLength() > 1:
        along[quantization.QuantizedDimension()] = quantization.ScaleLength()
    scale = quantization.ScaleAsNumpy().reshape(along)
    zero_point = quantization.ZeroPointAsNumpy().reshape(along)
    stored = data.view(np.int8).reshape(shape).astype(np.int64)
    return np.array((stored - zero_point) * scale, np.float32)
