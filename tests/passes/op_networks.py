"""Small modules in normal form with many independent ops, and running them both ways."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.fixedpoint import encode, encode_all
from tinyiree.ir.interpret import interpret
from tinyiree.ir.verify import verify
from tinyiree.iree.host import compile_host

Array = npt.NDArray[Any]


class Network:
    """A module that grows: every ``input`` is an argument of main, every ``result`` a result."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.context = build.new_context()
        text = "func.func @main() { return }"
        self.module = ir.Module.parse(text, self.context)
        self._return = access.operations(self.module)[-1]
        self.inputs: list[Array] = []
        self.results: list[ir.Value] = []

    def input(self, *shape: int, element: str = "i8", scale: float = 1.0) -> ir.Value:
        """A new argument with random data; int8 data hold both ends."""
        if element == "i8":
            data = self.rng.integers(-128, 128, shape).astype(np.int8)
            data.ravel()[0], data.ravel()[-1] = -128, 127
        else:
            data = (self.rng.normal(size=shape) * scale).astype(np.float32)
        self.inputs.append(data)
        block = access.main_block(self.module)
        with self.context, ir.Location.unknown():
            return block.add_argument(build.tensor_type(shape, element), ir.Location.unknown())

    def constant(self, array: Array) -> ir.Value:
        with self.context, ir.Location.unknown(), ir.InsertionPoint(self._return):
            return build.constant(array)

    def op(
        self, name: str, operands: Sequence[ir.Value], shape: Sequence[int], element: str, **at: Any
    ) -> ir.Value:
        layer = f"layer{len(access.operations(self.module))}"
        with self.context, ir.Location.name(layer), ir.InsertionPoint(self._return):
            return build.op(name, operands, shape, element, **at)

    def result(self, value: ir.Value) -> None:
        self.results.append(value)

    def finish(self) -> ir.Module:
        with self.context, ir.Location.unknown(), ir.InsertionPoint(self._return):
            ir.Operation.create("func.return", operands=self.results)
            self._return.erase()
            build.update_function_type(self.module)
        verify(self.module)
        return self.module

    # Random attributes and ops.

    def zero_point(self) -> int:
        return int(self.rng.choice([-128, 127, 0, int(self.rng.integers(-128, 128))]))

    def out(self) -> dict[str, int]:
        low, high = sorted(int(v) for v in self.rng.integers(-128, 128, 2))
        bounds = [(-128, 127), (low, high)][int(self.rng.integers(2))]
        return {
            "output_zero_point": self.zero_point(),
            "clamp_min": bounds[0],
            "clamp_max": bounds[1],
        }

    def factor(self, center: float) -> dict[str, int]:
        multiplier, shift = encode(center * self.rng.uniform(0.5, 2))
        return {"multiplier": multiplier, "shift": shift}

    def per_channel(self, outputs: int, terms: int) -> tuple[ir.Value, ir.Value, ir.Value]:
        """Bias, multiplier and shift; sometimes factors so large that everything saturates."""
        center = 40 / (np.sqrt(terms) * 73 * 73) * float(self.rng.choice([1, 1, 300, 1e6]))
        bias = self.rng.integers(-5000, 5000, outputs).astype(np.int32)
        multiplier, shift = encode_all(center * self.rng.uniform(0.3, 3, outputs))
        return self.constant(bias), self.constant(multiplier), self.constant(shift)

    def weights(self, *shape: int) -> ir.Value:
        return self.constant(self.rng.integers(-127, 128, shape).astype(np.int8))

    def convolution(self, x: ir.Value, outputs: int, groups: int, element: str = "i8") -> ir.Value:
        """A convolution of random kernel, stride, dilation and padding."""
        n, height, width, depth = access.shape(x)
        rng = self.rng
        while True:
            kernel, strides = rng.integers(1, 5, 2), rng.integers(1, 4, 2)
            dilations, padding = rng.integers(1, 3, 2), rng.integers(0, 3, 4)
            reach = (kernel - 1) * dilations + 1
            spans = np.array([height, width]) + padding[:2] + padding[2:] - reach
            if (spans >= 0).all():
                break
        shape = (n, *(int(v) for v in spans // strides + 1), outputs)
        kh, kw = (int(v) for v in kernel)
        window = {
            "strides": [int(v) for v in strides],
            "dilations": [int(v) for v in dilations],
            "padding": [int(v) for v in padding],
            "groups": groups,
        }
        if element == "f32":
            w = rng.normal(size=(outputs, kh, kw, depth // groups)).astype(np.float32)
            operands = [x, self.constant(w)]
            if rng.integers(2):
                operands.append(self.constant(rng.normal(size=outputs).astype(np.float32)))
            return self.op("nn.conv2d", operands, shape, "f32", **window)
        w8 = self.weights(outputs, kh, kw, depth // groups)
        rest = self.per_channel(outputs, kh * kw * depth // groups)
        zero = {"input_zero_point": self.zero_point()}
        return self.op("qnn.conv2d", [x, w8, *rest], shape, "i8", **window, **zero, **self.out())


def both_ways(network: Network) -> list[tuple[Array, Array]]:
    """Each result as computed by IREE on this machine and by the interpreter."""
    module = network.finish()
    found = compile_host(module)(network.inputs)
    return list(zip(found, interpret(module, network.inputs), strict=True))


def check_equal(network: Network) -> None:
    for number, (found, expected) in enumerate(both_ways(network)):
        np.testing.assert_array_equal(found, expected, err_msg=f"result {number}")


def check_close(network: Network, tolerance: float = 2e-5) -> None:
    for number, (found, expected) in enumerate(both_ways(network)):
        np.testing.assert_allclose(
            found, expected, rtol=tolerance, atol=tolerance, err_msg=f"result {number}"
        )
