"""Torch ops on constants alone are computed by torch itself while importing."""

from typing import Any

import numpy as np
from iree.compiler import ir

from tinyiree.importers.call import Argument, Array, Call, Tensor
from tinyiree.importers.converters.layout import argument_tensors

_MARKS = ("rand", "bernoulli", "dropout", "empty", "multinomial", "normal")


def fold(call: Call) -> list[Tensor] | None:
    """The results of an aten op whose tensors are all constants; None when that does not apply."""
    namespace, *rest = call.name.split(".")
    tensors = [t for argument in call.arguments for t in argument_tensors(argument)]
    if namespace != "aten" or any(isinstance(t, ir.Value) for t in tensors):
        return None
    if any(mark in rest[0] for mark in _MARKS):
        return None
    import torch

    packet: Any = getattr(torch.ops.aten, rest[0])
    operator = getattr(packet, rest[1] if len(rest) > 1 else "default")
    given = [_to_torch(argument) for argument in call.arguments]
    keywords = {}
    schema = operator._schema.arguments
    for i, argument in enumerate(schema):
        if argument.kwarg_only and i < len(given):
            keywords[argument.name] = given[i]
    with torch.no_grad():
        result = operator(*given[: len(given) - len(keywords)], **keywords)
    results = [result] if isinstance(result, torch.Tensor) else list(result)
    return [_to_numpy(item) for item in results]


def _to_torch(argument: Argument) -> Any:
    import torch

    if isinstance(argument, np.ndarray):
        return torch.from_numpy(argument)
    if isinstance(argument, list):
        return [_to_torch(item) for item in argument]
    return argument


def _to_numpy(tensor: Any) -> Array:
    array: Array = tensor.detach().contiguous().numpy().copy()
    return array
