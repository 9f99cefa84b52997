"""Run labelled samples on the host, on the simulated core, or on both, and judge the answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from tinyiree.emit.program import IoTensor
from tinyiree.errors import TinyireeError
from tinyiree.evaluation.model import Agreement, Evaluation, Metrics
from tinyiree.evaluation.score import MAIN, Floats, Judge, ScoreName, make_judge
from tinyiree.passes.base import Progress, no_progress
from tinyiree.sim import Simulator
from tinyiree.tensors import by_input, dequantize
from tinyiree.version import VERSION

if TYPE_CHECKING:
    from tinyiree.built import Built

Array = npt.NDArray[np.generic]
Where = Literal["host", "device", "both"]

FILE = "evaluation.json"
"""What an evaluation is called beside report.json."""


def evaluate(
    built: "Built",
    inputs: Array | Mapping[str, Array],
    labels: Array | Sequence[int] | Sequence[str],
    *,
    on: Where = "host",
    limit: int | None = None,
    score: ScoreName = "auto",
    positive: str | int | None = None,
    threshold: float | None = None,
    classes: Sequence[str] = (),
    simulator: Simulator = "auto",
    progress: Progress = no_progress,
    source: str = "the input",
) -> Evaluation:
    """Judge a build by labelled samples, and write evaluation.json into its folder.

    The first output of the model is judged. What runs on the core also goes into report.json, and
    so does the comparison of bytes when both run.

    Args:
        built: the build.
        inputs: one array ``[N, ...]`` for a model of one input, or one by input name.
        labels: class numbers or names ``[N]``, one-hot rows ``[N, classes]``; 0 and 1 for a score;
            numbers ``[N]`` or ``[N, outputs]`` for a regression.
        on: ``host``: the host module; ``device``: the firmware on the simulated core; ``both``.
        limit: use the first samples only.
        score: ``class``: the greatest output; ``positive``: one output as a score;
            ``reconstruction``: the mean squared error between input and output as a score;
            ``value``: outputs as numbers; ``auto``: by the shapes of output and labels.
        positive: the class to tell from all others, by name or number.
        threshold: of a score; by default that of the best F1.
        classes: names.
        simulator: ``unicorn``, ``qemu``, or ``auto``.
        progress: told how many samples are done.
        source: what messages call the inputs.

    Raises:
        TinyireeError: inputs, labels or options do not fit the model, or the simulation fails.
    """
    arrays = inputs if isinstance(inputs, Mapping) else {"x": inputs}
    raw = built.encode(arrays, source, limit)
    count = len(raw[0])
    output = built.manifest.outputs[0]
    judge = make_judge(
        score,
        np.asarray(labels),
        count,
        output,
        _real(arrays, raw, built.manifest.inputs, source),
        classes,
        positive,
        threshold,
    )
    host: Array | None = None
    device: Array | None = None
    bit_exact = instructions = None
    if on == "both":
        both = built.verify(
            arrays, limit=limit, simulator=simulator, progress=progress, source=source
        )
        host, device = both.host[0], both.device.outputs[0]
        bit_exact = both.samples - len(both.unequal)
        instructions = round(float(both.device.instructions.mean()))
    elif on == "device":
        run = built.run(arrays, limit=limit, simulator=simulator, progress=progress, source=source)
        device, instructions = run.outputs[0], round(float(run.instructions.mean()))
    else:
        host = built.run_host(raw, progress)[0]
    found = _judge(judge, host, device, bit_exact)
    result = Evaluation(
        version=VERSION,
        model=built.manifest.name,
        target=built.manifest.target,
        samples=count,
        source=Path(source).name,
        score=judge.score,
        main=MAIN[judge.score],
        note=found[3],
        host=found[0],
        device=found[1],
        agreement=found[2],
        instructions=instructions,
    )
    _write(result, built.folder / FILE)
    return result


def _judge(
    judge: Judge, host: Array | None, device: Array | None, bit_exact: int | None
) -> tuple[Metrics | None, Metrics | None, Agreement | None, str]:
    first = device if host is None else host
    assert first is not None
    threshold, note = judge.chosen_threshold(first)
    of_host = None if host is None else judge.judge(host, threshold)
    of_device = None if device is None else judge.judge(device, threshold)
    agreement = None
    if of_host is not None and of_device is not None:
        same = of_host[1] == of_device[1]
        equal = int(same.reshape(len(same), -1).all(axis=1).sum())
        agreement = Agreement(bit_exact or 0, equal)
    return (
        None if of_host is None else of_host[0],
        None if of_device is None else of_device[0],
        agreement,
        note,
    )


def _real(
    arrays: Mapping[str, Array], raw: Sequence[Array], tensors: Sequence[IoTensor], source: str
) -> list[Floats]:
    """The samples as real numbers: as given when they are floats, else by the input's scale."""
    given = by_input(arrays, [tensor.name for tensor in tensors], source)
    return [
        given[tensor.name][: len(array)].astype(np.float64).reshape(array.shape)
        if given[tensor.name].dtype.kind == "f"
        else dequantize(array, tensor)
        for array, tensor in zip(raw, tensors, strict=True)
    ]


def _write(result: Evaluation, path: Path) -> None:
    try:
        path.write_text(result.as_json())
    except OSError as error:
        raise TinyireeError(f"cannot write {path}: {error.strerror}") from error
