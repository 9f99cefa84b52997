"""Operations by type and bit width, against counts by hand."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyiree.ir import access
from tinyiree.report import operations
from tinyiree.report.cost import multiply_accumulates
from tinyiree.report.operations import count_operations, multiplication

sys.path.append(str(Path(__file__).parent.parent / "passes"))

import qdq_models as qdq

Q = {"output_zero_point": 0, "clamp_min": -128, "clamp_max": 127}


def count(name: str, shapes: Sequence[Sequence[int]], result: Sequence[int], **rest: Any) -> Any:
    """Operations of one op on int8 inputs of the given shapes, by name."""
    element = rest.pop("element", "i8")
    constants = rest.pop("constants", ())
    with qdq.model(*shapes, element=element) as m:
        operands = [*m.inputs, *(m.constant(array) for array in constants)]
        y = m.op(name, operands, result, element=element, **rest)
        op = access.defining_op(y)
        assert op is not None
        return dict(count_operations(op, multiply_accumulates(op)))


def test_an_integer_convolution() -> None:
    constants = (
        np.ones((4, 3, 3, 2), np.int8),
        *(np.ones(4, np.int32) for _ in range(3)),
    )
    found = count(
        "qnn.conv2d",
        [(1, 5, 5, 2)],
        (1, 5, 5, 4),
        constants=constants,
        strides=[1, 1],
        padding=[1, 1, 1, 1],
        dilations=[1, 1],
        groups=1,
        input_zero_point=0,
        **Q,
    )
    macs = 5 * 5 * 4 * 3 * 3 * 2
    assert found == {"smult_8_8": macs, "sadd_32": macs, "smult_32_32": 5 * 5 * 4}


def test_an_integer_addition() -> None:
    names = ("a_zero_point", "b_zero_point", "a_multiplier", "b_multiplier", "shift")
    attributes = {**dict.fromkeys(names, 1), **Q}
    found = count("qnn.add", [(1, 8), (1, 8)], (1, 8), **attributes)
    assert found == {"sadd_32": 8, "smult_8_32": 16}


def test_a_maximum_of_windows() -> None:
    found = count(
        "nn.max_pool2d",
        [(1, 4, 4, 3)],
        (1, 2, 2, 3),
        kernel=[2, 2],
        strides=[2, 2],
        padding=[0] * 4,
        dilations=[1, 1],
    )
    assert found == {"scmp_8": 2 * 2 * 3 * 4}


def test_a_table() -> None:
    table = np.zeros(256, np.int8)
    assert count("qnn.lookup", [(1, 8)], (1, 8), constants=(table,)) == {"slut_8": 8}


def test_float() -> None:
    found = count("nn.unary", [(1, 8)], (1, 8), element="f32", fn="tanh", alpha=0.0)
    assert found == {"sfun_f32": 8}


def test_moves_are_no_operations() -> None:
    assert count("nn.reshape", [(2, 4)], (8,)) == {}


@pytest.mark.parametrize(
    ("left", "right", "name"),
    [
        ("8", "8", "smult_8_8"),
        ("16", "8", "smult_16_8"),
        ("8", "1", "smult_8_1"),
        ("1", "1", "sxor_1_1"),
        ("f32", "f32", "smult_f32"),
    ],
)
def test_names_of_products(left: str, right: str, name: str) -> None:
    assert multiplication(left, right) == name


def test_every_name_is_defined() -> None:
    """The module's docstring says what each name means."""
    text = operations.__doc__ or ""
    for name in ("smult_8_8", "sxor_1_1", "sadd_32", "scmp_8", "slut_8", "sexp_f32", "sfun_f32"):
        assert f"``{name}``" in text
