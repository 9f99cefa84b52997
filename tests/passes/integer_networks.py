"""Networks that hold every integer op, with random shapes, parameters and extreme data."""

from collections.abc import Callable

import numpy as np
from iree.compiler import ir
from op_networks import Network

from tinyiree.ir.fixedpoint import encode_all


def convolutions(net: Network) -> None:
    odd = int(net.rng.integers(1, 8))
    for height, width in ((7, 6), (1, 1), (1, 9)):
        x = net.input(1, height, width, odd)
        net.result(net.convolution(x, int(net.rng.integers(1, 12)), 1))
        net.result(net.convolution(x, odd, odd))
        net.result(net.convolution(x, 3 * odd, odd))
        grouped = net.input(2, height, width, 6)
        net.result(net.convolution(grouped, 4, 2))


def products(net: Network) -> None:
    for rows in (1, 3):
        depth, outputs = (int(v) for v in net.rng.integers(1, 70, 2))
        operands = [net.input(rows, depth), net.weights(outputs, depth)]
        operands += net.per_channel(outputs, depth)
        zero = net.zero_point()
        shape = (rows, outputs)
        net.result(
            net.op("qnn.fully_connected", operands, shape, "i8", input_zero_point=zero, **net.out())
        )
    attributes = {"a_zero_point": net.zero_point(), "b_zero_point": net.zero_point()}
    a, b = net.input(2, 3, 5), net.input(2, 5, 4)
    net.result(
        net.op(
            "qnn.batch_matmul",
            [a, b],
            (2, 3, 4),
            "i8",
            **attributes,
            **net.factor(3e-3),
            **net.out(),
        )
    )


def elementwise(net: Network) -> None:
    full = (1, 5, 4, 3)
    pairs = [
        (net.input(*full), net.input(*full)),
        (net.input(*full), net.input(1, 1, 1, 3)),
        (net.input(1, 5, 1, 3), net.input(1, 1, 4, 1)),
        (net.input(1, 1, 1, 1), net.input(*full)),
        (net.input(*full), net.constant(np.full((1, 1, 1, 1), 17, np.int8))),
    ]
    for a, b in pairs:
        shape = np.broadcast_shapes(tuple(a.type.shape), tuple(b.type.shape))
        zeros = {"a_zero_point": net.zero_point(), "b_zero_point": net.zero_point()}
        sign = int(net.rng.choice([-1, 1]))
        factors = {
            "a_multiplier": int(net.rng.integers(2**18, 2**20)),
            "b_multiplier": sign * int(net.rng.integers(2**18, 2**20)),
            "shift": 20,
        }
        net.result(net.op("qnn.add", [a, b], shape, "i8", **zeros, **factors, **net.out()))
        net.result(net.op("qnn.mul", [a, b], shape, "i8", **zeros, **net.factor(0.01), **net.out()))
    x = net.input(*full)
    zero = {"input_zero_point": net.zero_point()}
    for factor in (0.7, 1.9, 400.0, 1e-8):
        net.result(
            net.op("qnn.requantize", [x], full, "i8", **zero, **net.factor(factor), **net.out())
        )
    net.result(net.op("qnn.clamp", [x], full, "i8", clamp_min=-9, clamp_max=99))
    everything = net.input(1, 256)
    net.inputs[-1] = np.arange(-128, 128, dtype=np.int8).reshape(1, 256)
    table = net.constant(net.rng.integers(-128, 128, 256).astype(np.int8))
    net.result(net.op("qnn.lookup", [everything, table], (1, 256), "i8"))


def means(net: Network) -> None:
    x = net.input(1, 5, 4, 3)
    for axes, shape in (
        ([1, 2], (1, 3)),
        ([1, 2], (1, 1, 1, 3)),
        ([3], (1, 5, 4, 1)),
        ([0, 1, 2, 3], (1, 1, 1, 1)),
    ):
        zero = {"input_zero_point": net.zero_point()}
        net.result(
            net.op("qnn.mean", [x], shape, "i8", axes=axes, **zero, **net.factor(0.05), **net.out())
        )
    _halves(net, x)
    for positions, padding in (((1, 1), [0, 1, 0, 1]), ((3, 2), [1, 1, 1, 1])):
        multiplier, shift = encode_all(net.rng.uniform(0.05, 0.4, positions))
        operands = [x, net.constant(multiplier), net.constant(shift)]
        shape = (1, 2, 3, 3) if positions == (1, 1) else (1, 3, 2, 3)
        window = {"kernel": [3, 3] if positions == (3, 2) else [3, 2], "strides": [2, 2]}
        zero = {"input_zero_point": net.zero_point()}
        net.result(
            net.op(
                "qnn.avg_pool2d",
                operands,
                shape,
                "i8",
                padding=padding,
                **window,
                **zero,
                **net.out(),
            )
        )


def _halves(net: Network, x: ir.Value) -> None:
    """Averages over 2, 4 and 6, whose halves go to even; over few bits and over many."""
    for count, factor in ((2, 1 / 2), (4, 3 / 4), (6, 1 / 6), (6, 20.0)):
        kernel = [count // 2, 2] if count > 2 else [1, 2]
        multiplier, shift = encode_all(np.full((1, 1), factor))
        net.result(
            net.op(
                "qnn.avg_pool2d",
                [x, net.constant(multiplier), net.constant(shift)],
                (1, 6 - kernel[0], 3, 3),
                "i8",
                kernel=kernel,
                strides=[1, 1],
                padding=[0] * 4,
                input_zero_point=net.zero_point(),
                rounding="even",
                **net.out(),
            )
        )
    for axes, shape, factor in (([2], (1, 5, 3), 1 / 4), ([1, 2], (1, 3), 3e-3)):
        zero = {"input_zero_point": net.zero_point(), "rounding": "even"}
        rest = {**zero, **net.factor(factor), **net.out()}
        net.result(net.op("qnn.mean", [x], shape, "i8", axes=axes, **rest))


def softmax(net: Network) -> None:
    step, bits, fraction = 0.06, 20, 20
    table = np.round(np.exp(-np.arange(256) * step) * 2**bits).astype(np.int32)
    logs = np.log1p(np.arange(257) / 256) - bits * np.log(2)
    log_table = np.round(logs * 2**fraction).astype(np.int32)
    multiplier, shift = encode_all([1 / 2**fraction / 0.06])
    for shape in ((1, 10), (2, 3, 7), (4, 1)):
        x = net.input(*shape)
        edge = {"output_zero_point": -128, "clamp_min": -128, "clamp_max": 127}
        for numerator, bits_right in ((2**31, 23), (2**40, 32)):
            operands = [x, net.constant(table)]
            parts = {"numerator": numerator, "shift": bits_right}
            net.result(net.op("qnn.softmax", operands, shape, "i8", **parts, **edge))
        edge["output_zero_point"] = 127
        net.result(
            net.op(
                "qnn.log_softmax",
                [x, net.constant(table), net.constant(log_table)],
                shape,
                "i8",
                input_multiplier=round(step * 2**fraction),
                log_base=round(np.log(2) * 2**fraction),
                multiplier=int(multiplier[0]),
                shift=int(shift[0]),
                **edge,
            )
        )


def movers(net: Network) -> None:
    """Layout ops, max pooling and argmax on int8, over ranks, odd extents and one-pixel images."""
    rng = net.rng
    for rank in (2, 3, 4, 4):
        shape = [1, *(int(v) for v in rng.integers(1, 9, rank - 1))]
        x, other = net.input(*shape), net.input(*shape)
        low, high = ([int(v) for v in rng.integers(0, 4, rank)] for _ in range(2))
        low[0] = high[0] = 0
        padded = [a + b + c for a, b, c in zip(low, shape, high, strict=True)]
        value = float(rng.integers(-128, 128))
        y = net.op("nn.pad", [x], padded, "i8", low=low, high=high, value=value)
        net.result(y)
        strides = [int(v) for v in rng.integers(1, 3, rank)]
        offsets = [int(rng.integers(0, extent)) for extent in padded]
        cut = [
            -(-(extent - offset) // stride)
            for extent, offset, stride in zip(padded, offsets, strides, strict=True)
        ]
        net.result(net.op("nn.slice", [y], cut, "i8", offsets=offsets, strides=strides))
        order = [int(v) for v in rng.permutation(rank)]
        turned = [shape[axis] for axis in order]
        net.result(net.op("nn.transpose", [x], turned, "i8", permutation=order))
        axis = int(rng.integers(1, rank))
        joined = [2 * extent if i == axis else extent for i, extent in enumerate(shape)]
        net.result(net.op("nn.concat", [x, other], joined, "i8", axis=axis))
        kept = [1 if i == axis else extent for i, extent in enumerate(shape)]
        net.result(net.op("nn.argmax", [x], kept, "i32", axis=axis))
    n, height, width, channels = shape
    grown = (n, 2 * height, 3 * width, channels)
    net.result(net.op("nn.upsample_nearest", [x], grown, "i8", factors=[2, 3]))
    window = {"kernel": [3, 2], "strides": [2, 1], "padding": [1, 1, 1, 0], "dilations": [1, 1]}
    pooled = (n, (height - 1) // 2 + 1, width, channels)
    net.result(net.op("nn.max_pool2d", [x], pooled, "i8", **window))


CASES: tuple[Callable[[Network], None], ...] = (
    convolutions,
    products,
    elementwise,
    means,
    softmax,
    movers,
)
