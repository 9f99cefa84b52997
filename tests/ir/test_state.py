"""Variables of a module: how they are marked, and what the verifier says of wrong marks."""

from collections.abc import Iterator

import numpy as np
import pytest
from iree.compiler import ir

from tinyiree.errors import TinyireeError
from tinyiree.ir import access, build
from tinyiree.ir.interpret import interpret
from tinyiree.ir.state import (
    STATE,
    State,
    state_attributes,
    state_count,
    states_last,
    states_of,
)
from tinyiree.ir.verify import verify

MAIN = """
func.func @main(%s: tensor<2xf32>, %t: tensor<3xi16>, %x: tensor<2xf32>)
    -> (tensor<3xi16>, tensor<2xf32>, tensor<2xf32>) {
  %u = "nn.clamp"(%s) {min = -1.0 : f64, max = 1.0 : f64} : (tensor<2xf32>) -> tensor<2xf32>
  %y = "nn.add"(%x, %s) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %t, %u, %y : tensor<3xi16>, tensor<2xf32>, tensor<2xf32>
}
"""
STATES = [
    State("s", np.array([5, -5], np.float32)),
    State("t", np.zeros(3, np.int16)),
]


@pytest.fixture
def module() -> Iterator[ir.Module]:
    with build.new_context(), ir.Location.unknown():
        yield ir.Module.parse(MAIN)


def test_variables_go_behind_inputs_and_outputs(module: ir.Module) -> None:
    states_last(module, STATES, [1, 0])
    verify(module)
    assert state_count(module) == 2
    for found, wanted in zip(states_of(module), STATES, strict=True):
        assert found.name == wanted.name
        assert found.initial.dtype == wanted.initial.dtype
        np.testing.assert_array_equal(found.initial, wanted.initial)
    x = np.array([1, 2], np.float32)
    y, s, t = interpret(module, [x, *(state.initial for state in STATES)])
    np.testing.assert_array_equal(y, [6, -3])
    np.testing.assert_array_equal(s, [1, -1])
    assert t.dtype == np.int16


def test_zeros_need_no_attribute() -> None:
    with build.new_context():
        assert "tiny.initial" in state_attributes("s", STATES[0].initial)
        assert "tiny.initial" not in state_attributes("t", STATES[1].initial)


def test_no_variables(module: ir.Module) -> None:
    assert (state_count(module), states_of(module)) == (0, [])
    verify(module)


def marked(module: ir.Module, arguments: list[int], results: list[int]) -> str:
    unit = {STATE: ir.UnitAttr.get()}
    count = len(access.main_block(module).arguments)
    build.name_edges(
        module,
        [unit if i in arguments else {} for i in range(count)],
        [unit if i in results else {} for i in range(count)],
    )
    with pytest.raises(TinyireeError) as error:
        verify(module)
    return str(error.value)


def test_every_variable_needs_a_result(module: ir.Module) -> None:
    assert "1 arguments and 0 results marked tiny.state" in marked(module, [2], [])


def test_results_of_variables_stand_last(module: ir.Module) -> None:
    assert "behind all others" in marked(module, [2], [1])


def test_arguments_of_variables_stand_last(module: ir.Module) -> None:
    assert "behind all inputs" in marked(module, [0], [2])


def test_types_agree(module: ir.Module) -> None:
    text = marked(module, [1, 2], [1, 2])
    assert "variable 'state1'" in text
    assert "tensor<3xi16> and tensor<2xf32>" in text
