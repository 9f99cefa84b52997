"""Single layers of small networks with made-up data: what kernels are measured on.

The first ones are the layers of MLPerf Tiny, with the shapes for which other stacks have published
figures (`peers.toml`); the others stand for the class: depthwise stacks of MobileNet from 3x3 to
48x48, temporal and one-dimensional convolutions, narrow and wide fully connected layers, pools and
elementwise operators.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.fixedpoint import encode, encode_all

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

SEED = 20
WEIGHT_DEVIATION = 40.0
_OUT: Mapping[str, int] = {"output_zero_point": -128, "clamp_min": -128, "clamp_max": 127}


def _no_constants(rng: np.random.Generator) -> list[Array]:
    del rng
    return []


@dataclass(frozen=True)
class BenchLayer:
    """One op of the normal form.

    Attributes:
        name: as it is printed; unique.
        op: such as ``qnn.conv2d``.
        inputs: shapes of the int8 inputs.
        result: shape of the int8 result.
        units: multiply-accumulates, or elements that are read where there are none.
        per: what is counted: ``MAC`` or ``element``.
        attributes: of the op.
        constants: makes its constant operands.
    """

    name: str
    op: str
    inputs: tuple[Shape, ...]
    result: Shape
    units: int
    per: str
    attributes: Mapping[str, Any]
    constants: Callable[[np.random.Generator], list[Array]] = field(default=_no_constants)


def _per_channel(shape: Shape, bias: int = 5000) -> Callable[[np.random.Generator], list[Array]]:
    """Weights [O, ...], bias, multiplier and shift that use the range of int8 well."""

    def make(rng: np.random.Generator) -> list[Array]:
        deviation = WEIGHT_DEVIATION
        weights = np.clip(rng.normal(0, deviation, shape), -127, 127).astype(np.int8)
        terms = int(np.prod(shape[1:]))
        factors = rng.uniform(0.5, 2, shape[0]) / (np.sqrt(terms) * deviation)
        # LiteRT's convolutions need factors below one half.
        multiplier, shift = encode_all(np.minimum(factors, 0.49))
        return [weights, rng.integers(-bias, bias, shape[0]).astype(np.int32), multiplier, shift]

    return make


def convolution(
    name: str,
    image: tuple[int, int, int],
    outputs: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    groups: int = 1,
    dilation: tuple[int, int] = (1, 1),
) -> BenchLayer:
    """A convolution with TensorFlow's "same" padding; depthwise when groups == channels."""
    channels = image[2]
    out = tuple(-(-size // step) for size, step in zip(image[:2], stride, strict=True))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    total = [
        max((o - 1) * s + r - size, 0)
        for o, s, r, size in zip(out, stride, reach, image[:2], strict=True)
    ]
    low = [size // 2 for size in total]
    padding = [*low, *(size - first for size, first in zip(total, low, strict=True))]
    weights = (outputs, *kernel, channels // groups)
    return BenchLayer(
        name,
        "qnn.conv2d",
        ((1, *image),),
        (1, *out, outputs),
        int(np.prod(out)) * int(np.prod(weights)),
        "MAC",
        {
            **_OUT,
            "strides": list(stride),
            "dilations": list(dilation),
            "padding": padding,
            "groups": groups,
            "input_zero_point": -128,
            "rounding": "double",
        },
        _per_channel(weights),
    )


def depthwise(
    name: str, image: tuple[int, int, int], kernel: tuple[int, int] = (3, 3), stride: int = 1
) -> BenchLayer:
    """One filter a channel."""
    return convolution(name, image, image[2], kernel, (stride, stride), image[2])


def fully_connected(inputs: int, outputs: int, rows: int = 1) -> BenchLayer:
    """With the single rounding of LiteRT's fully connected layers."""
    of = f", {rows} rows" if rows > 1 else ""
    return BenchLayer(
        f"fully connected {inputs}->{outputs}{of}",
        "qnn.fully_connected",
        ((rows, inputs),),
        (rows, outputs),
        rows * inputs * outputs,
        "MAC",
        {**_OUT, "input_zero_point": -128, "rounding": "single"},
        _per_channel((outputs, inputs)),
    )


def addition(height: int, width: int, channels: int) -> BenchLayer:
    """A residual addition."""
    shape = (1, height, width, channels)
    scale = {"a_multiplier": 40000, "b_multiplier": 30000, "shift": 16}
    return BenchLayer(
        f"residual add {height}x{width}x{channels}",
        "qnn.add",
        (shape, shape),
        shape,
        int(np.prod(shape)),
        "element",
        {**_OUT, **scale, "a_zero_point": -128, "b_zero_point": 3},
    )


def mean(height: int, width: int, channels: int) -> BenchLayer:
    """Global average pooling."""
    multiplier, shift = encode(1 / (height * width))
    return BenchLayer(
        f"mean {height}x{width}x{channels}",
        "qnn.mean",
        ((1, height, width, channels),),
        (1, channels),
        height * width * channels,
        "element",
        {**_OUT, "axes": [1, 2], "input_zero_point": -128, "multiplier": multiplier,
         "shift": shift},
    )  # fmt: skip


def pool(kind: str, image: tuple[int, int, int], size: int, stride: int) -> BenchLayer:
    """``max`` or ``avg`` pooling without padding; an element is one that a window covers."""
    height, width, channels = image
    out = [(extent - size) // stride + 1 for extent in (height, width)]
    window: dict[str, Any] = {
        "kernel": [size, size],
        "strides": [stride, stride],
        "padding": [0, 0, 0, 0],
    }
    name = f"{kind} pool {size}x{size} stride {stride}, {height}x{width}x{channels}"
    inputs, result = ((1, *image),), (1, *out, channels)
    units = int(np.prod(out)) * channels * size * size
    if kind == "max":
        window["dilations"] = [1, 1]
        return BenchLayer(name, "nn.max_pool2d", inputs, result, units, "element", window)
    attributes = {**_OUT, **window, "input_zero_point": -128}

    def factor(rng: np.random.Generator) -> list[Array]:
        del rng
        return list(encode_all(np.full((1, 1), 1 / (size * size))))

    return BenchLayer(name, "qnn.avg_pool2d", inputs, result, units, "element", attributes, factor)


def elementwise(
    name: str,
    op: str,
    inputs: Sequence[Shape],
    result: Shape,
    attributes: Mapping[str, Any],
    constants: Callable[[np.random.Generator], list[Array]] = _no_constants,
) -> BenchLayer:
    """An op that is counted by the elements of its result."""
    units = int(np.prod(result))
    return BenchLayer(name, op, tuple(inputs), result, units, "element", attributes, constants)


def _table(rng: np.random.Generator) -> list[Array]:
    return [rng.integers(-128, 128, 256).astype(np.int8)]


LAYERS: tuple[BenchLayer, ...] = (
    # MLPerf Tiny: keyword spotting, ResNet-8, autoencoder.
    convolution("conv 10x4 1->64, stride 2, 49x10", (49, 10, 1), 64, (10, 4), (2, 2)),
    depthwise("depthwise 3x3x64, 25x5", (25, 5, 64)),
    convolution("pointwise 64->64, 25x5", (25, 5, 64), 64, (1, 1)),
    mean(25, 5, 64),
    fully_connected(64, 12),
    convolution("conv 3x3 3->16, 32x32", (32, 32, 3), 16, (3, 3)),
    convolution("conv 3x3 16->16, 32x32", (32, 32, 16), 16, (3, 3)),
    convolution("conv 3x3 16->32, stride 2, 32x32", (32, 32, 16), 32, (3, 3), (2, 2)),
    convolution("conv 3x3 32->32, 16x16", (16, 16, 32), 32, (3, 3)),
    convolution("conv 3x3 64->64, 8x8", (8, 8, 64), 64, (3, 3)),
    convolution("conv 1x1 16->32, stride 2, 32x32", (32, 32, 16), 32, (1, 1), (2, 2)),
    addition(16, 16, 32),
    mean(8, 8, 64),
    fully_connected(64, 10),
    fully_connected(640, 128),
    fully_connected(128, 128),
    fully_connected(128, 8),
    fully_connected(8, 128),
    fully_connected(128, 640),
    # MobileNets.
    convolution("conv 3x3 3->8, stride 2, 96x96", (96, 96, 3), 8, (3, 3), (2, 2)),
    convolution("conv 3x3 1->8, stride 2, 96x96", (96, 96, 1), 8, (3, 3), (2, 2)),
    depthwise("depthwise 3x3x8, 48x48", (48, 48, 8)),
    convolution("pointwise 8->16, 48x48", (48, 48, 8), 16, (1, 1)),
    depthwise("depthwise 3x3x16, stride 2, 48x48", (48, 48, 16), stride=2),
    convolution("pointwise 16->32, 24x24", (24, 24, 16), 32, (1, 1)),
    depthwise("depthwise 3x3x32, 24x24", (24, 24, 32)),
    depthwise("depthwise 5x5x32, 12x12", (12, 12, 32), (5, 5)),
    convolution("pointwise 32->64, 12x12", (12, 12, 32), 64, (1, 1)),
    depthwise("depthwise 3x3x128, 6x6", (6, 6, 128)),
    convolution("pointwise 128->128, 6x6", (6, 6, 128), 128, (1, 1)),
    depthwise("depthwise 3x3x256, 3x3", (3, 3, 256)),
    convolution("pointwise 256->256, 3x3", (3, 3, 256), 256, (1, 1)),
    depthwise("depthwise 3x3x3, 32x32", (32, 32, 3)),
    convolution("depthwise 3x3 16->32, 16x16", (16, 16, 16), 32, (3, 3), groups=16),
    convolution("conv 3x3 32->32, 4 groups, 8x8", (8, 8, 32), 32, (3, 3), groups=4),
    # In time.
    convolution("temporal 9x1 16->24, 98x1", (98, 1, 16), 24, (9, 1)),
    convolution("temporal 15x1 24->32, stride 2, 50x1", (50, 1, 24), 32, (15, 1), (2, 1)),
    convolution("temporal 5x1 16->16, dilation 4, 64x1", (64, 1, 16), 16, (5, 1), dilation=(4, 1)),
    convolution("conv 1x3 32->32, 1x100", (1, 100, 32), 32, (1, 3)),
    convolution("conv 1x5 16->16, dilation 4, 1x64", (1, 64, 16), 16, (1, 5), dilation=(1, 4)),
    convolution("conv 1x16 1->8, stride 4, 1x400", (1, 400, 1), 8, (1, 16), (1, 4)),
    depthwise("depthwise 15x1x64, 50x1", (50, 1, 64), (15, 1)),
    # Deep sums, other shapes of products.
    convolution("conv 3x3 128->32, 4x4", (4, 4, 128), 32, (3, 3)),
    fully_connected(784, 32),
    fully_connected(1600, 10),
    fully_connected(256, 1),
    fully_connected(64, 64, 8),
    # The rest.
    pool("max", (24, 24, 16), 2, 2),
    pool("avg", (24, 24, 16), 2, 2),
    pool("max", (24, 24, 3), 3, 2),
    elementwise("lookup 16x16x32", "qnn.lookup", [(1, 16, 16, 32)], (1, 16, 16, 32), {}, _table),
    elementwise(
        "multiply 16x16x32", "qnn.mul", [(1, 16, 16, 32)] * 2, (1, 16, 16, 32),
        {**_OUT, "a_zero_point": -128, "b_zero_point": -128, "multiplier": 2**30, "shift": 38},
    ),
    elementwise(
        "change of scale 16x16x32", "qnn.requantize", [(1, 16, 16, 32)], (1, 16, 16, 32),
        {**_OUT, "input_zero_point": -128, "multiplier": 2**30 + 12345, "shift": 31},
    ),
    elementwise(
        "concatenation 16x16x(16+16)", "nn.concat", [(1, 16, 16, 16)] * 2, (1, 16, 16, 32),
        {"axis": 3},
    ),
    elementwise(
        "pad 16x16x16 to 18x18", "nn.pad", [(1, 16, 16, 16)], (1, 18, 18, 16),
        {"low": [0, 1, 1, 0], "high": [0, 1, 1, 0], "value": -128.0},
    ),
)  # fmt: skip


@dataclass(frozen=True)
class LayerModule:
    """Layers side by side in one module: every input is an argument, every output a result.

    Attributes:
        text: the module in normal form.
        inputs: data of each argument by name, int8 ``[1, *shape]``.
    """

    text: str
    inputs: Mapping[str, Array]


def _named(names: Iterable[str]) -> list[dict[str, ir.Attribute]]:
    return [{"tiny.name": ir.StringAttr.get(name)} for name in names]


def make_module(layers: Sequence[BenchLayer]) -> LayerModule:
    """A module of layers, each with random constants and data that depend on its name alone."""
    context = build.new_context()
    module = ir.Module.parse("func.func @main() { return }", context)
    block = access.main_block(module)
    end = access.operations(module)[-1]
    arrays: dict[str, Array] = {}
    results: list[ir.Value] = []
    with context, ir.Location.unknown():
        for number, layer in enumerate(layers):
            rng = np.random.default_rng([SEED, *layer.name.encode()])
            operands: list[ir.Value] = []
            for k, shape in enumerate(layer.inputs):
                kind = build.tensor_type(shape, "i8")
                operands.append(block.add_argument(kind, ir.Location.unknown()))
                data = rng.integers(-128, 128, shape).astype(np.int8)
                arrays[f"x{number}_{k}"] = data[None]
            with ir.Location.name(layer.name), ir.InsertionPoint(end):
                operands += [build.constant(array) for array in layer.constants(rng)]
                attributes = dict(layer.attributes)
                results.append(build.op(layer.op, operands, layer.result, "i8", **attributes))
        with ir.InsertionPoint(end):
            ir.Operation.create("func.return", operands=results)
            end.erase()
            build.update_function_type(module)
            build.name_edges(module, _named(arrays), _named(f"y{n}" for n in range(len(layers))))
        text = module.operation.get_asm(enable_debug_info=True)
    return LayerModule(text, arrays)
