"""One operator of a .tflite model on its way into the normal form, as a converter sees it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Tensor, Unsupported, materialize, shape_of
from tinyiree.importers.tflite.arithmetic import ACTIVATIONS, BOUNDS, activation_range
from tinyiree.importers.tflite.model import Array, Op, Quantization, TensorInfo
from tinyiree.importers.tflite.types import UINT8_OFFSET, limits, stored
from tinyiree.ir import access, build


@dataclass(frozen=True)
class Call:
    """An operator with its tensors.

    Attributes:
        op: as the file has it.
        tensors: all tensors of the file.
        values: what the tensors that exist already are in the normal form; constants are arrays.
    """

    op: Op
    tensors: Sequence[TensorInfo]
    values: Mapping[int, Tensor]

    # Tensors.

    def has(self, index: int) -> bool:
        """True when that input is given."""
        return index < len(self.op.inputs) and self.op.inputs[index] >= 0

    def input(self, index: int) -> TensorInfo:
        """What the file says of an input."""
        if not self.has(index):
            raise Unsupported(f"input {index} is missing", "convert the model again")
        return self.tensors[self.op.inputs[index]]

    def output(self, index: int = 0) -> TensorInfo:
        """What the file says of an output."""
        if index >= len(self.op.outputs) or self.op.outputs[index] < 0:
            raise Unsupported(f"output {index} is missing", "convert the model again")
        return self.tensors[self.op.outputs[index]]

    def raw(self, index: int) -> Tensor:
        """An input, constant or not."""
        tensor = self.input(index)
        if tensor.index not in self.values:
            raise Unsupported(
                f"input {index}, {tensor}, has no value here",
                "convert the model again: operators must stand in the order of execution",
            )
        return self.values[tensor.index]

    def value(self, index: int) -> ir.Value:
        """An input as a value; a constant is put into the module."""
        return put(self.raw(index))

    def constant(self, index: int, what: str) -> Array:
        """An input that has to be a constant, as an array of its own dtype."""
        found = self.raw(index)
        if isinstance(found, ir.Value):
            raise Unsupported(
                f"the {what}, {self.input(index)}, is computed at run time",
                f"make the {what} a constant of the model",
            )
        return found

    def integers(self, index: int, what: str) -> list[int]:
        """A constant input of integers."""
        return [int(v) for v in self.constant(index, what).astype(np.int64).ravel()]

    def expect(self, dtypes: Sequence[str], *indices: int) -> str:
        """The element type of an input as it is stored, which others must have, too.

        Raises:
            Unsupported: another type, or a mixture.
        """
        found = [self.input(i) for i in indices]
        if found[0].dtype not in dtypes or any(t.dtype != found[0].dtype for t in found):
            listed = ", ".join(str(t) for t in found)
            raise Unsupported(
                f"inputs {listed}, expected {' or '.join(dtypes)}",
                "quantize the whole model to int8, or keep it in float32",
            )
        return stored(found[0].dtype)

    def expect_output(self, *dtypes: str) -> None:
        """Raise Unsupported unless output 0 has one of the types, by default that of input 0."""
        wanted = dtypes or (self.input(0).dtype,)
        if self.output().dtype not in wanted:
            raise Unsupported(
                f"the output {self.output()}, expected {' or '.join(wanted)}",
                "convert the model again, with one type for all activations",
            )

    def zero(self, tensor: TensorInfo) -> float:
        """How the number 0 is stored in a tensor: its zero point, if it is quantized."""
        if tensor.quantization is not None:
            return float(self.quantization(tensor)[1])
        return float(-UINT8_OFFSET if tensor.dtype == "uint8" else 0)

    # Quantization.

    def parameters(self, tensor: TensorInfo) -> Quantization:
        """The quantization parameters of a tensor, which may differ along an axis."""
        if tensor.quantization is None:
            raise Unsupported(
                f"{tensor} has no quantization parameters",
                "convert the model with full integer quantization and a representative data set",
            )
        return tensor.quantization

    def quantization(self, tensor: TensorInfo) -> tuple[float, int]:
        """Scale and zero point of a tensor that is quantized as a whole."""
        found = self.parameters(tensor)
        if len(found.scales) != 1:
            raise Unsupported(
                f"{tensor} has {len(found.scales)} scales, expected one",
                "quantize activations per tensor",
            )
        return found.scales[0], found.zero_points[0]

    def same_quantization(self, *tensors: TensorInfo) -> tuple[float, int]:
        """Scale and zero point that tensors must have in common."""
        found = [self.quantization(tensor) for tensor in tensors]
        if any(other != found[0] for other in found[1:]):
            listed = ", ".join(f"{t}: {s:g}, {z}" for t, (s, z) in zip(tensors, found, strict=True))
            raise Unsupported(
                f"expected the same scale and zero point, found {listed}",
                "convert the model again with a current converter",
            )
        return found[0]

    # Options.

    def option(self, name: str, default: int | None = None) -> int:
        """An integer or boolean field of the options table."""
        found = self.op.options.get(name, default)
        if not isinstance(found, int):
            raise Unsupported(f"the option {name} is missing", "convert the model again")
        return int(found)

    def number(self, name: str, default: float | None = None) -> float:
        """A float field of the options table."""
        found = self.op.options.get(name, default)
        if not isinstance(found, int | float):
            raise Unsupported(f"the option {name} is missing", "convert the model again")
        return float(found)

    def activation(self, allowed: Sequence[str] = tuple(BOUNDS)) -> str:
        """The fused activation."""
        number = self.option("fused_activation_function", 0)
        name = ACTIVATIONS.get(number, f"number {number}")
        if name not in allowed:
            raise Unsupported(
                f"the fused activation {name}, expected {' or '.join(allowed)}",
                "write the activation as a layer of its own",
            )
        return name

    # Writing.

    def emit(
        self,
        name: str,
        operands: Sequence[Tensor],
        attributes: Mapping[str, build.Attribute] = {},
        shape: Sequence[int] | None = None,
        element: str | None = None,
    ) -> ir.Value:
        """Write an op; by default with the shape of output 0 and the type of the first operand."""
        values = [put(operand) for operand in operands]
        kind = access.element_type(values[0]) if element is None else element
        return build.op(
            name, values, self.output().shape if shape is None else shape, kind, **attributes
        )

    def clamped(self, x: ir.Value) -> ir.Value:
        """The fused activation on a value with the type of output 0."""
        activation = self.activation()
        if activation == "NONE":
            return x
        if access.element_type(x) == "f32":
            low, high = BOUNDS[activation]
            return self.emit("nn.clamp", [x], {"min": low, "max": high}, access.shape(x))
        low, high = self.activation_bounds(activation)
        return self.emit("qnn.clamp", [x], integer_clamp(low, high), access.shape(x))

    def integer_output(self) -> dict[str, int]:
        """The attributes of an integer result: zero point, and bounds by fused activation."""
        _, zero_point = self.quantization(self.output())
        low, high = self.activation_bounds(self.activation())
        return {"output_zero_point": zero_point, "clamp_min": low, "clamp_max": high}

    def activation_bounds(self, activation: str) -> tuple[int, int]:
        """The least and the greatest value of output 0 behind an activation."""
        scale, zero_point = self.quantization(self.output())
        return activation_range(activation, scale, zero_point, limits(self.output().dtype))

    def reshaped(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """``nn.reshape``; nothing when the shape is the same."""
        if shape_of(x) == tuple(shape):
            return x
        if not isinstance(x, ir.Value):
            return x.reshape(tuple(shape))
        return self.emit("nn.reshape", [x], {}, shape)


def put(tensor: Tensor) -> ir.Value:
    """A value for a tensor; a constant becomes an ``arith.constant`` of its own type."""
    if isinstance(tensor, np.ndarray) and tensor.dtype in (np.int16, np.int64):
        return build.constant(tensor)
    return materialize(tensor)


def integer_clamp(low: int, high: int) -> dict[str, int]:
    """Attributes of ``qnn.clamp``."""
    return {"clamp_min": low, "clamp_max": high}


Result = Tensor | Sequence[Tensor]
Converter = Callable[[Call], Result]


@dataclass(frozen=True)
class Entry:
    """A row of the table of supported operators.

    Attributes:
        convert: writes the op and gives its results.
        emits: ops of the normal form that it may write.
        dtypes: of the data that it takes.
        version: the highest version of the operator whose meaning is known.
        note: what else `tinyiree ops` says of it.
        updates: inputs that are variables, whose new values follow the outputs among the results.
    """

    convert: Converter
    emits: tuple[str, ...]
    dtypes: tuple[str, ...] = ("int8", "float32")
    version: int = 1
    note: str = ""
    updates: tuple[int, ...] = ()


def table_of(call: Call, values: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> ir.Value:
    """A function of one int8 tensor: ``qnn.lookup``, nothing, or ``qnn.clamp`` where it is one.

    Args:
        call: an operator with one int8 input and one int8 output of the same shape.
        values: the result for -128, -127, ..., 127; clamped here to int8.
    """
    table = np.clip(values, -128, 127)
    low, high = int(table.min()), int(table.max())
    if np.array_equal(table, np.clip(np.arange(-128, 128), low, high)):
        if (low, high) == (-128, 127):
            return call.value(0)
        return call.emit("qnn.clamp", [call.value(0)], integer_clamp(low, high))
    return call.emit("qnn.lookup", [call.value(0), table.astype(np.int8)])
