"""A .tflite model as plain data: what ``reader`` finds in the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
_MAX_LABEL = 60

OptionValue = bool | int | float | str | tuple[int, ...]


@dataclass(frozen=True)
class Quantization:
    """Affine quantization: ``real = (raw - zero_point) * scale``.

    Attributes:
        scales: float32 values as Python floats; one, or one for each index of ``axis``.
        zero_points: as many.
        axis: which axis they belong to, when there are several.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int


@dataclass(frozen=True)
class TensorInfo:
    """A tensor of the graph.

    Attributes:
        index: position in the file's list of tensors.
        name: as the file has it.
        shape: static extents.
        dtype: numpy's name (``int8``, ``float32``, ...), or the schema's in lower case for a type
            that numpy does not have (``int4``, ``resource``, ...).
        data: the value of a constant.
        quantization: None when the file gives no scale.
        problem: why the tensor cannot be used (dynamic shape, sparse, blockwise, ...), or empty.
        variable: it keeps its value between invocations.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    data: Array | None
    quantization: Quantization | None
    problem: str = ""
    variable: bool = False

    @property
    def label(self) -> str:
        """The name as messages show it: converters join the names of all that was fused."""
        first = self.name.split(";")[0]
        return first if len(first) <= _MAX_LABEL else f"...{first[-_MAX_LABEL:]}"

    def __str__(self) -> str:
        return f"'{self.label}' ({self.dtype}{list(self.shape)})"


@dataclass(frozen=True)
class Op:
    """An operator of the graph.

    Attributes:
        index: position in the file's list of operators.
        name: of the builtin operator, such as ``CONV_2D``; of a custom one its own.
        custom: True for a custom operator.
        version: of the operator, 1 and up.
        inputs: indices of tensors; -1 for an input that is left out.
        outputs: indices of tensors.
        options: fields of its options table in snake case, such as ``stride_w``.
        custom_options: of a custom operator.
        intermediates: indices of tensors that tell the kernel about scales inside of it.
    """

    index: int
    name: str
    custom: bool
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, OptionValue]
    custom_options: bytes = b""
    intermediates: tuple[int, ...] = ()


@dataclass(frozen=True)
class Graph:
    """A subgraph that runs once, before the first invocation.

    Attributes:
        tensors: its own; ``Op.inputs`` and the like are indices into them.
        ops: in execution order.
    """

    tensors: Sequence[TensorInfo]
    ops: Sequence[Op]


@dataclass(frozen=True)
class Model:
    """The main subgraph of a file.

    Attributes:
        path: the file.
        tensors: all tensors; ``Op.inputs`` and the like are indices into them.
        ops: in execution order.
        inputs: indices of the model's inputs.
        outputs: indices of its outputs.
        initializers: the subgraphs that CALL_ONCE runs, in order.
    """

    path: Path
    tensors: Sequence[TensorInfo]
    ops: Sequence[Op]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    initializers: tuple[Graph, ...] = ()
