"""What of a model's output is judged: a class, one score, a reconstruction, or numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinyiree.emit.program import IoTensor
from tinyiree.errors import TinyireeError
from tinyiree.evaluation import metrics
from tinyiree.evaluation.labels import class_numbers
from tinyiree.evaluation.model import Metrics
from tinyiree.tensors import dequantize

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float64]
Classes = npt.NDArray[np.int64]
ScoreName = Literal["auto", "class", "positive", "reconstruction", "value"]

MAIN: dict[str, str] = {
    "class": "accuracy",
    "positive": "roc_auc",
    "reconstruction": "roc_auc",
    "value": "root_mean_squared_error",
}
"""The metric that sums each kind up."""


@dataclass(frozen=True)
class Judge:
    """Judges outputs by labels.

    Attributes:
        score: what is judged, not ``auto``.
        labels: int64 ``[N]``; of ``value`` float64 ``[N, outputs]``.
        names: of the classes.
        output: the model's first output.
        positive: class number that is told from all others.
        threshold: of a score.
        inputs: what an autoencoder has to give back, float64 ``[N, size]``.
    """

    score: ScoreName
    labels: Array
    names: tuple[str, ...]
    output: IoTensor
    positive: int | None = None
    threshold: float | None = None
    inputs: Floats | None = None

    def scores(self, raw: Array) -> Floats:
        """One number a sample, the greater the more positive; ``[N, outputs]`` for the others."""
        values = dequantize(raw, self.output).reshape(len(raw), -1)
        if self.inputs is not None and self.score == "reconstruction":
            error: Floats = np.square(values - self.inputs).mean(axis=1)
            return error
        if self.score == "positive":
            return values[:, 0 if values.shape[1] == 1 else self.positive or 0]
        return values

    def judge(self, raw: Array, threshold: float) -> tuple[Metrics, Array]:
        """Metrics, and an answer for each sample, to compare two machines by.

        Args:
            raw: the output ``[N, *shape]``.
            threshold: of a score; of no meaning for the others.
        """
        scores = self.scores(raw)
        if self.score == "value":
            return metrics.regression(self.labels.astype(np.float64), scores), raw.reshape(
                len(raw), -1
            )
        labels = self.labels.astype(np.int64)
        if self.score != "class":
            return metrics.detection(labels, scores, self.names, threshold)
        if scores.shape[1] == 1:
            answers = np.clip(scores[:, 0].astype(np.int64), 0, len(self.names) - 1)
            return metrics.classification(labels, answers, self.names), answers
        # Raw numbers, as the firmware compares them; the first of equal ones wins.
        answers = raw.reshape(len(raw), -1).argmax(axis=1).astype(np.int64)
        found = metrics.classification(labels, answers, self.names, scores, self.positive)
        return found, answers

    def chosen_threshold(self, raw: Array) -> tuple[float, str]:
        """The threshold of a score, and how it was found."""
        if self.threshold is not None:
            return self.threshold, "threshold as given"
        if self.score not in ("positive", "reconstruction"):
            return 0.0, ""
        labels = self.labels.astype(np.int64)
        if len(np.unique(labels)) < 2:
            raise TinyireeError(
                "labels: all samples are of one kind, so no threshold can be found between two; "
                "give samples of both, or --threshold"
            )
        return metrics.best_threshold(labels, self.scores(raw)), (
            "threshold of the best F1 on these very samples, an optimistic one: choose it on "
            "other data and pass --threshold"
        )


def make_judge(
    score: ScoreName,
    labels: Array,
    count: int,
    output: IoTensor,
    inputs: Sequence[Floats],
    classes: Sequence[str] = (),
    positive: str | int | None = None,
    threshold: float | None = None,
) -> Judge:
    """A judge of a model's outputs.

    Args:
        score: what is judged; ``auto`` decides by the output's shape and the labels.
        labels: see `class_numbers`; for ``value`` real numbers ``[N]`` or ``[N, outputs]``.
        count: number of samples.
        output: the model's first output.
        inputs: real values of the samples, by input ``[N, *shape]``.
        classes: names.
        positive: the class to tell from all others, by name or number.
        threshold: of a score.

    Raises:
        TinyireeError: labels, names or options do not fit the model.
    """
    size = int(np.prod(output.shape))
    chosen = _decide(labels, output, size, inputs) if score == "auto" else score
    if threshold is not None and chosen not in ("positive", "reconstruction"):
        raise TinyireeError(
            f"--threshold {threshold:g}: it has no use for --score {chosen}; leave it out"
        )
    if chosen == "value":
        return Judge(chosen, _numbers(labels, count, size), (), output)
    if chosen == "reconstruction":
        goal = _to_give_back(inputs, size)
        return _detector(chosen, _kinds(labels, count, classes, positive), output, threshold, goal)
    if chosen == "positive" and size == 1:
        return _detector(chosen, _kinds(labels, count, classes, positive), output, threshold)
    outputs = None if size == 1 else size
    if classes and outputs is not None and len(classes) != outputs:
        raise TinyireeError(
            f"class names: expected {outputs}, as the model gives {outputs} outputs; found "
            f"{len(classes)}"
        )
    numbers = class_numbers(labels, count, classes, outputs or (len(classes) or None))
    total = outputs or len(classes) or int(numbers.max()) + 1
    names = tuple(classes) or tuple(map(str, range(total)))
    number = None if positive is None else _class(positive, names)
    if chosen == "class":
        return Judge(chosen, numbers, names, output, number)
    if number is None:
        raise TinyireeError(
            f"--score positive: expected --positive CLASS, one of {', '.join(names)}, as the "
            f"model gives {total} outputs"
        )
    return Judge(
        chosen,
        (numbers == number).astype(np.int64),
        (f"not {names[number]}", names[number]),
        output,
        number,
        threshold,
    )


def _decide(
    labels: Array, output: IoTensor, size: int, inputs: Sequence[Floats]
) -> Literal["class", "positive", "reconstruction", "value"]:
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.rint(labels)):
        return "value"
    if len(inputs) == 1 and size > 1 and inputs[0][0].size == size:
        return "reconstruction"
    is_index = output.scale is None and output.dtype.startswith("int")
    return "positive" if size == 1 and not is_index else "class"


def _detector(
    score: Literal["positive", "reconstruction"],
    kinds: tuple[Classes, tuple[str, str]],
    output: IoTensor,
    threshold: float | None,
    inputs: Floats | None = None,
) -> Judge:
    return Judge(score, kinds[0], kinds[1], output, None, threshold, inputs)


def _kinds(
    labels: Array, count: int, classes: Sequence[str], positive: str | int | None
) -> tuple[Classes, tuple[str, str]]:
    """Labels as 0 and 1, and what the two are called."""
    numbers = class_numbers(labels, count, classes, len(classes) or None)
    if positive is not None:
        total = int(numbers.max()) + 1
        names = tuple(classes) or tuple(map(str, range(total)))
        number = _class(positive, names)
        return (numbers == number).astype(np.int64), (f"not {names[number]}", names[number])
    if numbers.max() > 1:
        raise TinyireeError(
            f"labels: expected 0 (usual) and 1 (what to find) for one score a sample, found "
            f"{len(np.unique(numbers))} classes; name the class to find with --positive"
        )
    return numbers, (classes[0], classes[1]) if len(classes) == 2 else ("normal", "anomaly")


def _class(positive: str | int, names: Sequence[str]) -> int:
    if str(positive) in names:
        return list(names).index(str(positive))
    if str(positive).isdigit() and int(positive) < len(names):
        return int(positive)
    raise TinyireeError(
        f"--positive {positive}: expected a class, one of {', '.join(names)}, or its number"
    )


def _to_give_back(inputs: Sequence[Floats], size: int) -> Floats:
    if len(inputs) != 1 or inputs[0][0].size != size:
        raise TinyireeError(
            f"--score reconstruction: expected a model whose output has the size of its only "
            f"input, found {size} outputs for {len(inputs)} inputs of "
            f"{', '.join(str(array[0].size) for array in inputs)} values"
        )
    return inputs[0].reshape(len(inputs[0]), -1)


def _numbers(labels: Array, count: int, size: int) -> Floats:
    found = labels.reshape(len(labels), -1)[:count]
    if labels.dtype.kind not in "iuf" or found.shape != (count, size):
        raise TinyireeError(
            f"labels: expected {count} rows of {size} numbers for --score value, found "
            f"{labels.dtype} of shape {list(labels.shape)}"
        )
    return found.astype(np.float64)
