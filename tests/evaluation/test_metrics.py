"""Figures against counts by hand."""

import numpy as np
import pytest

from tinyiree.evaluation.metrics import best_threshold, classification, detection, regression

LABELS = np.array([0, 0, 0, 1, 1, 2])
ANSWERS = np.array([0, 0, 1, 1, 0, 2])


def test_a_classification() -> None:
    found = classification(LABELS, ANSWERS, ("a", "b", "c", "never"))
    assert found.values == {"accuracy": pytest.approx(4 / 6)}
    assert found.confusion == ((2, 1, 0, 0), (1, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 0))
    a, b, c, never = found.classes
    assert (a.precision, a.recall, a.f1, a.samples) == (
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
        3,
    )
    assert (b.precision, b.recall, b.f1, b.samples) == (0.5, 0.5, 0.5, 2)
    assert (c.f1, c.samples) == (1.0, 1)
    assert (never.precision, never.recall, never.f1, never.samples) == (0, 0, 0, 0)
    macro, weighted = found.averages
    # Over the three classes that occur.
    assert (macro.name, macro.f1) == ("macro", pytest.approx((2 / 3 + 0.5 + 1) / 3))
    assert (weighted.name, weighted.recall) == ("weighted", pytest.approx(4 / 6))
    assert (macro.samples, weighted.samples) == (6, 6)


def test_the_best_k() -> None:
    scores = np.array([[9, 5, 4, 3.0], [9, 5, 5, 5], [1, 2, 3, 4]])
    labels = np.array([2, 3, 0])
    found = classification(labels, scores.argmax(1), tuple("abcd"), scores)
    # Sample 1 has three equal scores behind the best: the first two of them count.
    assert found.values["top_3_accuracy"] == pytest.approx(1 / 3)
    assert "top_5_accuracy" not in found.values


def test_one_class_against_all_others() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]])
    labels = np.array([0, 0, 1, 1])
    found = classification(labels, scores.argmax(1), ("a", "b"), scores, positive=1)
    # Of the four pairs of one b and one a, three have the b above.
    assert found.values["roc_auc"] == pytest.approx(0.75)


def test_a_detection() -> None:
    labels = np.array([0, 0, 1, 1, 1])
    scores = np.array([0.1, 0.5, 0.4, 0.8, 0.9])
    found, answers = detection(labels, scores, ("usual", "odd"), 0.45)
    assert answers.tolist() == [0, 1, 0, 1, 1]
    assert found.confusion == ((1, 1), (1, 2))
    assert found.values["roc_auc"] == pytest.approx(5 / 6)
    assert found.values["threshold"] == 0.45
    assert found.classes[1].precision == pytest.approx(2 / 3)


def test_no_auc_of_one_kind() -> None:
    found, _ = detection(np.zeros(3, np.int64), np.arange(3.0), ("usual", "odd"), 5)
    assert "roc_auc" not in found.values
    assert found.values["accuracy"] == 1


def test_the_best_threshold_separates() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    scores = np.array([1.0, 2.0, 3.0, 5.0, 6.0])
    assert best_threshold(labels, scores) == 4.0
    everything = best_threshold(np.array([1, 1]), np.array([1.0, 2.0]))
    assert everything < 1.0


@pytest.mark.parametrize("seed", range(5))
def test_the_best_threshold_is_the_best(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, 60)
    # Few different scores, so that many are equal.
    scores = (labels + random.normal(0, 1, 60)).round(1)

    def f1(threshold: float) -> float:
        return detection(labels, scores, ("usual", "odd"), threshold)[0].classes[1].f1

    best = f1(best_threshold(labels, scores))
    assert best == pytest.approx(max(f1(t - 0.01) for t in np.unique(scores)))


def test_a_regression() -> None:
    found = regression(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [4.0], [3.0]]))
    assert found.values["mean_absolute_error"] == pytest.approx(2 / 3)
    assert found.values["root_mean_squared_error"] == pytest.approx((4 / 3) ** 0.5)
    assert found.values["r2"] == pytest.approx(1 - 4 / 2)
