"""The figures themselves, by scikit-learn."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinyiree.evaluation.model import Metrics, Scores

Classes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_TOP = (3, 5)


def classification(
    labels: Classes,
    answers: Classes,
    names: Sequence[str],
    scores: Floats | None = None,
    positive: int | None = None,
) -> Metrics:
    """Of answers that name a class.

    Args:
        labels: int64 ``[N]``, the true classes.
        answers: int64 ``[N]``.
        names: of all classes.
        scores: float64 ``[N, classes]``, the greatest wins; for top-k accuracy and ROC AUC.
        positive: the class whose score against all others is judged too.
    """
    from sklearn import metrics

    everything = np.arange(len(names))
    values = {"accuracy": float(metrics.accuracy_score(labels, answers))}
    if scores is not None:
        for k in _TOP:
            if k < len(names):
                values[f"top_{k}_accuracy"] = _top(labels, scores, k)
        if positive is not None:
            values |= _ranking(labels == positive, scores[:, positive])
    each = metrics.precision_recall_fscore_support(
        labels, answers, labels=everything, zero_division=0
    )
    averages = []
    # Over the classes that occur: one that has no sample says nothing of the model.
    present = np.unique(labels)
    for kind in ("macro", "weighted"):
        mean = metrics.precision_recall_fscore_support(
            labels, answers, labels=present, average=kind, zero_division=0
        )
        averages.append(_scores(kind, mean, len(labels)))
    return Metrics(
        values=values,
        classes=tuple(
            _scores(name, [column[i] for column in each], int(each[3][i]))
            for i, name in enumerate(names)
        ),
        averages=tuple(averages),
        confusion=_confusion(labels, answers, everything),
    )


def detection(
    labels: Classes, scores: Floats, names: Sequence[str], threshold: float
) -> tuple[Metrics, Classes]:
    """Of one score a sample: the greater, the more it is class 1.

    Args:
        labels: int64 ``[N]``, 0 or 1.
        scores: float64 ``[N]``.
        names: of the two classes.
        threshold: scores above it are answers of class 1.

    Returns:
        The metrics, and the answers int64 ``[N]``.
    """
    answers = (scores > threshold).astype(np.int64)
    found = classification(labels, answers, names)
    values = {**_ranking(labels == 1, scores), "threshold": threshold, **found.values}
    return Metrics(values, found.classes, found.averages, found.confusion), answers


def best_threshold(labels: Classes, scores: Floats) -> float:
    """The threshold of the best F1 on these very samples: an optimistic one."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(labels, scores)
    both = precision[:-1] + recall[:-1]
    f1 = 2 * precision[:-1] * recall[:-1] / np.where(both > 0, both, 1)
    best = int(f1.argmax())
    # Between two scores, so that "above" decides as "at or above" does on the curve.
    below = thresholds[best - 1] if best else thresholds[0] - 1.0
    return float((thresholds[best] + below) / 2)


def regression(labels: Floats, values: Floats) -> Metrics:
    """Of real numbers; both float64 ``[N, outputs]``."""
    from sklearn import metrics

    found = {
        "mean_absolute_error": float(metrics.mean_absolute_error(labels, values)),
        "root_mean_squared_error": float(metrics.root_mean_squared_error(labels, values)),
    }
    if len(labels) > 1:
        found["r2"] = float(metrics.r2_score(labels, values))
    return Metrics(found)


def _ranking(truth: npt.NDArray[np.bool_], scores: Floats) -> dict[str, float]:
    """ROC AUC and average precision; neither is defined when all samples are of one kind."""
    from sklearn import metrics

    if truth.all() or not truth.any():
        return {}
    return {
        "roc_auc": float(metrics.roc_auc_score(truth, scores)),
        "average_precision": float(metrics.average_precision_score(truth, scores)),
    }


def _scores(name: str, values: Sequence[float], samples: int) -> Scores:
    precision, recall, f1 = (float(value) for value in values[:3])
    return Scores(name, precision, recall, f1, samples)


def _top(labels: Classes, scores: Floats, k: int) -> float:
    """Top-k accuracy; of equal scores the first class wins, as in argmax."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((order == labels[:, np.newaxis]).any(axis=1).mean())


def _confusion(labels: Classes, answers: Classes, every: Classes) -> tuple[tuple[int, ...], ...]:
    from sklearn.metrics import confusion_matrix

    table = confusion_matrix(labels, answers, labels=every)
    return tuple(tuple(int(count) for count in row) for row in table)
