"""QDQ models: networks that onnxruntime quantizes, and one for each operator."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper
from onnx_models import NETWORKS, Array, export, lively, model_of, quantize

SAMPLES = 16


def quantized(
    name: str, tmp_path: Path, unsigned: bool, per_channel: bool = True
) -> tuple[Path, list[Array]]:
    make, shape = NETWORKS[name]
    path = export(lively(make()), [torch.randn(shape)], tmp_path / f"{name}.onnx", opset=20)
    generator = np.random.default_rng(0)
    samples = [generator.standard_normal(shape).astype(np.float32) for _ in range(SAMPLES)]
    return quantize(path, samples, unsigned, per_channel), samples


# One operator between dequantize and quantize: the node, shapes of activations, weights by input.
IMAGE, ROWS = (1, 4, 6, 5), (3, 8)
Case = tuple[str, dict[str, object], list[tuple[int, ...]], list[tuple[int, ...]]]
OPERATORS: dict[str, Case] = {
    "conv": ("Conv", {"strides": [2, 1], "pads": [1, 0, 0, 2]}, [IMAGE], [(6, 4, 3, 2), (6,)]),
    "conv-depthwise": ("Conv", {"group": 4, "auto_pad": "SAME_UPPER"}, [IMAGE], [(8, 1, 3, 3)]),
    "conv-1d": ("Conv", {"dilations": [2], "pads": [2, 2]}, [(1, 4, 9)], [(5, 4, 3), (5,)]),
    "gemm": ("Gemm", {"transB": 1}, [ROWS], [(5, 8), (5,)]),
    "matmul": ("MatMul", {}, [(2, 3, 4), (2, 4, 5)], []),
    "add": ("Add", {}, [IMAGE, IMAGE], []),
    "sub-broadcast": ("Sub", {}, [IMAGE, (1, 4, 1, 1)], []),
    "mul": ("Mul", {}, [IMAGE, IMAGE], []),
    "maximum": ("Max", {}, [IMAGE, (1, 4, 1, 1)], []),
    "minimum": ("Min", {}, [IMAGE, IMAGE], []),
    "average": ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}, [IMAGE], []),
    "average-padded": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1] * 4}, [IMAGE], []),
    "global-average": ("GlobalAveragePool", {}, [IMAGE], []),
    "max": ("MaxPool", {"kernel_shape": [3, 2], "pads": [1, 0, 1, 0]}, [IMAGE], []),
    "relu": ("Relu", {}, [IMAGE], []),
    "sigmoid": ("Sigmoid", {}, [IMAGE], []),
    "hard-swish": ("HardSwish", {}, [IMAGE], []),
    "leaky-relu": ("LeakyRelu", {"alpha": 0.2}, [IMAGE], []),
    "softmax": ("Softmax", {"axis": 1}, [ROWS], []),
    "log-softmax": ("LogSoftmax", {}, [ROWS], []),
    "concat": ("Concat", {"axis": 1}, [IMAGE, IMAGE], []),
    "transpose": ("Transpose", {"perm": [0, 2, 3, 1]}, [IMAGE], []),
    "depth-to-space": ("DepthToSpace", {"blocksize": 2}, [IMAGE], []),
}


class Graph:
    """Nodes and constants of a QDQ model as they are added."""

    def __init__(self, unsigned: bool) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.type = np.uint8 if unsigned else np.int8
        self.shift = 128 if unsigned else 0

    def pair(self, name: str, scale: float, zero_point: int) -> str:
        """Quantize and dequantize a tensor; the zero point is that of int8."""
        self.constants[f"{name}_s"] = np.array(scale, np.float32)
        self.constants[f"{name}_z"] = np.array(zero_point + self.shift, self.type)
        both = [f"{name}_s", f"{name}_z"]
        self.nodes.append(helper.make_node("QuantizeLinear", [name, *both], [f"{name}_q"]))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *both], [f"{name}_d"]))
        return f"{name}_d"

    def weight(self, name: str, values: Array, scale: Array) -> str:
        """A constant of integers behind its DequantizeLinear, one scale for each channel."""
        self.constants |= {f"{name}_q": values, f"{name}_s": scale.astype(np.float32)}
        inputs = [f"{name}_q", f"{name}_s"]
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [name], axis=0))
        return name


def one_operator(
    case: Case, unsigned: bool, seed: int, halves: bool = False
) -> tuple[onnx.ModelProto, list[Array]]:
    """A model, and data for its inputs.

    Args:
        case: the operator.
        unsigned: uint8 in place of int8.
        seed: of weights and data.
        halves: scales are powers of two, so that results often lie between two integers, and
            float32 computes them without an error.
    """
    kind, attributes, shapes, weights = case
    generator = np.random.default_rng(seed)
    samples = [generator.standard_normal(shape).astype(np.float32) * 2 for shape in shapes]
    plain = Graph(unsigned)
    inputs = {f"x{i}": shape for i, shape in enumerate(shapes)}
    scales = [1 / 32, 1 / 16] if halves else [0.031, 0.035]
    parameters = [(scales[i], 3 - 9 * i) for i in range(len(shapes))]
    names = [plain.pair(name, *parameters[i]) for i, name in enumerate(inputs)]
    if weights:
        scale = generator.uniform(0.004, 0.012, weights[0][0])
        scale = np.full_like(scale, 1 / 128) if halves else scale
        raw = generator.integers(-127, 128, weights[0]).astype(np.int8)
        names.append(plain.weight("w", raw, scale))
    if len(weights) > 1:
        bias = generator.integers(-4000, 4000, weights[1]).astype(np.int32)
        names.append(plain.weight("b", bias, scale * parameters[0][0]))
    plain.nodes.append(helper.make_node(kind, names, ["y"], **attributes))
    model = model_of(plain.nodes, inputs, ["y"], plain.constants)
    runtime = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (y,) = runtime.run(None, dict(zip(inputs, samples, strict=True)))
    same = kind in ("AveragePool", "MaxPool", "Transpose", "DepthToSpace")
    high, low = max(float(y.max()), 0.01), min(float(y.min()), 0.0)
    scale_out = parameters[0][0] if same else (high - low) / 240
    scale_out = 2.0 ** np.ceil(np.log2(scale_out)) if halves else scale_out
    zero_point = (
        parameters[0][1] if same else int(np.clip(-128 - np.rint(low / scale_out), -128, 127))
    )
    result = plain.pair("y", scale_out, zero_point)
    return model_of(plain.nodes, inputs, [result], plain.constants), samples
