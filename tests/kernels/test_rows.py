"""What a kernel counts as a row."""

from collections.abc import Sequence

import pytest
from iree.compiler import ir

from tinyiree.ir import access, build
from tinyiree.kernels.add import row_elements
from tinyiree.kernels.rows import rows

OUT = {"output_zero_point": 0, "clamp_min": -128, "clamp_max": 127}
ADD = {"a_zero_point": 0, "b_zero_point": 0, "a_multiplier": 1, "b_multiplier": 1, "shift": 1}


@pytest.mark.parametrize(
    ("shape", "count", "elements"),
    [((1, 5, 4, 3), 5, 12), ((2, 5, 4, 3), 1, 120), ((6, 7), 1, 42), ((1, 8, 9), 1, 72)],
)
def test_an_addition(shape: Sequence[int], count: int, elements: int) -> None:
    """Several images are one row, as the constants of the kernel say it too."""
    with build.new_context(), ir.Location.unknown():
        kind = f"tensor<{'x'.join(map(str, shape))}xi8>"
        module = ir.Module.parse(f"func.func @main(%a: {kind}, %b: {kind}) {{ return }}")
        block = access.main_block(module)
        with build.before(block.operations[0].operation):
            op = build.op("qnn.add", list(block.arguments), shape, "i8", **ADD, **OUT).owner
        assert (rows(op), row_elements(op)) == (count, elements)
