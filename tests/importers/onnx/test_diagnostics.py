"""Nodes that cannot be imported: all of them at once, each with its name, index and remedy."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import Array, model_of, save

from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model

IMAGE = (1, 4, 6, 6)


def refusal(model: onnx.ModelProto, tmp_path: Path) -> list[str]:
    """The lines of the message."""
    path = save(model, tmp_path / "model.onnx")
    with pytest.raises(TinyireeError) as caught:
        import_model(path)
    first, *rest = str(caught.value).splitlines()
    assert first.startswith(f"{path}: ")
    return [first.removeprefix(f"{path}: "), *(line.strip() for line in rest)]


def f(*values: float) -> Array:
    return np.array(values, np.float32)


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


ONES = np.ones(IMAGE, np.float32)
BRANCH = helper.make_graph(
    [helper.make_node("Identity", ["x"], ["z"])],
    "branch",
    [],
    [helper.make_tensor_value_info("z", TensorProto.FLOAT, IMAGE)],
)


def case(
    kind: str,
    constants: tuple[Array, ...],
    remedy: str,
    shape: tuple[int, ...] = IMAGE,
    inputs: int = 1,
    **attributes: object,
) -> object:
    return pytest.param(
        kind, constants, remedy, shape, inputs, attributes, id=f"{kind}-{remedy[:12]}"
    )


CASES = [
    case("ConvTranspose", (np.ones((4, 2, 2, 2), np.float32),), "use a nearest-neighbour Resize"),
    case("Conv", (np.ones((2, 4, 1, 1, 1), np.float32),), "1-D or 2-D", (1, 4, 3, 3, 3)),
    case("LayerNormalization", (f(*[1] * 6),), "BatchNormalization"),
    case("InstanceNormalization", (f(1, 1, 1, 1), f(0, 0, 0, 0)), "BatchNormalization"),
    case("AveragePool", (), "dilations of 1", kernel_shape=[2, 2], dilations=[2, 2]),
    case("ReduceMax", (ints(1),), "all spatial axes"),
    case("ReduceMin", (ints(1),), "take ReduceMax"),
    case("ArgMax", (), "first of equal maxima", select_last_index=1),
    case("PRelu", (np.arange(4, dtype=np.float32).reshape(4, 1, 1),), "use LeakyRelu"),
    case("Selu", (), "use Elu or Relu"),
    case("Erf", (), "use Gelu, or Tanh"),
    case("Div", (np.zeros(1, np.float32),), "correct the divisor"),
    case("Div", (), "make it a constant", inputs=2),
    case("Pow", (np.array(1.5, np.float32),), "exponent of 1/2, 2 or 3"),
    case("Slice", (ints(5), ints(1), ints(2), ints(-1)), "positive steps"),
    case("Slice", (ints(3), ints(3), ints(2)), "at least one element"),
    case("Gather", (ints(0, 1, 3),), "evenly spaced"),
    case("Pad", (ints(0, 0, 1, 1, 0, 0, 1, 1),), "pad with a constant", mode="reflect"),
    case("Expand", (ints(3, 4, 6, 6),), "rely on broadcasting"),
    case("Tile", (ints(1, 2, 1, 1),), "rely on broadcasting"),
    case("Resize", (f(), f(1, 1, 2, 2)), "whole factors", mode="linear"),
    case("Resize", (f(), f(1, 1, 1.5, 2)), "whole factors"),
    case("Resize", (f(), f(1, 1, 2, 2)), "whole factors", nearest_mode="floor"),
    case("Resize", (f(), f(), ints(1, 4, 6, 6 * 2**40)), "at most 65536 elements an axis"),
    case("Gather", (ints(0, 1, 2**40),), "evenly spaced"),
    case("Cast", (), "keep the model in float32", to=TensorProto.INT8),
    case("If", (), "for one branch", inputs=0, then_branch=BRANCH, else_branch=BRANCH),
    case("TopK", (ints(1),), "sort them outside"),
    case("CumSum", (np.array(1, np.int64),), "`tinyiree ops` lists"),
    case("RandomNormalLike", (), "`tinyiree ops` lists"),
    case("QuantizeLinear", (np.array(0.1, np.float32), np.array(3, np.int16)), "8 bits"),
    case("QuantizeLinear", (np.array(0.0, np.float32),), "not all zero"),
    case("QuantizeLinear", (f(1, 1, 1),), "export the model again"),
    case("DynamicQuantizeLinear", (), "static quantization"),
]


@pytest.mark.parametrize(("kind", "constants", "remedy", "shape", "inputs", "attributes"), CASES)
def test_refusal_names_the_node_and_the_remedy(
    kind: str,
    constants: tuple[Array, ...],
    remedy: str,
    shape: tuple[int, ...],
    inputs: int,
    attributes: dict[str, object],
    tmp_path: Path,
) -> None:
    arrays = {f"c{i}": array for i, array in enumerate(constants)}
    if kind == "If":
        arrays["condition"] = np.array(True)
    names = ["x"] * min(inputs, 1) + ["other"] * (inputs - 1) + list(arrays)
    schema = onnx.defs.get_schema(kind, 21)
    results = [f"y{i}" for i in range(schema.min_output)]
    nodes = [
        helper.make_node("Relu", ["x"], ["first"]),
        helper.make_node(kind, names, results, name="layer", **attributes),
    ]
    model = model_of(nodes, {"x": shape, "other": shape}, [results[0]], arrays, opset=21)
    types = {"Cast": TensorProto.INT8, "ArgMax": TensorProto.INT64}
    if kind in ("QuantizeLinear", "DynamicQuantizeLinear"):
        types[kind] = TensorProto.INT16 if len(constants) == 2 else TensorProto.UINT8
    model.graph.output[0].type.tensor_type.elem_type = types.get(kind, TensorProto.FLOAT)
    first, *rest = refusal(model, tmp_path)
    assert first == "1 node cannot be imported:"
    assert rest[0].startswith(f"{kind} 'layer' (node 1): ")
    assert remedy in rest[0]
    assert len(rest) == 1


def test_everything_is_listed_at_once(tmp_path: Path) -> None:
    """What reads the result of a refused node is looked at, too, but not blamed for it."""
    nodes = [
        helper.make_node("CumSum", ["x", "axis"], ["a"], name="sum"),
        helper.make_node("Mystery", ["a"], ["b"], domain="lab", name="custom"),
        helper.make_node("Relu", ["b"], ["c"], name="fine"),
        helper.make_node("Selu", ["c"], ["d"]),
        helper.make_node("Pow", ["x", "power"], ["e"], name="power"),
        helper.make_node("Add", ["d", "e"], ["y"], name="fine, too"),
    ]
    constants = {"axis": np.array(1, np.int64), "power": np.array(1.5, np.float32)}
    model = model_of(nodes, {"x": (2, 3)}, ["y"], constants, domains=["lab"])
    assert refusal(model, tmp_path) == [
        "4 nodes cannot be imported:",
        "CumSum 'sum' (node 0): not supported; rewrite this part of the model with the operators "
        "that `tinyiree ops` lists",
        "lab.Mystery 'custom' (node 1): an operator that is not part of ONNX; replace it by "
        "standard ONNX operators",
        "Selu 'Selu_3' (node 3): not supported; use Elu or Relu",
        "Pow 'power' (node 4): a power of 1.5; use an exponent of 1/2, 2 or 3",
    ]


def test_loops(tmp_path: Path) -> None:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["again"]),
            helper.make_node("Relu", ["state"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, ()),
            helper.make_tensor_value_info("go", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, (1, 4)),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, (1, 4)),
        ],
    )
    nodes = [helper.make_node("Loop", ["count", "go", "x"], ["y"], name="loop", body=body)]
    constants = {"count": np.array(3, np.int64), "go": np.array(True)}
    lines = refusal(model_of(nodes, {"x": (1, 4)}, ["y"], constants), tmp_path)
    assert lines[1].startswith("Loop 'loop' (node 0): not supported; unroll the loop")


def test_results_that_are_not_computed(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MaxPool", ["x"], ["a", "indices"], name="pool", kernel_shape=[2, 2]),
        helper.make_node("Cast", ["indices"], ["y"], to=TensorProto.FLOAT),
    ]
    lines = refusal(model_of(nodes, {"x": IMAGE}, ["y"]), tmp_path)
    assert lines[1] == "MaxPool 'pool' (node 0): its output 1 is used; use its first output only"


def test_a_quantized_output(tmp_path: Path) -> None:
    nodes = [helper.make_node("QuantizeLinear", ["x", "s"], ["y"])]
    model = model_of(nodes, {"x": (1, 4)}, ["y"], {"s": np.array(0.1, np.float32)})
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.UINT8
    assert "output 'y': a quantized tensor; end the model with a Deq" in refusal(model, tmp_path)[1]


def test_integers_are_not_computed_with(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("Relu", ["q"], ["r"], name="relu"),
        helper.make_node("DequantizeLinear", ["r", "s", "z"], ["y"]),
    ]
    constants = {"s": np.array(0.1, np.float32), "z": np.array(0, np.int8)}
    lines = refusal(model_of(nodes, {"x": (1, 4)}, ["y"], constants), tmp_path)
    assert lines[1].startswith("Relu 'relu' (node 1): input 0 has the element type si8; compute in")


def test_huge_constants_are_not_made(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["s"], ["c"], name="huge"),
        helper.make_node("ReduceMean", ["c"], ["m"]),
        helper.make_node("Mul", ["x", "m"], ["y"]),
    ]
    model = model_of(nodes, {"x": (1, 4)}, ["y"], {"s": ints(2**20, 2**20)})
    assert "a constant of 1.09951e+12 elements" in refusal(model, tmp_path)[1]
