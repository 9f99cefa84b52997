"""A simulated core against LiteRT's reference kernels, byte for byte, on labelled data."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyiree.errors import TinyireeError
from tinyiree.passes.base import Progress, no_progress

REFERENCES: tuple[str, ...] = ("litert",)

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """How a core's outputs compare with another implementation's.

    Attributes:
        reference: whose outputs these are compared with.
        samples: how many there are.
        unequal: how many of them differ in a byte.
        correct: how many the core classifies as labelled; None without labels.
        reference_correct: the same of the reference.
    """

    reference: str
    samples: int
    unequal: int
    correct: int | None
    reference_correct: int | None


def agreement(
    ours: Sequence[Array], reference: Sequence[Array], labels: Labels | None
) -> Agreement:
    """Compare outputs ``[N, ...]``; the class is the greatest element of the first output.

    Raises:
        TinyireeError: types, or shapes of samples, are not the same.
    """
    for mine, other in zip(ours, reference, strict=True):
        if (mine.dtype, mine.shape) != (other.dtype, other.shape):
            raise TinyireeError(
                f"LiteRT gives {other.dtype} of shape {list(other.shape)}, the firmware "
                f"{mine.dtype} of shape {list(mine.shape)}; expected the same. Report this model"
            )
    count = len(ours[0])
    unequal = sum(
        any(a[i].tobytes() != b[i].tobytes() for a, b in zip(ours, reference, strict=True))
        for i in range(count)
    )
    return Agreement(
        "litert", count, unequal, _correct(ours[0], labels), _correct(reference[0], labels)
    )


def _correct(outputs: Array, labels: Labels | None) -> int | None:
    if labels is None:
        return None
    return int((outputs.reshape(len(outputs), -1).argmax(1) == labels).sum())


def run_litert(
    model: Path, inputs: Sequence[Array], progress: Progress = no_progress
) -> list[Array]:
    """Outputs of LiteRT's reference kernels (``BUILTIN_REF``), which no delegate takes part in.

    Args:
        model: a `.tflite` file.
        inputs: raw, ``[N, *shape]``, in the order of the model's inputs.
        progress: told how many samples are done.

    Returns:
        One array ``[N, *shape]`` for each output, raw.

    Raises:
        TinyireeError: LiteRT is not installed.
    """
    litert = load_litert()
    interpreter = litert.Interpreter(
        model_path=str(model),
        num_threads=1,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    places = [detail["index"] for detail in interpreter.get_input_details()]
    results = [detail["index"] for detail in interpreter.get_output_details()]
    rows = []
    for i in range(len(inputs[0])):
        for place, array in zip(places, inputs, strict=True):
            interpreter.set_tensor(place, array[i])
        interpreter.invoke()
        rows.append([np.array(interpreter.get_tensor(place)) for place in results])
        progress("LiteRT", i + 1, len(inputs[0]))
    return [np.stack(column) for column in zip(*rows, strict=True)]


def load_litert() -> ModuleType:
    """LiteRT's interpreter, which is not among tinyiree's own dependencies.

    Raises:
        TinyireeError: it is not installed.
    """
    try:
        return import_module("ai_edge_litert.interpreter")
    except ImportError as error:
        raise TinyireeError(
            f"--reference litert: expected the package ai-edge-litert, found that it cannot be "
            f"imported ({error}); install it with `pip install ai-edge-litert`"
        ) from error
