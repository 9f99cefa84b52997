"""Random ops of the normal form with random data, both with fixed seeds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.fixedpoint import encode, encode_all

from .rig import Case


class Maker:
    """Makes cases in a module of its own."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.context = build.new_context()
        self.module = ir.Module.parse("func.func @main() { return }", self.context)
        self.block = access.main_block(self.module)

    def integer(self, low: int, high: int) -> int:
        """low..high, both included."""
        return int(self.rng.integers(low, high + 1))

    def op(
        self, name: str, inputs: list[npt.NDArray[np.int8]], constants: list[Any], shape: Any,
        **at: Any,
    ) -> ir.Operation:  # fmt: skip
        with self.context, ir.Location.name("layer"):
            operands: list[ir.Value] = [
                self.block.add_argument(build.tensor_type(x.shape, "i8"), ir.Location.unknown())
                for x in inputs
            ]
            with ir.InsertionPoint.at_block_begin(self.block):
                operands += [build.constant(array) for array in constants]
            with ir.InsertionPoint.at_block_terminator(self.block):
                value = build.op(name, operands, [int(n) for n in shape], "i8", **at)
        found = access.defining_op(value)
        assert found is not None
        return found

    def data(self, *shape: int) -> npt.NDArray[np.int8]:
        """Random bytes; now and then only extremes, or large ones of one sign."""
        kind = self.rng.random()
        if kind < 0.15:
            return self.rng.choice(np.array([-128, 127], np.int8), shape)
        if kind < 0.25:
            return self.rng.integers(*((90, 128) if kind < 0.2 else (-128, -90)), shape).astype(
                np.int8
            )
        return self.rng.integers(-128, 128, shape).astype(np.int8)

    def weights(self, *shape: int) -> npt.NDArray[np.int8]:
        """Random weights in [-127, 127]; now and then only extremes, or of one sign."""
        kind = self.rng.random()
        if kind < 0.1:
            return self.rng.choice(np.array([-127, 127], np.int8), shape)
        if kind < 0.2:
            return self.rng.integers(60, 128, shape).astype(np.int8)
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def zero_point(self) -> int:
        return int(self.rng.choice([-128, 127, 0, self.integer(-128, 127)]))

    def out(self) -> dict[str, int]:
        low, high = sorted((self.integer(-128, 127), self.integer(-128, 127)))
        bounds = (-128, 127) if self.rng.random() < 0.7 else (low, high)
        return {
            "output_zero_point": self.zero_point(),
            "clamp_min": bounds[0],
            "clamp_max": bounds[1],
        }

    def per_channel(self, outputs: int, terms: int, largest: float) -> list[Any]:
        """Bias, multiplier, shift; now and then saturating factors, or a channel that is off."""
        center = 40 / (np.sqrt(terms) * 73 * 73) * float(self.rng.choice([1, 1, 0.01, 300]))
        factors = np.minimum(center * self.rng.uniform(0.3, 3, outputs), largest)
        bias = self.rng.integers(-5000, 5000, outputs).astype(np.int32)
        multiplier, shift = encode_all(factors)
        return [bias, multiplier, shift]

    def rounding(self) -> str:
        return str(self.rng.choice(["single", "double"]))

    def conv2d(self, depthwise: bool, largest_image: int = 7, largest_kernel: int = 4) -> Case:
        channels = int(self.rng.choice([1, 2, 3, 4, 5, 7, 8, 12, 16, 20]))
        outputs = channels if depthwise else int(self.rng.choice([1, 2, 3, 4, 5, 6, 8, 9, 16]))
        deep = not depthwise and self.rng.random() < 0.03
        if deep:
            channels, outputs, largest_image = self.integer(130, 190), self.integer(1, 3), 4
        height, width = self.integer(1, largest_image), self.integer(1, largest_image)
        while True:
            kernel = np.array([self.integer(1, largest_kernel), self.integer(1, largest_kernel)])
            if self.rng.random() < 0.3:
                kernel = np.array([3, 3] if depthwise else [1, 1])
            strides = [self.integer(1, 3), self.integer(1, 3)]
            dilations = [1, 1] if self.rng.random() < 0.7 else [self.integer(1, 2) for _ in "hw"]
            padding = [0] * 4 if self.rng.random() < 0.3 else [self.integer(0, 3) for _ in "tlbr"]
            reach = (kernel - 1) * dilations + 1
            spans = np.array([height, width]) + padding[:2] + padding[2:] - reach
            if (spans >= 0).all():
                break
        rounding = self.rounding()
        depth = 1 if depthwise else channels
        x = self.data(1, height, width, channels)
        w = self.weights(outputs, int(kernel[0]), int(kernel[1]), depth)
        largest = 0.49 if rounding == "double" else 20.0 if not depthwise else 60.0
        constants = [w, *self.per_channel(outputs, int(kernel.prod()) * depth, largest)]
        shape = (1, *(spans // strides + 1), outputs)
        op = self.op(
            "qnn.conv2d", [x], constants, shape, strides=strides, dilations=dilations,
            padding=padding, groups=channels if depthwise else 1,
            input_zero_point=self.zero_point(), rounding=rounding, **self.out(),
        )  # fmt: skip
        return Case(self.module, op, (x,), self.integer(1, 4))

    def dense(self) -> Case:
        return self.conv2d(False)

    def depthwise(self) -> Case:
        return self.conv2d(True)

    def depthwise_wide(self) -> Case:
        """Large windows, and more pixels than a kernel takes at a time."""
        return self.conv2d(True, 13, 9)

    def depthwise_3x3_double(self) -> Case:
        return self.depthwise_3x3("double")

    def depthwise_3x3(self, rounding: str | None = None) -> Case:
        """Windows that miss one row or column at most."""
        channels = int(self.rng.choice([1, 2, 3, 4, 5, 7, 8, 12, 16]))
        while True:
            size = np.array([self.integer(1, 9), self.integer(1, 9)])
            strides = np.array([self.integer(1, 3), self.integer(1, 2)])
            padding = np.array([self.integer(0, 1) for _ in "tlbr"])
            spans = size + padding[:2] + padding[2:] - 3
            if (spans >= 0).all():
                break
        x, w = self.data(1, *(int(v) for v in size), channels), self.weights(channels, 3, 3, 1)
        constants = [w, *self.per_channel(channels, 9, 0.49)]
        op = self.op(
            "qnn.conv2d", [x], constants, (1, *(spans // strides + 1), channels),
            strides=[int(v) for v in strides], dilations=[1, 1],
            padding=[int(v) for v in padding], groups=channels,
            input_zero_point=self.zero_point(), rounding=rounding or self.rounding(), **self.out(),
        )  # fmt: skip
        return Case(self.module, op, (x,), self.integer(1, 4))

    def one_pixel(self) -> Case:
        """A convolution whose window is the image."""
        channels, outputs = self.integer(1, 20), self.integer(1, 18)
        size, rounding = (self.integer(1, 3), self.integer(1, 3)), self.rounding()
        x, w = self.data(1, *size, channels), self.weights(outputs, *size, channels)
        largest = 0.49 if rounding == "double" else 20.0
        constants = [w, *self.per_channel(outputs, w[0].size, largest)]
        op = self.op(
            "qnn.conv2d", [x], constants, (1, 1, 1, outputs), strides=[1, self.integer(1, 2)],
            dilations=[1, 1], padding=[0] * 4, groups=1, input_zero_point=self.zero_point(),
            rounding=rounding, **self.out(),
        )  # fmt: skip
        return Case(self.module, op, (x,))

    def many_rows(self) -> Case:
        return self.fully_connected(14)

    def fully_connected(self, most_rows: int = 3) -> Case:
        rows, inputs, outputs = self.integer(1, most_rows), self.integer(1, 70), self.integer(1, 18)
        deep = self.rng.random() < 0.05
        if deep:
            inputs = self.integer(300, 1700)
        x, w = self.data(rows, inputs), self.weights(outputs, inputs)
        if deep and self.rng.random() < 0.5:  # sums of more than 24 bits
            x, w = np.maximum(x, 90), np.maximum(w, 80)
        rounding = self.rounding()
        constants = [w, *self.per_channel(outputs, inputs, 0.49 if rounding == "double" else 20.0)]
        op = self.op(
            "qnn.fully_connected", [x], constants, (rows, outputs), rounding=rounding,
            input_zero_point=self.zero_point(), **self.out(),
        )  # fmt: skip
        return Case(self.module, op, (x,), self.integer(1, 2))

    def add(self) -> Case:
        shape = (1, self.integer(1, 5), self.integer(1, 5), self.integer(1, 9))
        a, b = self.data(*shape), self.data(*shape)
        shift = self.integer(12, 20)
        signs = self.rng.choice([-1, 1], 2)
        factors = [int(s * round(self.rng.uniform(0.1, 1.5) * 2**shift)) for s in signs]
        op = self.op(
            "qnn.add", [a, b], [], shape, a_zero_point=self.zero_point(),
            b_zero_point=self.zero_point(), a_multiplier=factors[0], b_multiplier=factors[1],
            shift=shift, **self.out(),
        )  # fmt: skip
        return Case(self.module, op, (a, b), self.integer(1, 3))

    def tflite_add(self) -> Case:
        shape = (1, self.integer(1, 5), self.integer(1, 5), self.integer(1, 9))
        a, b = self.data(*shape), self.data(*shape)
        scales = np.exp(self.rng.uniform(-2, 2, 2)) * 0.02
        if self.rng.random() < 0.2:
            scales[1] = scales[0]
        out_scale = float(scales.sum() * self.rng.uniform(0.4, 1.3))
        twice = 2 * float(scales.max())
        (am, ash), (bm, bsh) = (encode(float(s) / twice) for s in scales)
        multiplier, shift = encode(twice / (2**20 * out_scale))
        op = self.op(
            "qnn.tflite_add", [a, b], [], shape, a_zero_point=self.zero_point(),
            b_zero_point=self.zero_point(), subtract=bool(self.rng.random() < 0.3), left_shift=20,
            a_multiplier=am, a_shift=ash, b_multiplier=bm, b_shift=bsh, multiplier=multiplier,
            shift=shift, **self.out(),
        )  # fmt: skip
        return Case(self.module, op, (a, b), self.integer(1, 3))

    def _window(self) -> tuple[Any, dict[str, Any]]:
        while True:
            size = np.array([self.integer(1, 9), self.integer(1, 9)])
            kernel = np.array([self.integer(1, 4), self.integer(1, 4)])
            strides = np.array([self.integer(1, 3), self.integer(1, 3)])
            padding = np.array([self.integer(0, int(kernel[i % 2]) - 1) for i in range(4)])
            out = (size + padding[:2] + padding[2:] - kernel) // strides + 1
            # No window may lie in the padding altogether.
            last = (out - 1) * strides - padding[:2]
            if (out >= 1).all() and (last < size).all() and (kernel <= size).all():
                break
        attributes = {
            "kernel": [int(v) for v in kernel],
            "strides": [int(v) for v in strides],
            "padding": [int(v) for v in padding],
        }
        return (size, out), attributes

    def avg_pool2d(self) -> Case:
        (size, out), window = self._window()
        channels = self.integer(1, 9)
        x = self.data(1, *(int(v) for v in size), channels)
        shape = tuple(int(v) for v in out) if self.rng.random() < 0.5 else (1, 1)
        multiplier, shift = encode_all(self.rng.uniform(0.02, 1.2, shape))
        op = self.op(
            "qnn.avg_pool2d", [x], [multiplier, shift], (1, *out, channels),
            input_zero_point=self.zero_point(), **window, **self.out(),
        )  # fmt: skip
        return Case(self.module, op, (x,), self.integer(1, 3))

    def mean(self) -> Case:
        height, width, channels = self.integer(1, 20), self.integer(1, 20), self.integer(1, 9)
        x = self.data(1, height, width, channels)
        keep = (1, 1, 1, channels) if self.rng.random() < 0.5 else (1, channels)
        factor = self.rng.uniform(0.3, 1.5) / (height * width)
        multiplier, shift = encode(float(factor))
        op = self.op(
            "qnn.mean", [x], [], keep, axes=[1, 2], input_zero_point=self.zero_point(),
            multiplier=multiplier, shift=shift, rounding=self.rounding(), **self.out(),
        )  # fmt: skip
        return Case(self.module, op, (x,))

    def max_pool2d(self) -> Case:
        (size, out), window = self._window()
        channels = self.integer(1, 9)
        x = self.data(1, *(int(v) for v in size), channels)
        op = self.op("nn.max_pool2d", [x], [], (1, *out, channels), dilations=[1, 1], **window)
        return Case(self.module, op, (x,), self.integer(1, 3))


MAKERS: dict[str, Callable[[Maker], Case]] = {
    "conv2d": Maker.dense,
    "depthwise": Maker.depthwise,
    "depthwise_wide": Maker.depthwise_wide,
    "depthwise_3x3": Maker.depthwise_3x3,
    "depthwise_3x3_double": Maker.depthwise_3x3_double,
    "fully_connected": Maker.fully_connected,
    "many_rows": Maker.many_rows,
    "one_pixel": Maker.one_pixel,
    "add": Maker.add,
    "tflite_add": Maker.tflite_add,
    "avg_pool2d": Maker.avg_pool2d,
    "mean": Maker.mean,
    "max_pool2d": Maker.max_pool2d,
}
