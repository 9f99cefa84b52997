"""What a user asks of a build."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinyiree.interleave.goal import Goal
from tinyiree.passes.base import Progress, no_progress
from tinyiree.passes.pipeline import Pipeline
from tinyiree.passes.settings import LayerRule, Quantization, RangeMethod

Array = npt.NDArray[np.generic]
Format = Literal["static", "vmfb"]
ToolchainName = Literal["zig", "gcc"]

PassObserver = Callable[[str, float], None]
"""Called after each step of a build with its name and its time in seconds."""


@dataclass(frozen=True)
class Int8:
    """Post-training int8 quantization, with the data to calibrate on.

    Weights become int8, symmetric, per output channel; activations int8, asymmetric, per tensor;
    biases int32.

    Attributes:
        calibration: float samples; one array ``[N, ...]`` for a model of one input, or one by input
            name. A model that is quantized already (torchao PT2E) needs none.
        method: how an activation's range is found: ``min-max``, ``percentile`` or ``mse``.
        percentile: for ``percentile``: share of the values, in percent, that the range covers.
        per_channel: one weight scale per output channel, or one per tensor.
        rules: exceptions by layer name, such as ``LayerRule("fc", keep_float=True)``.
    """

    calibration: Array | Mapping[str, Array] | None = None
    method: RangeMethod = "min-max"
    percentile: float = 99.99
    per_channel: bool = True
    rules: tuple[LayerRule, ...] = ()

    @property
    def quantization(self) -> Quantization:
        """The part that passes see."""
        return Quantization(self.method, self.percentile, self.per_channel, self.rules)


@dataclass(frozen=True)
class BuildOptions:
    """How to build.

    Attributes:
        quantize: None builds the model in float.
        name: C identifier for the model; None takes the model's own name.
        formats: ``static`` writes NAME.c, NAME.h and libNAME.a; ``vmfb`` also NAME.vmfb for
            IREE's runtime.
        pipeline: the passes.
        toolchain: what compiles and links the self-test image.
        memory: what the arena is planned for.
        dump_ir: a folder that receives the module after every pass.
        observe: told the time of each step.
        progress: told how far a long step is.
    """

    quantize: Int8 | None = field(default_factory=Int8)
    name: str | None = None
    formats: tuple[Format, ...] = ("static", "vmfb")
    pipeline: Pipeline = field(default_factory=Pipeline)
    toolchain: ToolchainName = "zig"
    memory: Goal = field(default_factory=Goal)
    dump_ir: Path | None = None
    observe: PassObserver | None = None
    progress: Progress = no_progress
