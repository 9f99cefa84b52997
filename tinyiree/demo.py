"""A sample, the whole way: float PyTorch, int8 on the host, int8 on a simulated chip."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyiree.api import build, pipeline
from tinyiree.built import Array, Built
from tinyiree.passes.base import Progress, no_progress
from tinyiree.samples import Sample
from tinyiree.settings import Int8


@dataclass(frozen=True)
class Score:
    """Right answers out of a number of samples."""

    right: int
    samples: int

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0 to 1."""
        return self.right / self.samples

    def __str__(self) -> str:
        return f"{100 * self.accuracy:.2f} % ({self.right} of {self.samples})"


@dataclass(frozen=True)
class SampleResult:
    """One sample on one core.

    Attributes:
        built: the build.
        host: the integer module on this machine, all test samples.
        device: the firmware on the simulated core, the samples that were simulated.
        unequal: indices of simulated samples whose bytes differ from the host's.
    """

    built: Built
    host: Score
    device: Score
    unequal: tuple[int, ...]


def float_score(sample: Sample, progress: Progress = no_progress) -> Score:
    """The float model in PyTorch on the test samples."""
    import torch

    model, (inputs, labels) = sample.load_model(), sample.test_data()
    right = 0
    with torch.inference_mode():
        for start in range(0, len(inputs), 256):
            batch = torch.from_numpy(inputs[start : start + 256])
            answers = model(batch).argmax(1).numpy()
            right += int((answers == labels[start : start + 256]).sum())
            progress("float PyTorch", min(start + 256, len(inputs)), len(inputs))
    return Score(right, len(inputs))


def run_sample(
    sample: Sample,
    target: str,
    folder: Path,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> SampleResult:
    """Build a sample for a core, run it there and on the host, and compare.

    Args:
        sample: what to build.
        target: name of the core.
        folder: where to build.
        limit: how many test samples to simulate; the host runs all.
        progress: told what is going on.
    """
    built = build(
        sample.load_model(),
        target=target,
        out=folder,
        name=sample.name,
        quantize=Int8(calibration=sample.calibration_data()),
        pipeline=pipeline(target),
        progress=progress,
    )
    inputs, labels = sample.test_data()
    comparison = built.verify(inputs, limit=limit, progress=progress)
    host, device = comparison.host[0], comparison.device.outputs[0]
    if len(host) < len(inputs):
        host = built.run_host(built.encode(inputs), progress)[0]
    return SampleResult(built, _score(host, labels), _score(device, labels), comparison.unequal)


def _score(outputs: Array, labels: npt.NDArray[np.int64]) -> Score:
    answers = outputs.reshape(len(outputs), -1).argmax(axis=1)
    return Score(int((answers == labels[: len(answers)]).sum()), len(answers))
