"""Random operators for the tests: each adds one to a builder, with data that provokes rounding.

A case gives the tensors to feed and to read. Scales are random or powers of two, whose products are
full of exact halves; zero points and data are random or extreme.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from builder import ModelBuilder
from iree.compiler import ir
from litert import Reference

from tinyiree.importers.tflite.convert import convert_model
from tinyiree.importers.tflite.reader import parse_model
from tinyiree.ir.interpret import interpret

Rng = np.random.Generator
PATH = Path("case.tflite")


@dataclass(frozen=True)
class Case:
    inputs: list[int]
    outputs: list[int]


Make = Callable[[ModelBuilder, Rng], Case]


def scale(rng: Rng, low: float = 0.005, high: float = 0.2) -> float:
    """A float32 scale; one in three is a power of two."""
    if rng.integers(3) == 0:
        return float(2.0 ** rng.integers(int(np.log2(low)), int(np.log2(high)) + 1))
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))


def zero_point(rng: Rng) -> int:
    return int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))


def int8(rng: Rng, shape: Sequence[int]) -> np.ndarray:
    """Data: uniform, at the ends of the range, or nearly constant."""
    kind = rng.integers(4)
    if kind == 0:
        return rng.choice(np.array([-128, 127], np.int8), shape)
    if kind == 1:
        return np.clip(rng.integers(-3, 4, shape) + rng.integers(-128, 128), -128, 127).astype("i1")
    return rng.integers(-128, 128, shape).astype(np.int8)


def activation(rng: Rng) -> int:
    return int(rng.choice([0, 0, 1, 2, 3]))


def data_for(model: bytes, rng: Rng) -> list[np.ndarray]:
    """Random data for the inputs of a model."""
    parsed = parse_model(model, PATH)
    found = []
    for index in parsed.inputs:
        tensor = parsed.tensors[index]
        if tensor.dtype == "int8":
            found.append(int8(rng, tensor.shape))
        elif tensor.dtype == "float32":
            found.append((rng.normal(size=tensor.shape) * 4).astype(np.float32))
        else:
            found.append(integers(rng, tensor.shape, tensor.dtype))
    return found


def integers(rng: Rng, shape: Sequence[int], dtype: str) -> np.ndarray:
    """Data of any integer type: like int8, with wider steps and random low bits."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype == "uint8":
        return int8(rng, shape).view(np.uint8) ^ np.uint8(128)
    coarse = int8(rng, shape).astype(dtype)
    if dtype == "int16" or rng.integers(2):
        coarse = coarse * 256 + rng.integers(0, 256, shape).astype(dtype)
    return coarse


def stored(array: np.ndarray) -> np.ndarray:
    """Data of a model's edge as the normal form has it: uint8 and bool are bytes."""
    return array.view(np.int8) if array.dtype in (np.uint8, np.bool_) else array


def import_bytes(model: bytes) -> ir.Module:
    return convert_model(parse_model(model, PATH))


def check(make: Make, seeds: Sequence[int], samples: int = 3, optimized: bool = False) -> None:
    """The interpreter on the imported model equals LiteRT, byte for byte."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        builder = ModelBuilder()
        case = make(builder, rng)
        model = builder.finish(case.inputs, case.outputs)
        reference, module = Reference(model, optimized), import_bytes(model)
        for _ in range(samples):
            inputs = data_for(model, rng)
            expected = reference(inputs)
            with module.context:
                found = interpret(module, [stored(array) for array in inputs])
            for a, b in zip(found, expected, strict=True):
                compare(a, stored(b), f"seed {seed}")


def compare(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    if expected.dtype == np.float32:
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5, err_msg=what)
    else:
        assert found.dtype == expected.dtype, what
        np.testing.assert_array_equal(found, expected, err_msg=what)


# One operator each.


def _images(b: ModelBuilder, rng: Rng, channels: int, dtype: str) -> tuple[int, tuple[int, ...]]:
    shape = (int(rng.integers(1, 3)), int(rng.integers(3, 9)), int(rng.integers(3, 9)), channels)
    if dtype == "float32":
        return b.tensor("x", shape, dtype), shape
    return b.tensor("x", shape, scale=scale(rng), zero_point=zero_point(rng)), shape


def _output_extents(
    shape: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    padding: int,
) -> list[int]:
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if padding == 0:
        return [-(-n // s) for n, s in zip(shape[1:3], strides, strict=True)]
    return [(n - r) // s + 1 for n, r, s in zip(shape[1:3], reach, strides, strict=True)]


def convolution(b: ModelBuilder, rng: Rng, depthwise: bool, dtype: str = "int8") -> Case:
    channels = int(rng.integers(1, 5))
    multiplier = int(rng.integers(1, 4))
    outputs = channels * multiplier if depthwise else int(rng.integers(1, 6))
    groups = 1
    if not depthwise and rng.integers(4) == 0:
        groups, outputs = channels, channels * multiplier
    x, shape = _images(b, rng, channels, dtype)
    kernel = [int(rng.integers(1, 4)) for _ in range(2)]
    strides = [int(rng.integers(1, 4)) for _ in range(2)]
    dilations = [1, 1]
    if rng.integers(3) == 0:
        strides, dilations = [1, 1], [int(rng.integers(1, 3)) for _ in range(2)]
    padding = int(rng.integers(2))
    extents = _output_extents(shape, kernel, strides, dilations, padding)
    if min(extents) < 1:
        padding, extents = 0, _output_extents(shape, kernel, strides, dilations, 0)
    out_shape = (shape[0], *extents, outputs)
    weights_shape = (1, *kernel, outputs) if depthwise else (outputs, *kernel, channels // groups)
    axis = 3 if depthwise else 0
    options = {
        "padding": padding,
        "stride_h": strides[0],
        "stride_w": strides[1],
        "dilation_h_factor": dilations[0],
        "dilation_w_factor": dilations[1],
        "fused_activation_function": activation(rng),
    }
    if depthwise:
        options["depth_multiplier"] = multiplier
    # LiteRT asks for a bias here.
    operands, y = _weighted(b, rng, x, weights_shape, out_shape, axis, dtype, True)
    name, table = (
        ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions")
        if depthwise
        else ("CONV_2D", "Conv2DOptions")
    )
    b.op(name, operands, [y], (table, options), version=3)
    return Case([x], [y])


def _weighted(
    b: ModelBuilder,
    rng: Rng,
    x: int,
    weights_shape: tuple[int, ...],
    out_shape: tuple[int, ...],
    axis: int,
    dtype: str,
    with_bias: bool,
    per_channel: bool | None = None,
) -> tuple[list[int], int]:
    """Weights, bias and output of an operator."""
    outputs = weights_shape[axis]
    if dtype == "float32":
        w = b.constant("w", rng.normal(size=weights_shape).astype(np.float32))
        bias = b.constant("b", rng.normal(size=outputs).astype(np.float32)) if with_bias else -1
        return [x, w, bias], b.tensor("y", out_shape, dtype)
    count = outputs if (bool(rng.integers(2)) if per_channel is None else per_channel) else 1
    scales = np.array([scale(rng, 0.001, 0.05) for _ in range(count)], np.float32)
    values = rng.integers(-127, 128, weights_shape).astype(np.int8)
    w = b.constant("w", values, scale=scales, axis=axis)
    x_scale = np.float32(b._tensors[x].scales[0])
    bias = -1
    if with_bias:
        numbers = rng.integers(-3000, 3000, outputs).astype(np.int32)
        bias = b.constant("b", numbers, scale=x_scale * scales, axis=0)
    # The spread of the sums decides what output scale makes them fill the int8 range, roughly.
    depth = np.prod(weights_shape) / outputs
    spread = float(x_scale * scales.max() * 127 * 127 * np.sqrt(depth))
    factor = 2.0 ** rng.integers(-2, 3) if rng.integers(3) else 1.0
    y_scale = float(np.float32(spread / 100 * factor))
    if rng.integers(3) == 0:
        y_scale = float(2.0 ** round(np.log2(y_scale)))
    return [x, w, bias], b.tensor("y", out_shape, scale=y_scale, zero_point=zero_point(rng))


def fully_connected(b: ModelBuilder, rng: Rng, dtype: str = "int8") -> Case:
    rows, depth, outputs = (int(rng.integers(1, high)) for high in (20, 40, 12))
    keep = bool(rng.integers(2))
    batch = (2, rows) if keep else (rows,)
    if dtype == "float32":
        x = b.tensor("x", (*batch, depth), dtype)
    else:
        x = b.tensor("x", (*batch, depth), scale=scale(rng), zero_point=zero_point(rng))
    operands, y = _weighted(
        b, rng, x, (outputs, depth), (*batch, outputs), 0, dtype, bool(rng.integers(4))
    )
    options = {"fused_activation_function": activation(rng), "keep_num_dims": keep}
    b.op("FULLY_CONNECTED", operands, [y], ("FullyConnectedOptions", options), version=4)
    return Case([x], [y])


def pool(b: ModelBuilder, rng: Rng, name: str, dtype: str = "int8") -> Case:
    x, shape = _images(b, rng, int(rng.integers(1, 4)), dtype)
    kernel = [int(rng.integers(1, 6)) for _ in range(2)]
    strides = [int(rng.integers(1, 4)) for _ in range(2)]
    padding = int(rng.integers(2))
    extents = _output_extents(shape, kernel, strides, [1, 1], padding)
    if min(extents) < 1:
        padding, extents = 0, _output_extents(shape, kernel, strides, [1, 1], 0)
    y = _like(b, x, (shape[0], *extents, shape[3]))
    options = {
        "padding": padding,
        "stride_h": strides[0],
        "stride_w": strides[1],
        "filter_height": kernel[0],
        "filter_width": kernel[1],
        "fused_activation_function": activation(rng),
    }
    b.op(name, [x], [y], ("Pool2DOptions", options), version=2)
    return Case([x], [y])


def _like(b: ModelBuilder, x: int, shape: Sequence[int], name: str = "y") -> int:
    """A tensor with the type, scale and zero point of another."""
    like = b._tensors[x]
    return b.tensor(
        name, shape, like.dtype, scale=like.scales or None, zero_point=like.zero_points or 0
    )


def mean(b: ModelBuilder, rng: Rng, dtype: str = "int8") -> Case:
    shape = tuple(int(rng.integers(1, 8)) for _ in range(int(rng.integers(2, 5))))
    axes = sorted(
        int(a) for a in rng.choice(len(shape), int(rng.integers(1, len(shape))), replace=False)
    )
    if len(shape) == 4 and rng.integers(2):
        axes = [1, 2]
    keep = bool(rng.integers(2))
    out = [1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes]
    if dtype == "float32":
        x, y = b.tensor("x", shape, dtype), b.tensor("y", out, dtype)
    else:
        x = b.tensor("x", shape, scale=scale(rng), zero_point=zero_point(rng))
        y = _like(b, x, out)
        if rng.integers(2):
            y = b.tensor("z", out, scale=scale(rng), zero_point=zero_point(rng))
    a = b.constant("axes", np.array(axes, np.int32))
    b.op("MEAN", [x, a], [y], ("ReducerOptions", {"keep_dims": keep}), version=2)
    return Case([x], [y])


def add(b: ModelBuilder, rng: Rng, dtype: str = "int8") -> Case:
    shape = [int(rng.integers(1, 6)) for _ in range(int(rng.integers(1, 5)))]
    other = [n if rng.integers(3) else 1 for n in shape]
    if dtype == "float32":
        x0, x1 = b.tensor("a", shape, dtype), b.tensor("b", other, dtype)
        y = b.tensor("y", shape, dtype)
    else:
        scales = [scale(rng), scale(rng)]
        if rng.integers(4) == 0:
            scales[1] = scales[0]
        y_scale = float(np.float32(max(scales) * rng.uniform(0.3, 2.5)))
        x0, x1 = (
            b.tensor(n, s, scale=k, zero_point=zero_point(rng))
            for n, s, k in zip("ab", (shape, other), scales, strict=True)
        )
        y = b.tensor("y", shape, scale=y_scale, zero_point=zero_point(rng))
    constant = rng.integers(4) == 0
    if constant:
        values = int8(rng, other) if dtype == "int8" else rng.normal(size=other).astype(dtype)
        b._tensors[x1].data = values
    options = {"fused_activation_function": activation(rng)}
    b.op("ADD", [x0, x1], [y], ("AddOptions", options), version=2)
    return Case([x0] if constant else [x0, x1], [y])


def softmax(b: ModelBuilder, rng: Rng, dtype: str = "int8") -> Case:
    shape = (
        *(int(rng.integers(1, 5)) for _ in range(rng.integers(0, 3))),
        int(rng.integers(1, 200)),
    )
    beta = float(rng.choice([1.0, 1.0, 0.5, 2.0]))
    if dtype == "float32":
        x, y = b.tensor("x", shape, dtype), b.tensor("y", shape, dtype)
    else:
        x = b.tensor("x", shape, scale=scale(rng, 0.0005, 1.0), zero_point=zero_point(rng))
        y = b.tensor("y", shape, scale=1 / 256, zero_point=-128)
    b.op("SOFTMAX", [x], [y], ("SoftmaxOptions", {"beta": beta}), version=2)
    return Case([x], [y])


def relu(b: ModelBuilder, rng: Rng, name: str, dtype: str = "int8") -> Case:
    shape = (3, 40)
    if dtype == "float32":
        x, y = b.tensor("x", shape, dtype), b.tensor("y", shape, dtype)
    else:
        x = b.tensor("x", shape, scale=scale(rng), zero_point=zero_point(rng))
        y = _like(b, x, shape)
        if rng.integers(2):
            y = b.tensor("z", shape, scale=scale(rng), zero_point=zero_point(rng))
    b.op(name, [x], [y], version=2 if name in ("RELU", "RELU6") else 1)
    return Case([x], [y])


def requantize(b: ModelBuilder, rng: Rng) -> Case:
    x = b.tensor("x", (5, 60), scale=scale(rng), zero_point=zero_point(rng))
    y = b.tensor("y", (5, 60), scale=scale(rng), zero_point=zero_point(rng))
    b.op("QUANTIZE", [x], [y], version=2)
    return Case([x], [y])


def reshape(b: ModelBuilder, rng: Rng, dtype: str = "int8") -> Case:
    x, shape = _images(b, rng, 3, dtype)
    y = _like(b, x, (shape[0], int(np.prod(shape[1:]))))
    new = b.constant("shape", np.array([shape[0], -1], np.int32))
    b.op("RESHAPE", [x, new], [y], ("ReshapeOptions", {"new_shape": [shape[0], -1]}))
    return Case([x], [y])


def pad(b: ModelBuilder, rng: Rng, name: str, dtype: str = "int8") -> Case:
    x, shape = _images(b, rng, 2, dtype)
    amounts = rng.integers(0, 3, (4, 2)).astype(np.int32)
    y = _like(b, x, [n + int(a.sum()) for n, a in zip(shape, amounts, strict=True)])
    operands = [x, b.constant("paddings", amounts)]
    if name == "PADV2":
        like = b._tensors[x]
        value = rng.integers(-128, 128, 1).astype(dtype)
        operands.append(
            b.constant("v", value, scale=like.scales or None, zero_point=like.zero_points or 0)
        )
    b.op(name, operands, [y], ("PadOptions" if name == "PAD" else "PadV2Options", {}), version=2)
    return Case([x], [y])


def concatenation(b: ModelBuilder, rng: Rng, dtype: str = "int8") -> Case:
    x, shape = _images(b, rng, 2, dtype)
    axis = int(rng.integers(-4, 4))
    parts = [x]
    extents = [shape[axis]]
    for i in range(int(rng.integers(0, 3))):
        own = list(shape)
        own[axis] = int(rng.integers(1, 5))
        extents.append(own[axis])
        parts.append(_like(b, x, own, f"x{i}"))
    out = list(shape)
    out[axis] = sum(extents)
    y = _like(b, x, out)
    b.op("CONCATENATION", parts, [y], ("ConcatenationOptions", {"axis": axis}), version=2)
    return Case(parts, [y])


def through_float(b: ModelBuilder, rng: Rng) -> Case:
    """float -> QUANTIZE -> int8 -> DEQUANTIZE -> float."""
    k, z = scale(rng), zero_point(rng)
    x = b.tensor("x", (4, 50), "float32")
    q = b.tensor("q", (4, 50), scale=k, zero_point=z)
    y = b.tensor("y", (4, 50), "float32")
    b.op("QUANTIZE", [x], [q])
    b.op("DEQUANTIZE", [q], [y], version=2)
    return Case([x], [y])
