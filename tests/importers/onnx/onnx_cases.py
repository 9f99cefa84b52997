"""One model for each operator of the table, in float, with and without its options."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper
from onnx_models import Array, model_of

IMAGE, SIGNAL, ROWS = (1, 4, 9, 7), (2, 4, 11), (3, 8)
RANDOM = np.random.default_rng(5)


def floats(*shape: int) -> Array:
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


def f(value: float | list[float]) -> Array:
    return np.array(value, np.float32)


@dataclass(frozen=True)
class OperatorCase:
    """One node: shapes of its inputs, then constants (None: left out), attributes."""

    name: str
    kind: str
    shapes: tuple[tuple[int, ...], ...]
    constants: tuple[Array | None, ...]
    opset: int
    outputs: int
    attributes: dict[str, object]

    def model(self) -> onnx.ModelProto:
        """A model of the node alone."""
        inputs = {f"x{i}": shape for i, shape in enumerate(self.shapes)}
        given = {f"c{i}": array for i, array in enumerate(self.constants) if array is not None}
        optional = [f"c{i}" if f"c{i}" in given else "" for i in range(len(self.constants))]
        results = [f"y{i}" for i in range(self.outputs)]
        node = helper.make_node(self.kind, [*inputs, *optional], results, **self.attributes)
        model = model_of([node], inputs, results, given, self.opset)
        if self.kind == "ArgMax":
            model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
        return model


def case(
    name: str,
    kind: str,
    shapes: tuple[tuple[int, ...], ...],
    constants: tuple[Array | None, ...] = (),
    opset: int = 18,
    outputs: int = 1,
    **attributes: object,
) -> OperatorCase:
    return OperatorCase(f"{kind}-{name}", kind, shapes, constants, opset, outputs, attributes)


BATCH_NORM = (floats(4), floats(4), floats(4), np.abs(floats(4)) + 0.5)
CASES = [
    case("plain", "Conv", (IMAGE,), (floats(6, 4, 3, 3), floats(6))),
    case("pads", "Conv", (IMAGE,), (floats(6, 4, 3, 2),), pads=[2, 0, 1, 3], strides=[2, 1]),
    case("same-upper", "Conv", (IMAGE,), (floats(6, 4, 2, 4),), auto_pad="SAME_UPPER"),
    case(
        "same-lower", "Conv", (IMAGE,), (floats(6, 4, 4, 3),), auto_pad="SAME_LOWER", strides=[2, 3]
    ),
    case("groups", "Conv", (IMAGE,), (floats(8, 1, 3, 3),), group=4, dilations=[2, 1]),
    case("1d", "Conv", (SIGNAL,), (floats(6, 2, 3), floats(6)), group=2, pads=[4, 0]),
    case("plain", "Gemm", (ROWS,), (floats(8, 5), floats(5))),
    case("scaled", "Gemm", (ROWS,), (floats(5, 8), floats(1, 5)), transB=1, alpha=0.5, beta=2.0),
    case("scalar-bias", "Gemm", (ROWS,), (floats(5, 8), f(0.7)), transB=1),
    case("rows-of-bias", "Gemm", (ROWS,), (floats(8, 5), floats(3, 5))),
    case("transposed", "Gemm", ((8, 3),), (floats(8, 5),), transA=1),
    case("activations", "Gemm", ((3, 4), (4, 5), (3, 5)), beta=0.5),
    case("constant", "MatMul", ((2, 3, 8),), (floats(8, 5),)),
    case("batched", "MatMul", ((2, 3, 4), (2, 4, 5))),
    case("image", "BatchNormalization", (IMAGE,), BATCH_NORM, epsilon=0.01),
    case("signal", "BatchNormalization", (SIGNAL,), BATCH_NORM),
    case("rows", "BatchNormalization", ((3, 4),), BATCH_NORM),
    case("plain", "MaxPool", (IMAGE,), kernel_shape=[3, 2], strides=[2, 2]),
    case("ceil", "MaxPool", (IMAGE,), kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    case("dilated", "MaxPool", (IMAGE,), kernel_shape=[3, 3], dilations=[2, 2], pads=[1, 0, 1, 1]),
    case("same", "MaxPool", (IMAGE,), kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    case("1d", "MaxPool", (SIGNAL,), kernel_shape=[3], strides=[2]),
    case("plain", "AveragePool", (IMAGE,), kernel_shape=[3, 2], strides=[2, 2]),
    case("pads", "AveragePool", (IMAGE,), kernel_shape=[3, 3], pads=[1, 0, 2, 1]),
    case(
        "counted", "AveragePool", (IMAGE,), kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1
    ),
    case("ceil", "AveragePool", (IMAGE,), kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    case("1d", "AveragePool", (SIGNAL,), kernel_shape=[3], strides=[2], pads=[1, 1]),
    case("image", "GlobalAveragePool", (IMAGE,)),
    case("signal", "GlobalAveragePool", (SIGNAL,)),
    case("image", "GlobalMaxPool", (IMAGE,)),
    case("signal", "GlobalMaxPool", (SIGNAL,)),
    case("keep", "ReduceMax", (IMAGE,), (ints(2, 3),)),
    case("drop", "ReduceMax", (SIGNAL,), (ints(-1),), keepdims=0),
    case("attribute", "ReduceMean", (IMAGE,), opset=17, axes=[2, 3], keepdims=0),
    case("input", "ReduceMean", (IMAGE,), (ints(-1),)),
    case("all", "ReduceMean", (ROWS,), keepdims=0),
    case("nothing", "ReduceMean", (ROWS,), noop_with_empty_axes=1),
    case("input", "ReduceSum", (IMAGE,), (ints(1),), keepdims=0),
    case("drop", "ArgMax", (ROWS,), axis=1, keepdims=0),
    case("keep", "ArgMax", (ROWS,), axis=-2),
    case("plain", "Relu", (IMAGE,)),
    case("both", "Clip", (IMAGE,), (f(-0.5), f(0.7))),
    case("low", "Clip", (IMAGE,), (f(-0.5),)),
    case("high", "Clip", (IMAGE,), (None, f(0.5))),
    case("constant", "Max", (IMAGE,), (f(0.2),)),
    case("two", "Max", (IMAGE, (4, 1, 1))),
    case("each-channel", "Max", (IMAGE,), (floats(4, 1, 1),)),
    case("larger", "Min", ((4, 1, 1), IMAGE), (f(0.2),)),
    case("constants", "Min", (IMAGE,), (f(0.2), np.full((1, 4, 1, 1), 0.1, np.float32))),
    case("plain", "HardSwish", (IMAGE,)),
    case("torch", "HardSigmoid", (IMAGE,), alpha=1 / 6),
    case("onnx", "HardSigmoid", (IMAGE,)),
    case("plain", "Sigmoid", (IMAGE,)),
    case("plain", "Tanh", (IMAGE,)),
    case("plain", "Abs", (IMAGE,)),
    case("plain", "Neg", (IMAGE,)),
    case("plain", "Exp", (IMAGE,)),
    case("plain", "LeakyRelu", (IMAGE,), alpha=0.3),
    case("plain", "PRelu", (IMAGE,), (np.full((4, 1, 1), 0.25, np.float32),)),
    case("plain", "Elu", (IMAGE,), alpha=0.7),
    case("exact", "Gelu", (IMAGE,), opset=20),
    case("tanh", "Gelu", (IMAGE,), opset=20, approximate="tanh"),
    case("two", "Add", (IMAGE, (4, 1, 1))),
    case("constant", "Add", (IMAGE,), (floats(1, 4, 1, 1),)),
    case("two", "Sub", (IMAGE, IMAGE)),
    case("constant", "Sub", (IMAGE,), (floats(7),)),
    case("two", "Mul", (IMAGE, (1, 4, 1, 1))),
    case("constant", "Div", (IMAGE,), (np.abs(floats(4, 1, 1)) + 0.5,)),
    case("two", "Pow", (IMAGE,), (f(2),)),
    case("three", "Sum", (IMAGE, IMAGE, (4, 1, 1))),
    case("last", "Softmax", (ROWS,)),
    case("channels", "Softmax", (IMAGE,), axis=1),
    case("last", "LogSoftmax", (ROWS,)),
    case("keep-and-infer", "Reshape", (IMAGE,), (ints(0, -1, 3),)),
    case("allowzero", "Reshape", (IMAGE,), (ints(4, 63),), allowzero=1),
    case("plain", "Flatten", (IMAGE,)),
    case("axis", "Flatten", (IMAGE,), axis=-1),
    case("axes", "Squeeze", ((1, 3, 1, 4),), (ints(-2),)),
    case("all", "Squeeze", ((1, 3, 1, 4),)),
    case("axes", "Unsqueeze", (ROWS,), (ints(-1, 0),)),
    case("axes", "Expand", (ROWS,), (ints(1, 1, 3, 8),)),
    case("perm", "Transpose", (IMAGE,), perm=[0, 2, 3, 1]),
    case("reverse", "Transpose", (SIGNAL,)),
    case("dcr", "DepthToSpace", ((1, 8, 3, 2),), blocksize=2),
    case("crd", "DepthToSpace", ((1, 8, 3, 2),), blocksize=2, mode="CRD"),
    case("plain", "SpaceToDepth", ((1, 2, 6, 4),), blocksize=2),
    case("constant", "Concat", (IMAGE,), (floats(1, 2, 9, 7),), axis=-3),
    case("sizes", "Split", (IMAGE,), (ints(1, 3),), outputs=2, axis=1),
    case("number", "Split", (IMAGE,), outputs=3, axis=3, num_outputs=3),
    case("equal", "Split", (IMAGE,), opset=13, outputs=2, axis=1),
    case("steps", "Slice", (IMAGE,), (ints(1, -3), ints(100, 7), ints(2, -1), ints(2, 1))),
    case("short", "Slice", (ROWS,), (ints(1), ints(3))),
    case("one", "Gather", (IMAGE,), (np.array(-1, np.int64),), axis=1),
    case("spaced", "Gather", (IMAGE,), (ints(1, 3, 5),), axis=2),
    case("value", "Pad", (IMAGE,), (ints(0, 0, 1, 2, 0, 1, 0, 3), f(0.5))),
    case("axes", "Pad", (IMAGE,), (ints(1, -1), None, ints(-1))),
    case(
        "asymmetric",
        "Resize",
        (IMAGE,),
        (None, f([1, 1, 2, 3])),
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    ),
    case("half-pixel", "Resize", (IMAGE,), (None, f([1, 1, 3, 2]))),
    case("sizes", "Resize", (IMAGE,), (None, None, ints(1, 4, 18, 28))),
    case("1d", "Resize", (SIGNAL,), (None, f([1, 1, 4]))),
    case("same", "Resize", (IMAGE,), (None, f([1, 1, 1, 1]))),
    case("float", "Cast", (IMAGE,), to=onnx.TensorProto.FLOAT),
    case("float", "CastLike", (IMAGE,), (f(0),)),
    case("plain", "Identity", (IMAGE,)),
    case("plain", "Dropout", (IMAGE,)),
]
