"""The operators of the normal form as data: what each takes, has and gives.

The meaning of each operator is in README.md beside this file.
"""

from dataclasses import dataclass, field
from typing import Literal

AttributeKind = Literal["i64", "f64", "bool", "str", "i64[]", "f64[]"]
ElementType = Literal["f32", "i8", "i16", "i32", "i64"]


@dataclass(frozen=True)
class OpSpec:
    """What the verifier knows of one operator.

    Attributes:
        name: full name, such as ``nn.conv2d``.
        operands: least and greatest number of operands (None: no upper limit).
        attributes: required attributes and their kinds.
        data: element types that the first operand may have.
        result: element types that the result may have; ``None``: that of the first operand.
        summary: one line for ``tinyiree ops``.
        optional: attributes that an op may leave out, and their kinds.
    """

    name: str
    operands: tuple[int, int | None]
    attributes: dict[str, AttributeKind]
    data: tuple[ElementType, ...]
    result: tuple[ElementType, ...] | None
    summary: str
    optional: dict[str, AttributeKind] = field(default_factory=dict)

    @property
    def is_integer(self) -> bool:
        """True for the operators of the integer-only dialect."""
        return self.name.startswith("qnn.")


_WINDOW: dict[str, AttributeKind] = {"kernel": "i64[]", "strides": "i64[]", "padding": "i64[]"}
_CONV: dict[str, AttributeKind] = {
    "strides": "i64[]",
    "padding": "i64[]",
    "dilations": "i64[]",
    "groups": "i64",
}
_QUANTIZATION: dict[str, AttributeKind] = {"scales": "f64[]", "zero_points": "i64[]", "axis": "i64"}
_CLAMP: dict[str, AttributeKind] = {"clamp_min": "i64", "clamp_max": "i64"}
_OUT: dict[str, AttributeKind] = {"output_zero_point": "i64", **_CLAMP}
_IN_OUT: dict[str, AttributeKind] = {"input_zero_point": "i64", **_OUT}
_RESCALE: dict[str, AttributeKind] = {"multiplier": "i64", "shift": "i64"}
_ROUNDING: dict[str, AttributeKind] = {"rounding": "str"}
_TWO_IN: dict[str, AttributeKind] = {"a_zero_point": "i64", "b_zero_point": "i64", **_OUT}

_FLOAT: tuple[ElementType, ...] = ("f32",)
_INT8: tuple[ElementType, ...] = ("i8",)
_INT16: tuple[ElementType, ...] = ("i16",)
_INTEGER: tuple[ElementType, ...] = ("i8", "i16")
_WIDER: tuple[ElementType, ...] = ("i8", "i16", "i32")
_ANY: tuple[ElementType, ...] = ("f32", "i8", "i16", "i32", "i64")

OPS: tuple[OpSpec, ...] = (
    OpSpec("nn.conv2d", (2, 3), _CONV, _FLOAT, None, "2-D and 1-D convolution, grouped, depthwise"),
    OpSpec("nn.fully_connected", (2, 3), {}, _FLOAT, None, "linear layer"),
    OpSpec("nn.batch_matmul", (2, 2), {}, _FLOAT, None, "matrix product of two activations"),
    OpSpec("nn.batch_norm", (5, 5), {"epsilon": "f64"}, _FLOAT, None, "batch normalization"),
    OpSpec("nn.clamp", (1, 1), {"min": "f64", "max": "f64"}, _FLOAT, None, "relu, relu6, hardtanh"),
    OpSpec("nn.unary", (1, 1), {"fn": "str", "alpha": "f64"}, _FLOAT, None, "elementwise function"),
    OpSpec("nn.softmax", (1, 1), {}, _FLOAT, None, "softmax over the last axis"),
    OpSpec("nn.log_softmax", (1, 1), {}, _FLOAT, None, "log-softmax over the last axis"),
    OpSpec("nn.add", (2, 2), {}, _FLOAT, None, "addition with broadcasting"),
    OpSpec("nn.sub", (2, 2), {}, _FLOAT, None, "subtraction with broadcasting"),
    OpSpec("nn.mul", (2, 2), {}, _FLOAT, None, "multiplication with broadcasting"),
    OpSpec("nn.max_pool2d", (1, 1), {**_WINDOW, "dilations": "i64[]"}, _ANY, None, "max pooling"),
    OpSpec(
        "nn.avg_pool2d",
        (1, 1),
        {**_WINDOW, "count_include_pad": "bool"},
        _FLOAT,
        None,
        "average pooling",
    ),
    OpSpec("nn.mean", (1, 1), {"axes": "i64[]"}, _FLOAT, None, "mean over axes"),
    OpSpec("nn.argmax", (1, 1), {"axis": "i64"}, ("f32", "i8"), ("i32",), "index of the maximum"),
    OpSpec("nn.cast", (1, 1), {"source": "str", "target": "str"}, _ANY, _ANY, "change of type"),
    OpSpec("nn.compare", (2, 2), {"fn": "str"}, _ANY, _INT8, "comparison of two, 0 or 1"),
    OpSpec("nn.select", (3, 3), {}, _INT8, _ANY, "one of two by a condition, 0 or 1"),
    OpSpec("nn.concat", (1, None), {"axis": "i64"}, _ANY, None, "concatenation"),
    OpSpec("nn.reshape", (1, 1), {}, _ANY, None, "reshape"),
    OpSpec("nn.delay", (2, 2), {}, _ANY, None, "newest elements in, oldest out, along axis 0"),
    OpSpec("nn.step", (1, 1), {"index": "i64"}, _ANY, None, "one element of axis 0"),
    OpSpec("nn.stack", (1, None), {}, _ANY, None, "elements of a new axis 0"),
    OpSpec("nn.transpose", (1, 1), {"permutation": "i64[]"}, _ANY, None, "permutation of axes"),
    OpSpec(
        "nn.pad",
        (1, 1),
        {"low": "i64[]", "high": "i64[]", "value": "f64"},
        _ANY,
        None,
        "constant padding",
    ),
    OpSpec(
        "nn.slice", (1, 1), {"offsets": "i64[]", "strides": "i64[]"}, _ANY, None, "strided slice"
    ),
    OpSpec("nn.upsample_nearest", (1, 1), {"factors": "i64[]"}, _ANY, None, "nearest upsampling"),
    OpSpec(
        "nn.gather",
        (1, 1),
        {"axis": "i64", "indices": "i64[]"},
        _ANY,
        None,
        "selection along an axis",
    ),
    OpSpec("nn.maximum", (2, 2), {}, _ANY, None, "greater of two, with broadcasting"),
    OpSpec("nn.minimum", (2, 2), {}, _ANY, None, "smaller of two, with broadcasting"),
    OpSpec("nn.quantize", (1, 1), _QUANTIZATION, _FLOAT, _INTEGER, "float to integer", _ROUNDING),
    OpSpec("nn.dequantize", (1, 1), _QUANTIZATION, _WIDER, _FLOAT, "integer to float"),
    OpSpec(
        "nn.dynamic_range", (1, 1), {"asymmetric": "bool"}, _FLOAT, None, "quantization at run time"
    ),
    OpSpec("nn.dynamic_quantize", (2, 2), {}, _FLOAT, _INTEGER, "float to integer at run time"),
    OpSpec(
        "qnn.conv2d",
        (5, 5),
        {**_CONV, **_IN_OUT},
        _INTEGER,
        None,
        "integer convolution",
        _ROUNDING,
    ),
    OpSpec(
        "qnn.fully_connected",
        (5, 5),
        _IN_OUT,
        _INTEGER,
        _INTEGER,
        "integer linear layer",
        _ROUNDING,
    ),
    OpSpec("qnn.hybrid_conv2d", (5, 5), _CONV, _INTEGER, _FLOAT, "convolution of dynamic_quantize"),
    OpSpec("qnn.hybrid_fully_connected", (5, 5), {}, _INTEGER, _FLOAT, "linear layer of the same"),
    OpSpec(
        "qnn.batch_matmul",
        (2, 2),
        {**_TWO_IN, **_RESCALE},
        _INT8,
        None,
        "integer product",
        _ROUNDING,
    ),
    OpSpec(
        "qnn.add",
        (2, 2),
        {**_TWO_IN, "a_multiplier": "i64", "b_multiplier": "i64", "shift": "i64"},
        _INT8,
        None,
        "integer addition and subtraction",
    ),
    OpSpec(
        "qnn.tflite_add",
        (2, 2),
        {
            **_TWO_IN,
            "subtract": "bool",
            "left_shift": "i64",
            "a_multiplier": "i64",
            "a_shift": "i64",
            "b_multiplier": "i64",
            "b_shift": "i64",
            **_RESCALE,
        },
        _INTEGER,
        None,
        "addition and subtraction with the rounding of TFLite",
    ),
    OpSpec(
        "qnn.mul",
        (2, 2),
        {**_TWO_IN, **_RESCALE},
        _INTEGER,
        None,
        "integer multiplication",
        _ROUNDING,
    ),
    OpSpec(
        "qnn.avg_pool2d",
        (3, 3),
        {**_WINDOW, **_IN_OUT},
        _INTEGER,
        None,
        "integer average pool",
        _ROUNDING,
    ),
    OpSpec(
        "qnn.mean",
        (1, 1),
        {"axes": "i64[]", **_IN_OUT, **_RESCALE},
        _INTEGER,
        None,
        "integer mean",
        _ROUNDING,
    ),
    OpSpec(
        "qnn.requantize",
        (1, 1),
        {**_IN_OUT, **_RESCALE},
        _WIDER,
        _WIDER,
        "change of scale",
        _ROUNDING,
    ),
    OpSpec("qnn.clamp", (1, 1), _CLAMP, _INTEGER, None, "integer clamp"),
    OpSpec("qnn.flip_sign", (1, 1), {}, _INT8, None, "uint8 to the int8 that is 128 less, or back"),
    OpSpec("qnn.lookup", (2, 2), {}, _INT8, _WIDER, "table of 256 entries"),
    OpSpec("qnn.tflite_lookup", (2, 2), {}, _INT16, None, "interpolated table of 513 entries"),
    OpSpec(
        "qnn.tflite_sigmoid",
        (2, 2),
        {"fn": "str", **_RESCALE},
        _INT16,
        None,
        "sigmoid or tanh with the arithmetic of TFLite",
    ),
    OpSpec(
        "qnn.tflite_softmax16",
        (3, 3),
        _RESCALE,
        _INT16,
        None,
        "softmax with the arithmetic of TFLite",
    ),
    OpSpec(
        "qnn.softmax", (2, 2), {"numerator": "i64", "shift": "i64", **_OUT}, _INT8, None, "softmax"
    ),
    OpSpec("qnn.tflite_softmax", (2, 2), {}, _INT8, None, "softmax with the arithmetic of TFLite"),
    OpSpec(
        "qnn.tflite_prelu",
        (2, 2),
        {
            **_IN_OUT,
            "alpha_zero_point": "i64",
            "identity_multiplier": "i64",
            "identity_shift": "i64",
            **_RESCALE,
        },
        _INTEGER,
        None,
        "parametric relu with the rounding of TFLite",
    ),
    OpSpec(
        "qnn.tflite_l2_norm",
        (1, 1),
        {"input_zero_point": "i64"},
        _INT8,
        None,
        "L2 normalization with the arithmetic of TFLite",
    ),
    OpSpec(
        "qnn.tflite_resize_bilinear",
        (1, 1),
        {
            "row_low": "i64[]",
            "row_high": "i64[]",
            "row_weights": "i64[]",
            "column_low": "i64[]",
            "column_high": "i64[]",
            "column_weights": "i64[]",
        },
        _INT8,
        None,
        "bilinear resizing with the rounding of TFLite",
    ),
    OpSpec(
        "qnn.tflite_lstm_gates",
        (6, 6),
        {
            "input_multipliers": "i64[]",
            "input_shifts": "i64[]",
            "recurrent_multipliers": "i64[]",
            "recurrent_shifts": "i64[]",
        },
        _INT8,
        _INT16,
        "the four gates of an LSTM with the arithmetic of TFLite",
    ),
    OpSpec(
        "qnn.tflite_lstm_cell",
        (2, 2),
        {"shift": "i64", "clip": "i64"},
        _INT16,
        None,
        "new cell state of an LSTM with the arithmetic of TFLite",
    ),
    OpSpec(
        "qnn.tflite_lstm_output",
        (2, 2),
        {"integer_bits": "i64", **_RESCALE, **_OUT},
        _INT16,
        _INT8,
        "output of an LSTM with the arithmetic of TFLite",
    ),
    OpSpec(
        "qnn.tflite_svdf_time",
        (3, 3),
        {**_RESCALE, **_OUT},
        _INT16,
        _INT8,
        "filters over time with the arithmetic of TFLite",
    ),
    OpSpec(
        "qnn.log_softmax",
        (3, 3),
        {"input_multiplier": "i64", "log_base": "i64", **_RESCALE, **_OUT},
        _INT8,
        None,
        "integer log-softmax",
    ),
)

SPECS: dict[str, OpSpec] = {spec.name: spec for spec in OPS}

UNARY_FUNCTIONS: tuple[str, ...] = (
    "sigmoid",
    "tanh",
    "hard_swish",
    "hard_sigmoid",
    "leaky_relu",
    "silu",
    "gelu",
    "elu",
    "abs",
    "neg",
    "exp",
    "sqrt",
    "log",
    "rsqrt",
)

COMPARISONS: tuple[str, ...] = ("equal", "not_equal", "greater", "greater_equal")
"""Values of ``fn`` of ``nn.compare``; the other two exchange the operands."""

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "nn.unary": UNARY_FUNCTIONS,
    "nn.compare": COMPARISONS,
    "qnn.tflite_sigmoid": ("sigmoid", "tanh"),
}
"""Values of the attribute ``fn`` by operator."""

CAST_TYPES: dict[str, ElementType] = {
    "float32": "f32",
    "int8": "i8",
    "uint8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "bool": "i8",
}
"""Values of ``source`` and ``target`` of ``nn.cast``, and how the normal form stores them: uint8
as the int8 that is 128 less, bool as 0 or 1."""

ROUNDINGS: dict[str, tuple[str, ...]] = {
    "nn.quantize": ("even", "away"),
    "qnn.avg_pool2d": ("single", "even"),
    "qnn.mean": ("single", "double", "even"),
}
"""Values of the attribute ``rounding`` by operator, the default first; ``QNN_ROUNDINGS`` else."""

QNN_ROUNDINGS: tuple[str, ...] = ("single", "double")
