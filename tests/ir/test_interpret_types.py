"""The interpreter's ops on other element types, against numbers worked out by hand."""

from collections.abc import Iterator

import numpy as np
import pytest
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.ir.fixedpoint import rescale
from tinyiree.ir.interpret import evaluate
from tinyiree.ir.verify import verify


@pytest.fixture
def module() -> Iterator[ir.Module]:
    with build.new_context(), ir.Location.unknown():
        yield ir.Module.parse("func.func @main() { return }")


def computed(
    module: ir.Module,
    name: str,
    operands: list[np.ndarray],
    element: str,
    shape: tuple[int, ...] | None = None,
    **attributes: build.Attribute,
) -> np.ndarray:
    with ir.InsertionPoint.at_block_begin(access.main_block(module)):
        values = [build.constant(array) for array in operands]
        found = build.op(name, values, shape or operands[0].shape, element, **attributes)
    verify(module)
    op = access.defining_op(found)
    assert op is not None
    return evaluate(op, operands)


@pytest.mark.parametrize(
    ("source", "target", "given", "element", "expected"),
    [
        ("float32", "int8", np.array([1.9, -1.9, 300, np.nan], "f4"), "i8", [1, -1, 127, 127]),
        ("float32", "uint8", np.array([0.0, 255.0], "f4"), "i8", [-128, 127]),
        ("uint8", "int32", np.array([-128, 127], "i1"), "i32", [0, 255]),
        ("int32", "int8", np.array([257, -129], "i4"), "i8", [1, 127]),
        ("int16", "bool", np.array([0, -5], "i2"), "i8", [0, 1]),
        ("bool", "float32", np.array([0, 1], "i1"), "f32", [0, 1]),
    ],
)
def test_cast(
    module: ir.Module, source: str, target: str, given: np.ndarray, element: str, expected: object
) -> None:
    found = computed(module, "nn.cast", [given], element, source=source, target=target)
    assert found.tolist() == expected


def test_compare_and_select(module: ir.Module) -> None:
    a, b = np.array([1, 2, 3], np.int32), np.array([2, 2, 2], np.int32)
    more = computed(module, "nn.compare", [a, b], "i8", fn="greater")
    assert more.tolist() == [0, 0, 1]
    assert computed(module, "nn.select", [more, a, b], "i32").tolist() == [2, 2, 3]


def test_an_unknown_comparison_is_refused(module: ir.Module) -> None:
    a = np.zeros(2, np.int32)
    with pytest.raises(TinyireeError, match="unknown function 'less', expected one of equal"):
        computed(module, "nn.compare", [a, a], "i8", fn="less")


def test_flip_sign(module: ir.Module) -> None:
    found = computed(module, "qnn.flip_sign", [np.array([0, -1, 127], np.int8)], "i8")
    assert found.tolist() == [-128, 127, -1]


def test_symmetric_quantization_at_run_time(module: ir.Module) -> None:
    x = np.array([[1.0, -2.0], [0.0, 0.0]], np.float32)
    found = computed(module, "nn.dynamic_range", [x], "f32", (2, 3), asymmetric=False)
    np.testing.assert_allclose(found, [[2 / 127, 63.5, 0], [1, 1, 0]], rtol=1e-6)
    whole = computed(module, "nn.dynamic_quantize", [x, found], "i8")
    assert whole.tolist() == [[64, -127], [0, 0]]  # 63.5 goes away from zero


def test_asymmetric_quantization_at_run_time(module: ir.Module) -> None:
    x = np.array([[0.0, 255.0], [-51.0, 204.0]], np.float32)
    found = computed(module, "nn.dynamic_range", [x], "f32", (2, 3), asymmetric=True)
    assert found.tolist() == [[1, 1, -128], [1, 1, -77]]
    whole = computed(module, "nn.dynamic_quantize", [x, found], "i16")
    assert whole.tolist() == [[0, 255], [-51, 204]]


def test_hybrid_fully_connected(module: ir.Module) -> None:
    operands = [
        np.array([[2, -1]], np.int8),
        np.array([[3, 4], [5, 6]], np.int8),
        np.array([0.5, 0.25], np.float32),
        np.array([1.0, 2.0], np.float32),
        np.array([[0.5, 2.0, 0.0]], np.float32),
    ]
    found = computed(module, "qnn.hybrid_fully_connected", operands, "f32", (1, 2))
    assert found.tolist() == [[2 * 0.5 + 0.5, 4 * 2 * 0.5 + 0.25]]


def test_an_interpolated_table(module: ir.Module) -> None:
    table = np.arange(-256, 257, dtype=np.int16) * 10
    x = np.array([-(2**15), 0, 64, 128, 2**15 - 1], np.int16)
    found = computed(module, "qnn.tflite_lookup", [x, table], "i16")
    assert found.tolist() == [-2560, 0, 5, 10, 2560]


def test_products_of_more_than_64_bits_are_exact() -> None:
    acc, m = np.array([2**31 - 1, -(2**31), 12345]), 2**61 + 12345
    for shift in (70, 90):
        expected = [(int(a) * m + 2 ** (shift - 1)) >> shift for a in acc]
        assert rescale(acc, m, shift).tolist() == expected


def test_limits_and_reach(module: ir.Module) -> None:
    with ir.InsertionPoint.at_block_begin(access.main_block(module)):
        x = build.constant(np.zeros(2, np.int16))
    assert access.limits(x) == (-(2**15), 2**15 - 1)
    assert access.reach(x, 5) == 2**15 + 5
