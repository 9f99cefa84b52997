"""Small QDQ models for the tests of the integer passes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.interpret import interpret
from tinyiree.ir.verify import verify
from tinyiree.passes.base import PassContext
from tinyiree.passes.integerize import Integerize
from tinyiree.passes.settings import Quantization
from tinyiree.passes.verify_integer import VerifyInteger

Array = npt.NDArray[Any]


@dataclass
class Model:
    """A main function under construction."""

    module: ir.Module
    block: ir.Block
    inputs: list[ir.Value]

    def op(
        self, name: str, operands: Sequence[ir.Value], shape: Sequence[int], **attributes: Any
    ) -> ir.Value:
        layer = attributes.pop("layer", name.split(".")[1])
        element = attributes.pop("element", "f32")
        line = ir.Location.file("model.py", 7, 1)
        with ir.InsertionPoint(self.block), ir.Location.name(layer, line):
            return build.op(name, operands, shape, element, **attributes)

    def constant(self, array: Array) -> ir.Value:
        with ir.InsertionPoint(self.block), ir.Location.unknown():
            return build.constant(array)

    def quantize(self, x: ir.Value, scale: float, zero_point: int) -> ir.Value:
        raw = self.op(
            "nn.quantize", [x], access.shape(x), element="i8", **per_tensor(scale, zero_point)
        )
        return self.dequantize(raw, scale, zero_point)

    def dequantize(self, raw: ir.Value, scale: float, zero_point: int) -> ir.Value:
        return self.op("nn.dequantize", [raw], access.shape(raw), **per_tensor(scale, zero_point))

    def weight(self, raw: Array, scales: Sequence[float], axis: int = 0) -> ir.Value:
        zero_points = [0] * len(scales)
        return self.op(
            "nn.dequantize",
            [self.constant(raw)],
            raw.shape,
            scales=list(scales),
            zero_points=zero_points,
            axis=axis,
        )

    def finish(self, *results: ir.Value) -> ir.Module:
        with ir.InsertionPoint(self.block), ir.Location.unknown():
            ir.Operation.create("func.return", operands=list(results))
        build.update_function_type(self.module)
        verify(self.module)
        return self.module


def per_tensor(scale: float, zero_point: int) -> dict[str, Any]:
    return {"scales": [scale], "zero_points": [zero_point], "axis": 0}


@contextmanager
def model(*shapes: Sequence[int], element: str = "f32") -> Iterator[Model]:
    """A model with inputs of the given shapes."""
    with build.new_context(), ir.Location.unknown():
        inputs = ", ".join(
            f"%{i}: tensor<{'x'.join(map(str, shape))}x{element}>" for i, shape in enumerate(shapes)
        )
        module = ir.Module.parse(f"func.func @main({inputs}) {{ return }}")
        block = access.main_block(module)
        block.operations[0].operation.erase()
        yield Model(module, block, list(block.arguments))


def integerized(module: ir.Module) -> ir.Module:
    """A copy after ``integerize``, in normal form and proven integer-only."""
    result = copy(module)
    Integerize().run(result, context())
    verify(result)
    VerifyInteger().run(result, context())
    return result


def context(quantization: Quantization | None = None) -> PassContext:
    """What the integer passes read of the context: the quantization."""
    return PassContext(core=None, compile_host=None, quantization=quantization)  # type: ignore[arg-type]


def copy(module: ir.Module) -> ir.Module:
    return ir.Module.parse(module.operation.get_asm(enable_debug_info=True))


def names(module: ir.Module) -> list[str]:
    """The ops of main without constants and return."""
    skipped = ("arith.constant", "func.return")
    return [op.name for op in access.operations(module) if op.name not in skipped]


def quantize_array(x: Array, scale: float, zero_point: int) -> Array:
    return np.clip(np.rint(x.astype(np.float64) / scale) + zero_point, -128, 127).astype(np.int8)


def parameters(attribute: Any, module: ir.Module, index: int) -> tuple[float, int]:
    scale = ir.FloatAttr(attribute(module, index, "tiny.scale")).value
    return scale, ir.IntegerAttr(attribute(module, index, "tiny.zero_point")).value


def steps_apart(float_module: ir.Module, integer_module: ir.Module, inputs: Sequence[Array]) -> int:
    """Greatest difference of the two, in steps of the int8 results.

    The integer module takes and gives int8; the float module is its QDQ form.
    """
    expected = interpret(float_module, inputs)
    raw = [
        quantize_array(x, *parameters(access.argument_attribute, integer_module, i))
        for i, x in enumerate(inputs)
    ]
    worst = 0
    for i, found in enumerate(interpret(integer_module, raw)):
        assert found.dtype == np.int8
        scale, zero_point = parameters(access.result_attribute, integer_module, i)
        wanted = np.rint(expected[i].astype(np.float64) / scale) + zero_point
        worst = max(worst, int(np.abs(wanted - found).max()))
    return worst
