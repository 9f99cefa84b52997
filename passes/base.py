"""What a pass is, and what it is given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from iree.compiler import ir

from tinyiree.passes.settings import Quantization
from tinyiree.targets import Core

Array = npt.NDArray[np.generic]

HostProgram = Callable[[Sequence[Array]], list[Array]]
"""One inference on the host: arrays in the order of main's arguments, results in theirs."""

Progress = Callable[[str, int, int], None]
"""Called with what is going on, how much of it is done, and how much there is."""


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class PassContext:
    """What the flow tells every pass.

    Attributes:
        core: the core that is compiled for.
        quantization: how to quantize; None builds a float model.
        calibration: by input name, an array whose leading axis counts samples and whose other
            axes are the input's shape (without a leading extent-1 batch axis twice: sample i is
            ``x[i:i+1]`` when the input has shape ``[1, ...]``); float32.
        compile_host: compiles a module in normal form for the host; it runs through iree-runtime.
        progress: for long steps.
    """

    core: Core
    compile_host: Callable[[ir.Module], HostProgram]
    quantization: Quantization | None = None
    calibration: Mapping[str, Array] = field(default_factory=dict)
    progress: Progress = no_progress


@runtime_checkable
class Pass(Protocol):
    """One step of the pipeline: rewrites a module in normal form in place.

    A pass is a frozen dataclass whose fields are its options. Its docstring draws the rewrite, and
    its first line is what ``tinyiree passes`` prints. The module is verified after each pass.
    """

    @property
    def name(self) -> str:
        """Kebab-case; unique in a pipeline."""

    def run(self, module: ir.Module, context: PassContext) -> None:
        """Rewrite the module.

        Raises:
            TinyireeError: the module cannot be compiled; the message names the op.
        """
