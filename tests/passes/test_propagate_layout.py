"""propagate-layout: a table of op counts before and after, each with the same numbers."""

import numpy as np
import pytest
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.ir.interpret import interpret
from tinyiree.ir.verify import verify
from tinyiree.passes.propagate_layout import PropagateLayout

TO_NHWC, TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


class Program:
    """Writes a program op by op."""

    def __init__(self, *shapes: tuple[int, ...]) -> None:
        self.context = build.new_context()
        self.random = np.random.default_rng(5)
        with self.context, ir.Location.unknown():
            self.module = ir.Module.create()
            kinds = [build.tensor_type(shape, "f32") for shape in shapes]
            with ir.InsertionPoint(self.module.body):
                main = ir.Operation.create(
                    "func.func",
                    attributes={
                        "sym_name": ir.StringAttr.get("main"),
                        "function_type": ir.TypeAttr.get(ir.FunctionType.get(kinds, [])),
                    },
                    regions=1,
                )
            self.block = main.regions[0].blocks.append(*kinds)
        self.inputs = list(self.block.arguments)

    def op(
        self,
        name: str,
        operands: list[ir.Value],
        shape: tuple[int, ...],
        **attributes: build.Attribute,
    ) -> ir.Value:
        with self.context, ir.InsertionPoint(self.block), ir.Location.name("layer"):
            return build.op(name, operands, shape, "f32", **attributes)

    def constant(self, *shape: int) -> ir.Value:
        with self.context, ir.InsertionPoint(self.block), ir.Location.unknown():
            return build.constant(self.random.normal(size=shape).astype(np.float32))

    def transpose(self, x: ir.Value, order: tuple[int, ...]) -> ir.Value:
        shape = tuple(access.shape(x)[axis] for axis in order)
        return self.op("nn.transpose", [x], shape, permutation=order)

    def reshape(self, x: ir.Value, *shape: int) -> ir.Value:
        return self.op("nn.reshape", [x], shape)

    def relu(self, x: ir.Value) -> ir.Value:
        return self.op("nn.clamp", [x], access.shape(x), min=0.0, max=float("inf"))

    def conv(self, x: ir.Value, channels: int) -> ir.Value:
        """1x1, on channels first, the way importers write it."""
        x = self.transpose(x, TO_NHWC)
        n, h, w, c = access.shape(x)
        y = self.op(
            "nn.conv2d",
            [x, self.constant(channels, 1, 1, c)],
            (n, h, w, channels),
            strides=[1, 1],
            padding=[0] * 4,
            dilations=[1, 1],
            groups=1,
        )
        return self.transpose(y, TO_NCHW)

    def run(self, *results: ir.Value) -> ir.Module:
        """Finish, run the pass, and compare."""
        with self.context, ir.InsertionPoint(self.block), ir.Location.unknown():
            ir.Operation.create("func.return", operands=list(results))
            build.update_function_type(self.module)
        shapes = [access.shape(argument) for argument in self.block.arguments]
        inputs = [self.random.normal(size=shape).astype(np.float32) for shape in shapes]
        before = interpret(self.module, inputs)
        for _ in range(2):  # the second run has nothing left to do
            PropagateLayout().run(self.module, None)  # type: ignore[arg-type]
            with self.context:
                verify(self.module)
            for found, wanted in zip(interpret(self.module, inputs), before, strict=True):
                np.testing.assert_allclose(found, wanted, atol=1e-5)
        return self.module


def names(module: ir.Module) -> list[str]:
    return [op.name for op in access.operations(module) if op.name.startswith("nn.")]


IMAGE = (1, 3, 4, 5)


def test_between_convolutions() -> None:
    p = Program(IMAGE)
    y = p.conv(p.relu(p.conv(p.inputs[0], 4)), 2)
    assert names(p.run(p.op("nn.mean", [y], (1, 2), axes=[2, 3]))) == [
        "nn.transpose",
        "nn.conv2d",
        "nn.clamp",
        "nn.conv2d",
        "nn.mean",
    ]


def test_one_channel_needs_no_transpose() -> None:
    p = Program((1, 1, 4, 5))
    y = p.op("nn.mean", [p.conv(p.inputs[0], 4)], (1, 4), axes=[2, 3])
    assert names(p.run(y)) == ["nn.reshape", "nn.conv2d", "nn.mean"]


def test_an_output_stays_channels_first() -> None:
    p = Program(IMAGE)
    module = p.run(p.relu(p.conv(p.inputs[0], 4)))
    assert names(module) == ["nn.transpose", "nn.conv2d", "nn.clamp", "nn.transpose"]


def test_residual_and_constant() -> None:
    p = Program(IMAGE)
    x = p.conv(p.inputs[0], 4)
    y = p.op("nn.add", [p.conv(x, 4), x], (1, 4, 4, 5))
    y = p.op("nn.mul", [p.constant(1, 4, 1, 1), y], (1, 4, 4, 5))
    module = p.run(p.op("nn.mean", [y], (1, 4), axes=[2, 3]))
    assert names(module).count("nn.transpose") == 1
    (product,) = access.named(module, "nn.mul")
    assert access.shape(product.operands[0]) == (1, 1, 1, 4)


def test_squeeze_and_excite_from_a_linear_layer() -> None:
    p = Program(IMAGE)
    x = p.conv(p.inputs[0], 4)
    s = p.op("nn.mean", [x], (1, 4), axes=[2, 3])
    s = p.op("nn.fully_connected", [s, p.constant(4, 4)], (1, 4))
    y = p.op("nn.mul", [x, p.reshape(s, 1, 4, 1, 1)], (1, 4, 4, 5))
    module = p.run(p.op("nn.mean", [y], (1, 4), axes=[2, 3]))
    assert names(module).count("nn.transpose") == 1
    assert names(module).count("nn.reshape") == 1


def test_input_added_to_a_convolution_of_it() -> None:
    """The input is transposed once, for both."""
    p = Program(IMAGE)
    y = p.op("nn.add", [p.inputs[0], p.conv(p.inputs[0], 3)], IMAGE)
    module = p.run(p.op("nn.mean", [y], (1, 3), axes=[2, 3]))
    assert names(module) == ["nn.transpose", "nn.conv2d", "nn.add", "nn.mean"]


def test_flatten_before_a_linear_layer_reorders_its_columns() -> None:
    p = Program((2, 3, 4, 5))
    y = p.relu(p.reshape(p.conv(p.inputs[0], 6), 2, 120))
    y = p.op("nn.fully_connected", [y, p.constant(7, 120), p.constant(7)], (2, 7))
    module = p.run(y)
    assert names(module) == [
        "nn.transpose",
        "nn.conv2d",
        "nn.clamp",
        "nn.reshape",
        "nn.fully_connected",
    ]


def test_linear_layer_before_an_image_reorders_its_rows() -> None:
    p = Program((2, 5))
    y = p.op("nn.fully_connected", [p.inputs[0], p.constant(24, 5), p.constant(24)], (2, 24))
    y = p.conv(p.reshape(p.relu(y), 2, 4, 2, 3), 1)
    assert names(p.run(y)) == [
        "nn.fully_connected",
        "nn.clamp",
        "nn.reshape",
        "nn.conv2d",
        "nn.reshape",
    ]


def test_rows_stay_when_something_else_uses_them() -> None:
    p = Program((1, 5))
    y = p.op("nn.fully_connected", [p.inputs[0], p.constant(24, 5)], (1, 24))
    image = p.conv(p.reshape(y, 1, 4, 2, 3), 1)
    assert names(p.run(image, y)).count("nn.transpose") == 1


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_concat(axis: int) -> None:
    p = Program(IMAGE)
    a, b = p.conv(p.inputs[0], 3), p.relu(p.conv(p.inputs[0], 3))
    shape = tuple(2 * n if i == axis else n for i, n in enumerate(IMAGE))
    y = p.conv(p.op("nn.concat", [a, b], shape, axis=axis), 1)
    assert names(p.run(y)).count("nn.transpose") == 1


def test_concat_with_the_input() -> None:
    p = Program(IMAGE)
    y = p.op("nn.concat", [p.inputs[0], p.conv(p.inputs[0], 5)], (1, 8, 4, 5), axis=1)
    assert names(p.run(p.conv(y, 1))).count("nn.transpose") == 1


def test_pad_and_slice() -> None:
    p = Program(IMAGE)
    y = p.op(
        "nn.pad",
        [p.conv(p.inputs[0], 4)],
        (1, 6, 7, 5),
        low=[0, 1, 2, 0],
        high=[0, 1, 1, 0],
        value=1.5,
    )
    y = p.op("nn.slice", [y], (1, 2, 7, 3), offsets=[0, 1, 0, 0], strides=[1, 3, 1, 2])
    module = p.run(p.conv(y, 1))
    assert names(module).count("nn.transpose") == 1


@pytest.mark.parametrize(("axis", "keep"), [(1, True), (1, False), (3, True), (3, False)])
def test_argmax(axis: int, keep: bool) -> None:
    p = Program(IMAGE)
    shape = [1, 4, 4, 5]
    shape[axis] = 1
    if not keep:
        del shape[axis]
    with p.context, ir.Location.unknown():
        x = p.conv(p.inputs[0], 4)
        with ir.InsertionPoint(p.block):
            y = build.op("nn.argmax", [x], shape, "i32", axis=axis)
    assert names(p.run(y)).count("nn.transpose") <= 2


@pytest.mark.parametrize("name", ["nn.softmax", "nn.log_softmax"])
def test_softmax_over_channels(name: str) -> None:
    p = Program(IMAGE)
    y = p.transpose(p.conv(p.inputs[0], 4), TO_NHWC)
    y = p.transpose(p.op(name, [y], (1, 4, 5, 4)), TO_NCHW)
    assert names(p.run(p.conv(y, 1))).count("nn.transpose") == 1


def test_signals_lose_their_reshapes() -> None:
    """[N, C, L] convolutions are written as images of height 1."""
    p = Program((1, 3, 8))
    x = p.inputs[0]
    for channels in (4, 2):
        n, c, length = access.shape(x)
        x = p.reshape(p.transpose(x, (0, 2, 1)), n, 1, length, c)
        x = p.transpose(p.conv(p.transpose(x, TO_NCHW), channels), TO_NHWC)
        x = p.relu(p.transpose(p.reshape(x, n, length, channels), (0, 2, 1)))
    y = p.op("nn.mean", [x], (1, 2), axes=[2])
    module = p.run(y)
    assert names(module)[-5:] == ["nn.conv2d", "nn.clamp", "nn.conv2d", "nn.clamp", "nn.mean"]


def test_channel_shuffle_costs_one_transpose() -> None:
    p = Program((1, 6, 4, 5))
    x = p.reshape(p.conv(p.inputs[0], 6), 1, 2, 3, 4, 5)
    x = p.reshape(p.transpose(x, (0, 2, 1, 3, 4)), 1, 6, 4, 5)
    module = p.run(p.op("nn.mean", [p.conv(x, 2)], (1, 2), axes=[2, 3]))
    assert names(module).count("nn.transpose") == 2


def test_constants_are_laid_out_while_compiling() -> None:
    p = Program((2, 4))
    w = p.transpose(p.reshape(p.constant(4, 6), 4, 6), (1, 0))
    assert names(p.run(p.op("nn.fully_connected", [p.inputs[0], w], (2, 6)))) == [
        "nn.fully_connected"
    ]


def test_reshapes_merge() -> None:
    p = Program((2, 12))
    assert names(p.run(p.reshape(p.reshape(p.inputs[0], 2, 3, 4), 6, 4))) == ["nn.reshape"]
    p = Program((2, 12))
    assert names(p.run(p.reshape(p.reshape(p.inputs[0], 2, 3, 4), 2, 12))) == []


def test_location_and_attributes_stay() -> None:
    p = Program(IMAGE)
    y = p.relu(p.conv(p.inputs[0], 4))
    op = access.defining_op(y)
    assert op is not None
    with p.context:
        op.attributes["tiny.note"] = ir.StringAttr.get("kept")
    module = p.run(y)
    (clamp,) = access.named(module, "nn.clamp")
    assert access.layer_name(clamp) == "layer"
    assert "kept" in str(clamp.attributes["tiny.note"])
