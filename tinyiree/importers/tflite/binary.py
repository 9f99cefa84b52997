"""SUB, MUL, MAXIMUM, MINIMUM and BATCH_MATMUL: operators of two tensors."""

from collections.abc import Callable

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Tensor, Unsupported, shape_of
from tinyiree.importers.tflite.arithmetic import quantize_multiplier, ratio
from tinyiree.importers.tflite.arithmetic_ops import broadcast, combine
from tinyiree.importers.tflite.call import Call, Entry
from tinyiree.importers.tflite.movement import selected, transposed
from tinyiree.importers.tflite.types import ARITHMETIC, QUANTIZED

_ACCUMULATOR_MOST = 2**31 - 1
_FARTHEST = 255
_COMPARED = (*ARITHMETIC, "int32", "int64")


def sub(call: Call) -> ir.Value:
    """SUB with broadcasting."""
    return combine(call, "nn.sub", subtract=True)


def mul(call: Call) -> ir.Value:
    """MUL with broadcasting; integers round twice."""
    dtype = call.expect(ARITHMETIC, 0, 1)
    call.expect_output()
    a, b = broadcast(call)
    if dtype == "float32":
        return call.clamped(call.emit("nn.mul", [a, b]))
    multiplier, shift = quantize_multiplier(_product_factor(call))
    return call.emit(
        "qnn.mul",
        [a, b],
        {
            "rounding": "double",
            "a_zero_point": call.quantization(call.input(0))[1],
            "b_zero_point": call.quantization(call.input(1))[1],
            "multiplier": multiplier,
            "shift": shift,
            **call.integer_output(),
        },
    )


def extreme(name: str) -> Callable[[Call], ir.Value]:
    """The converter of MAXIMUM or MINIMUM; quantized data is compared raw, as the kernel does."""

    def convert(call: Call) -> ir.Value:
        call.expect(_COMPARED, 0, 1)
        call.expect_output()
        if call.input(0).dtype in QUANTIZED:
            call.same_quantization(call.input(0), call.input(1), call.output())
        return call.emit(name, list(broadcast(call)))

    return convert


def batch_matmul(call: Call) -> Tensor:
    """BATCH_MATMUL with broadcasting of the leading axes; int8 rounds twice."""
    dtype = call.expect(("int8", "float32"), 0, 1)
    output = call.output().shape
    lead = output[:-2]
    a, b = (
        _matrices(call, index, lead, bool(call.option(option, 0)))
        for index, option in ((0, "adj_x"), (1, "adj_y"))
    )
    (batch, rows, depth), (_, other, columns) = shape_of(a), shape_of(b)
    if depth != other or (*lead, rows, columns) != output:
        raise Unsupported(
            f"matrices of shapes {list(shape_of(a))} and {list(shape_of(b))} for {call.output()}",
            "convert the model again",
        )
    shape = (batch, rows, columns)
    if dtype == "float32":
        return call.reshaped(call.emit("nn.batch_matmul", [a, b], {}, shape), output)
    if depth * _FARTHEST**2 > _ACCUMULATOR_MOST:
        raise Unsupported(f"products of {depth} terms", "use fewer: their sum may pass 32 bits")
    multiplier, shift = quantize_multiplier(_matmul_factor(call))
    attributes: dict[str, int | str] = {
        "rounding": "double",
        "a_zero_point": call.quantization(call.input(0))[1],
        "b_zero_point": call.quantization(call.input(1))[1],
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": call.quantization(call.output())[1],
        "clamp_min": -128,
        "clamp_max": 127,
    }
    return call.reshaped(call.emit("qnn.batch_matmul", [a, b], attributes, shape), output)


def _matrices(call: Call, index: int, lead: tuple[int, ...], swap: bool) -> Tensor:
    """An operand as ``[B, rows, columns]``, its matrices repeated and transposed as asked."""
    own = call.input(index).shape
    if len(own) < 2:
        raise Unsupported(f"{call.input(index)}, expected matrices", "give it rank 2 or more")
    x: Tensor = call.value(index)
    batch = int(np.prod(own[:-2]))
    x = call.reshaped(x, (batch, *own[-2:]))
    try:
        numbers = np.broadcast_to(np.arange(batch).reshape(own[:-2]), lead).ravel()
    except ValueError as error:
        raise Unsupported(f"{call.input(index)} for {call.output()}", "convert it again") from error
    x = selected(call, x, 0, numbers.tolist())
    return transposed(call, x, (0, 2, 1)) if swap else x


def _product_factor(call: Call) -> float:
    """Scale x scale / output scale, all in float32."""
    (a, _), (b, _) = (call.quantization(call.input(i)) for i in (0, 1))
    output, _ = call.quantization(call.output())
    return ratio(float(np.float32(a) * np.float32(b)), output)


def _matmul_factor(call: Call) -> float:
    """Scale x scale in float32, / output scale in float64."""
    (a, _), (b, _) = (call.quantization(call.input(i)) for i in (0, 1))
    return float(np.float32(a) * np.float32(b)) / call.quantization(call.output())[0]


_MOVES = ("nn.reshape", "nn.slice", "nn.gather", "nn.transpose")

ENTRIES: dict[str, Entry] = {
    "SUB": Entry(sub, ("nn.sub", "nn.clamp", "qnn.add", "qnn.tflite_add"), ARITHMETIC, 5),
    "MUL": Entry(mul, ("nn.mul", "nn.clamp", "qnn.mul"), ARITHMETIC, 7),
    "MAXIMUM": Entry(extreme("nn.maximum"), ("nn.maximum",), _COMPARED, 4),
    "MINIMUM": Entry(extreme("nn.minimum"), ("nn.minimum",), _COMPARED, 4),
}

MATMUL_ENTRIES: dict[str, Entry] = {
    "BATCH_MATMUL": Entry(
        batch_matmul, ("nn.batch_matmul", "qnn.batch_matmul", *_MOVES), version=4
    ),
}
