"""The model's inputs, outputs and variables, read from the attributes of main."""

import math

import numpy as np
from iree.compiler import ir

from tinyiree.emit.program import IoTensor, StateTensor
from tinyiree.ir.access import (
    MLIR_TO_NUMPY,
    argument_attribute,
    element_type,
    main_block,
    operations,
    result_attribute,
    shape,
)
from tinyiree.ir.state import state_count, states_of


def inputs_of(module: ir.Module) -> list[IoTensor]:
    """The arguments of main but for variables."""
    values = list(main_block(module).arguments)
    values = values[: len(values) - state_count(module)]
    return [
        _tensor(
            value,
            argument_attribute(module, i, "tiny.name"),
            argument_attribute(module, i, "tiny.scale"),
            argument_attribute(module, i, "tiny.zero_point"),
            argument_attribute(module, i, "tiny.dtype"),
            "input" if len(values) == 1 else f"input{i}",
        )
        for i, value in enumerate(values)
    ]


def outputs_of(module: ir.Module) -> list[IoTensor]:
    """The results of main but for variables."""
    values = list(operations(module)[-1].operands)
    values = values[: len(values) - state_count(module)]
    return [
        _tensor(
            value,
            result_attribute(module, i, "tiny.name"),
            result_attribute(module, i, "tiny.scale"),
            result_attribute(module, i, "tiny.zero_point"),
            result_attribute(module, i, "tiny.dtype"),
            "output" if len(values) == 1 else f"output{i}",
        )
        for i, value in enumerate(values)
    ]


def state_tensors(module: ir.Module) -> list[StateTensor]:
    """The variables of main."""
    found = []
    for state in states_of(module):
        initial = state.initial
        data = initial.tobytes()
        dtype = str(initial.dtype)
        found.append(StateTensor(state.name, initial.shape, dtype, len(data), data.rstrip(b"\0")))
    return found


def _tensor(
    value: ir.Value,
    name: ir.Attribute | None,
    scale: ir.Attribute | None,
    zero_point: ir.Attribute | None,
    type_: ir.Attribute | None,
    default: str,
) -> IoTensor:
    # uint8 and bool, which the normal form does not have, are noted on their bytes.
    stored = MLIR_TO_NUMPY[element_type(value)]
    dtype = stored if type_ is None else str(ir.StringAttr(type_).value)
    return IoTensor(
        name=default if name is None else str(ir.StringAttr(name).value),
        shape=shape(value),
        dtype=dtype,
        scale=None if scale is None else float(ir.FloatAttr(scale).value),
        zero_point=None if zero_point is None else int(ir.IntegerAttr(zero_point).value),
        size=math.prod(shape(value)) * np.dtype(dtype).itemsize,
    )
