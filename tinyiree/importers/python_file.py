"""``FILE.py:NAME``: a module that a Python file defines."""

from collections.abc import Sequence

import torch
from torch import nn

from tinyiree.errors import TinyireeError
from tinyiree.python_file import load_object


def load_module(spec: str) -> nn.Module:
    """The ``nn.Module`` that ``FILE.py:NAME`` names: an instance, a class, or a function's result.

    Raises:
        TinyireeError: no such file or name, or not a module; or the file fails.
    """
    name = spec.rpartition(":")[2]
    found = load_object(spec)
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise TinyireeError(
            f"{spec}: expected an nn.Module or a callable that returns one, found "
            f"{type(found).__name__}; correct the name"
        )
    try:
        made = found()
    except TinyireeError:
        raise
    except Exception as error:
        raise TinyireeError(
            f"{spec}: calling {name}() fails: {type(error).__name__}: {error}; it must work "
            "without arguments"
        ) from error
    if not isinstance(made, nn.Module):
        raise TinyireeError(
            f"{spec}: expected {name}() to return an nn.Module, found {type(made).__name__}"
        )
    if isinstance(found, type) or getattr(found, "example_inputs", None) is None:
        return made
    if getattr(made, "example_inputs", None) is None:
        made.example_inputs = found.example_inputs
    return made


def example_inputs(
    module: nn.Module, shapes: Sequence[Sequence[int]], source: str
) -> tuple[torch.Tensor, ...]:
    """Zeros of the given shapes, or the module's ``example_inputs``.

    Raises:
        TinyireeError: neither is there, or a shape is not a list of positive extents.
    """
    if shapes:
        for shape in shapes:
            if not all(isinstance(extent, int) and extent > 0 for extent in shape):
                raise TinyireeError(
                    f"input shape {','.join(map(str, shape))}: expected positive extents such as "
                    "1,3,32,32"
                )
        return tuple(torch.zeros(*shape) for shape in shapes)
    found = getattr(module, "example_inputs", None)
    if callable(found):
        found = found()
    if found is None:
        raise TinyireeError(
            f"{source}: the shapes of the inputs are not known; set `example_inputs` on the module "
            "(a tuple of tensors) or give --input-shape 1,3,32,32"
        )
    return (found,) if isinstance(found, torch.Tensor) else tuple(found)
