"""The layers of PEERS.md with random data, and what CMSIS-NN needs for them on Cortex-M4."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyiree.ir.fixedpoint import encode, encode_all

from .random_ops import Maker
from .rig import Case


@dataclass(frozen=True)
class Layer:
    """`units` are multiply-accumulates, or elements where there are none."""

    name: str
    kernel: str
    units: int
    cmsis_nn: float
    target: float
    make: Callable[[Maker], Case]


def convolution(
    name: str, image: tuple[int, int, int], outputs: int, kernel: tuple[int, int], stride: int,
    cmsis_nn: float, target: float, depthwise: bool = False,
) -> Layer:  # fmt: skip
    """Same padding as TensorFlow's."""
    height, width, channels = image
    out = (-(-height // stride), -(-width // stride))
    total = [
        max((o - 1) * stride + k - s, 0) for o, k, s in zip(out, kernel, image[:2], strict=True)
    ]
    padding = [total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2]
    depth = 1 if depthwise else channels
    terms = kernel[0] * kernel[1] * depth

    def make(maker: Maker) -> Case:
        x = maker.rng.integers(-128, 128, (1, *image)).astype(np.int8)
        w = np.clip(maker.rng.normal(0, 40, (outputs, *kernel, depth)), -127, 127).astype(np.int8)
        factors = maker.rng.uniform(0.5, 2, outputs) / (np.sqrt(terms) * 40)
        bias = maker.rng.integers(-5000, 5000, outputs).astype(np.int32)
        op = maker.op(
            "qnn.conv2d", [x], [w, bias, *encode_all(factors)], (1, *out, outputs),
            strides=[stride, stride], dilations=[1, 1], padding=padding,
            groups=channels if depthwise else 1, input_zero_point=-128, rounding="double",
            output_zero_point=-128, clamp_min=-128, clamp_max=127,
        )  # fmt: skip
        return Case(maker.module, op, (x,))

    units = out[0] * out[1] * outputs * terms
    kind = "armv7em.depthwise" if depthwise else "armv7em.conv2d"
    return Layer(name, kind, units, cmsis_nn, target, make)


def fully_connected(inputs: int, outputs: int, cmsis_nn: float, target: float) -> Layer:
    def make(maker: Maker) -> Case:
        x = maker.rng.integers(-128, 128, (1, inputs)).astype(np.int8)
        w = np.clip(maker.rng.normal(0, 40, (outputs, inputs)), -127, 127).astype(np.int8)
        factors = maker.rng.uniform(0.5, 2, outputs) / (np.sqrt(inputs) * 40)
        bias = maker.rng.integers(-5000, 5000, outputs).astype(np.int32)
        op = maker.op(
            "qnn.fully_connected", [x], [w, bias, *encode_all(factors)], (1, outputs),
            input_zero_point=-128, output_zero_point=-128, clamp_min=-128, clamp_max=127,
        )  # fmt: skip
        return Case(maker.module, op, (x,))

    name = f"fully connected {inputs}->{outputs}"
    return Layer(name, "armv7em.fully_connected", inputs * outputs, cmsis_nn, target, make)


def residual_add(maker: Maker) -> Case:
    shape = (1, 16, 16, 32)
    a, b = (maker.rng.integers(-128, 128, shape).astype(np.int8) for _ in "ab")
    op = maker.op(
        "qnn.add", [a, b], [], shape, a_zero_point=-128, b_zero_point=3, a_multiplier=40000,
        b_multiplier=30000, shift=16, output_zero_point=-128, clamp_min=-128, clamp_max=127,
    )  # fmt: skip
    return Case(maker.module, op, (a, b))


def mean(height: int, width: int) -> Callable[[Maker], Case]:
    def make(maker: Maker) -> Case:
        x = maker.rng.integers(-128, 128, (1, height, width, 64)).astype(np.int8)
        multiplier, shift = encode(1 / (height * width))
        op = maker.op(
            "qnn.mean", [x], [], (1, 64), axes=[1, 2], input_zero_point=-128,
            multiplier=multiplier, shift=shift, output_zero_point=-128, clamp_min=-128,
            clamp_max=127,
        )  # fmt: skip
        return Case(maker.module, op, (x,))

    return make


LAYERS = (
    convolution("conv 10x4 1->64 stride 2, 49x10", (49, 10, 1), 64, (10, 4), 2, 3.49, 1.6),
    convolution("depthwise 3x3x64, 25x5", (25, 5, 64), 64, (3, 3), 1, 7.79, 3.6, True),
    convolution("pointwise 64->64, 25x5", (25, 5, 64), 64, (1, 1), 1, 2.09, 1.2),
    convolution("conv 3x3 3->16, 32x32", (32, 32, 3), 16, (3, 3), 1, 4.77, 2.5),
    convolution("conv 3x3 16->16, 32x32", (32, 32, 16), 16, (3, 3), 1, 2.33, 1.4),
    convolution("conv 3x3 16->32 stride 2", (32, 32, 16), 32, (3, 3), 2, 2.14, 1.4),
    convolution("conv 3x3 32->32, 16x16", (16, 16, 32), 32, (3, 3), 1, 1.93, 1.15),
    convolution("conv 3x3 64->64, 8x8", (8, 8, 64), 64, (3, 3), 1, 1.76, 1.15),
    convolution("conv 1x1 16->32 stride 2", (32, 32, 16), 32, (1, 1), 2, 4.30, 2.5),
    fully_connected(640, 128, 1.95, 1.25),
    fully_connected(128, 640, 2.26, 1.25),
    fully_connected(128, 8, 2.26, 1.35),
    fully_connected(8, 128, 5, 4.5),
    fully_connected(64, 12, 2.26, 1.85),
    Layer("residual add 16x16x32", "armv7em.add", 8192, 80.6, 12, residual_add),
    Layer("mean 25x5x64", "armv7em.avg_pool2d", 8000, 6.3, 2, mean(25, 5)),
    Layer("mean 8x8x64", "armv7em.avg_pool2d", 4096, 6.3, 2, mean(8, 8)),
    convolution("depthwise 3x3x8, 48x48", (48, 48, 8), 8, (3, 3), 1, 7.79, 4.6, True),
    convolution("depthwise 3x3x128, 6x6", (6, 6, 128), 128, (3, 3), 1, 7.79, 3.6, True),
    convolution("depthwise 3x3x256, 3x3", (3, 3, 256), 256, (3, 3), 1, 7.79, 4, True),
    convolution("temporal 9x1 16->24, 98x1", (98, 1, 16), 24, (9, 1), 1, 2.3, 1.4),
    convolution("pointwise 8->16, 48x48", (48, 48, 8), 16, (1, 1), 1, 4.3, 4),
)  # fmt: skip
