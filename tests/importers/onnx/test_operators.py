"""Every operator of the table, in float, against onnxruntime; before and after the layout pass."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from networks import prepare
from onnx import helper
from onnx_cases import CASES, OperatorCase, f, floats, ints
from onnx_models import model_of, run, save

from tinyiree.importers import import_model, supported_ops
from tinyiree.importers.onnx.converters import TABLE
from tinyiree.ir.interpret import interpret

TOLERANCE = 1e-4


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_equals_onnxruntime(case: OperatorCase, tmp_path: Path) -> None:
    path = save(case.model(), tmp_path / "model.onnx")
    generator = np.random.default_rng(0)
    x = [generator.standard_normal(shape).astype(np.float32) for shape in case.shapes]
    module = import_model(path)
    for _ in range(2):
        for found, wanted in zip(interpret(module, x), run(path, x), strict=True):
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted, atol=TOLERANCE, rtol=TOLERANCE)
        prepare(module)


def chain(*steps: tuple[str, list[str], list[str], dict[str, object]]) -> list[onnx.NodeProto]:
    return [helper.make_node(kind, i, o, **attributes) for kind, i, o, attributes in steps]


CHAINS = {
    "a shape that is computed": (
        chain(
            ("Shape", ["x"], ["s"], {}),
            ("Size", ["x"], ["n"], {}),
            ("Gather", ["s", "zero"], ["first"], {}),
            ("Div", ["n", "first"], ["rest"], {}),
            ("Unsqueeze", ["first", "axis"], ["a"], {}),
            ("Unsqueeze", ["rest", "axis"], ["b"], {}),
            ("Concat", ["a", "b"], ["target"], {"axis": 0}),
            ("Reshape", ["x", "target"], ["y"], {}),
        ),
        {"zero": np.array(0, np.int64), "axis": ints(0)},
    ),
    "constants of every kind": (
        chain(
            ("Constant", [], ["a"], {"value_float": 0.5}),
            ("Constant", [], ["b"], {"value_floats": [0.25]}),
            ("Constant", [], ["c"], {"value": onnx.numpy_helper.from_array(f([2.0]))}),
            ("Constant", [], ["s"], {"value_ints": [1]}),
            ("ConstantOfShape", ["s"], ["d"], {"value": onnx.numpy_helper.from_array(f([3.0]))}),
            ("Sum", ["a", "b", "c", "d"], ["sum"], {}),
            ("Mul", ["x", "sum"], ["y"], {}),
        ),
        {},
    ),
    "a root of squares": (
        chain(("Mul", ["x", "x"], ["s"], {}), ("Sqrt", ["s"], ["y"], {})),
        {},
    ),
    "a SiLU in parts": (
        chain(("Sigmoid", ["x"], ["s"], {}), ("Mul", ["s", "x"], ["y"], {})),
        {},
    ),
    "a GELU in another order": (
        chain(
            ("Mul", ["x", "half"], ["h"], {}),
            ("Mul", ["x", "root"], ["r"], {}),
            ("Erf", ["r"], ["e"], {}),
            ("Add", ["one", "e"], ["p"], {}),
            ("Mul", ["h", "p"], ["y"], {}),
        ),
        {"half": f(0.5), "root": f(np.sqrt(0.5)), "one": f(1.0)},
    ),
    "a bias that is used twice": (
        chain(
            ("MatMul", ["x", "w"], ["m"], {}),
            ("Add", ["m", "b"], ["p"], {}),
            ("Mul", ["p", "m"], ["y"], {}),
        ),
        {"w": floats(5, 6), "b": floats(6)},
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_chains(name: str, tmp_path: Path) -> None:
    nodes, constants = CHAINS[name]
    path = save(model_of(nodes, {"x": (2, 4, 3, 5)}, ["y"], constants), tmp_path / "model.onnx")
    x = np.random.default_rng(1).standard_normal((2, 4, 3, 5)).astype(np.float32)
    (found,) = interpret(import_model(path), [x])
    np.testing.assert_allclose(found, run(path, [x])[0], atol=TOLERANCE)


def test_every_operator_is_tested() -> None:
    kinds = {case.kind for case in CASES}
    kinds |= {node.op_type for nodes, _ in CHAINS.values() for node in nodes}
    quantization = {"QuantizeLinear", "DequantizeLinear"}
    assert TABLE.keys() - kinds == quantization, "tests/importers/onnx/test_qdq.py has these two"


def test_the_table_is_what_supported_ops_lists() -> None:
    listed = {op.name: op.becomes for op in supported_ops() if op.frontend == "onnx"}
    assert listed == {name: entry.emits for name, entry in TABLE.items()}
