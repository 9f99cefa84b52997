"""Every integer op through IREE on this machine equals the interpreter, byte for byte."""

from collections.abc import Callable

import pytest
from integer_networks import CASES
from op_networks import Network, check_equal


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_host_equals_the_interpreter(case: Callable[[Network], None], seed: int) -> None:
    net = Network(seed)
    case(net)
    check_equal(net)
