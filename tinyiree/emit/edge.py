"""The model's inputs and outputs, read from the attributes of main."""

import math

import numpy as np
from iree.compiler import ir

from tinyiree.emit.program import IoTensor
from tinyiree.ir.access import (
    MLIR_TO_NUMPY,
    argument_attribute,
    element_type,
    main_block,
    operations,
    result_attribute,
    shape,
)


def inputs_of(module: ir.Module) -> list[IoTensor]:
    """The arguments of main."""
    values = list(main_block(module).arguments)
    return [
        _tensor(
            value,
            argument_attribute(module, i, "tiny.name"),
            argument_attribute(module, i, "tiny.scale"),
            argument_attribute(module, i, "tiny.zero_point"),
            "input" if len(values) == 1 else f"input{i}",
        )
        for i, value in enumerate(values)
    ]


def outputs_of(module: ir.Module) -> list[IoTensor]:
    """The results of main."""
    values = list(operations(module)[-1].operands)
    return [
        _tensor(
            value,
            result_attribute(module, i, "tiny.name"),
            result_attribute(module, i, "tiny.scale"),
            result_attribute(module, i, "tiny.zero_point"),
            "output" if len(values) == 1 else f"output{i}",
        )
        for i, value in enumerate(values)
    ]


def _tensor(
    value: ir.Value,
    name: ir.Attribute | None,
    scale: ir.Attribute | None,
    zero_point: ir.Attribute | None,
    default: str,
) -> IoTensor:
    dtype = MLIR_TO_NUMPY[element_type(value)]
    return IoTensor(
        name=default if name is None else str(ir.StringAttr(name).value),
        shape=shape(value),
        dtype=dtype,
        scale=None if scale is None else float(ir.FloatAttr(scale).value),
        zero_point=None if zero_point is None else int(ir.IntegerAttr(zero_point).value),
        size=math.prod(shape(value)) * np.dtype(dtype).itemsize,
    )
