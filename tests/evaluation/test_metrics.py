"""Promised: every figure is the textbook's, and its 95 % interval holds the truth about 95 times in 100."""

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from featx.evaluation.calibration import expected_calibration_error
from featx.evaluation.metric_names import METRICS, RANKING_METRICS
from featx.evaluation.metrics import classification_report, interval_notes, score_classes, score_predictions

MEANS = ("balanced_accuracy", "macro_f1")


def predictions(n, n_classes=3, *, sharpness=1.5, seed=0):
    """Class numbers, and probabilities that favour them."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n)
    logits = rng.normal(size=(n, n_classes))
    logits[np.arange(n), truth] += sharpness
    probabilities = np.exp(logits)
    return truth, probabilities / probabilities.sum(axis=1, keepdims=True)


def width(estimate):
    return estimate.high - estimate.low


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_figures_equal_scikit_learns(n_classes, seed):
    truth, probabilities = predictions(300, n_classes, seed=seed)
    predicted = probabilities.argmax(axis=1)
    found = {name: estimate.value for name, estimate in score_predictions(truth, probabilities).items()}
    assert list(found) == [*METRICS, *(RANKING_METRICS if n_classes == 2 else ())]
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(truth, predicted))
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, predicted))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(truth, predicted, average="macro"))
    assert found["log_loss"] == pytest.approx(reference.log_loss(truth, probabilities, labels=range(n_classes)))
    assert found["expected_calibration_error"] == expected_calibration_error(truth, probabilities)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_figures_equal_scikit_learns_where_classes_are_missing():
    _, probabilities = predictions(60, 5)
    truth = np.arange(60) % 3
    predicted = probabilities.argmax(axis=1)
    found = score_predictions(truth, probabilities)
    assert found["balanced_accuracy"].value == pytest.approx(reference.balanced_accuracy_score(truth, predicted))
    assert found["macro_f1"].value == pytest.approx(reference.f1_score(truth, predicted, average="macro"))


def test_figures_of_each_class_are_those_of_its_counts():
    truth, probabilities = predictions(200, 4)
    predicted = np.minimum(probabilities.argmax(axis=1), 2)
    rows = classification_report(list("abcd"), truth, predicted)
    assert [row["class"] for row in rows] == list("abcd")
    for number, row in enumerate(rows):
        of_class, taken = truth == number, predicted == number
        hits = int((of_class & taken).sum())
        assert row["support"] == of_class.sum()
        assert row["recall"] == pytest.approx(hits / of_class.sum())
        assert row["precision"] == pytest.approx(hits / taken.sum() if taken.any() else 0)
        assert row["f1"] == pytest.approx(2 * hits / (of_class.sum() + taken.sum()))
        assert row["true_positive_rate"] == row["recall"] == pytest.approx(1 - row["false_negative_rate"])
        assert row["false_positive_rate"] == pytest.approx((taken & ~of_class).sum() / (~of_class).sum())
        rates = [f"{kind}_rate" for kind in ("true_positive", "false_negative", "false_positive")]
        assert all(type(row[name]) is float for name in ("precision", "recall", "f1", *rates))
        assert type(row["support"]) is int


@pytest.mark.parametrize("groups", [None, np.arange(400) // 4])
def test_intervals_contain_the_value_and_are_not_points(groups):
    truth, probabilities = predictions(400)
    for name, estimate in score_predictions(truth, probabilities, groups=groups).items():
        if "calibration" in name or (groups is not None and name == "log_loss"):
            assert not estimate.has_interval
            assert estimate.reason
            continue
        assert estimate.low <= estimate.value <= estimate.high, name
        assert width(estimate) > 0, name


def test_intervals_shrink_as_the_root_of_the_number_of_images():
    few, many = (score_predictions(*predictions(n)) for n in (200, 3200))
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss"):
        assert 2.8 < width(few[name]) / width(many[name]) < 5.6, name


def test_a_perfect_prediction():
    truth = np.arange(30) % 3
    found = score_predictions(truth, np.eye(3)[truth])
    assert [found[name].value for name in METRICS] == [1, 1, 1, 0, 0, 0, 0]
    assert found["accuracy"].low == pytest.approx(30 / (30 + 1.959964**2))
    assert found["accuracy"].high == 1
    # A thirty-first image could have been wrong, and its class was given no probability at all.
    assert found["log_loss"].high == pytest.approx(3.6889 * -math.log(np.finfo(float).eps) / 30, rel=1e-4)


def test_a_confident_mistake_has_a_finite_log_loss():
    found = score_predictions(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert found["log_loss"].value == pytest.approx(-math.log(np.finfo(float).eps) / 2)


def test_a_seed_gives_the_same_figures():
    truth, probabilities = predictions(50)
    assert score_predictions(truth, probabilities) == score_predictions(truth, probabilities)
    assert score_predictions(truth, probabilities) != score_predictions(truth, probabilities, random_state=1)


def test_few_groups_have_no_interval_and_below_twenty_a_note():
    truth = np.arange(120) % 2
    probabilities = np.eye(2)[np.where(np.arange(120) % 7, truth, 1 - truth)] * 0.8 + 0.1
    for number, has, noted in (
        (1, False, False),
        (4, False, False),
        (5, True, True),
        (19, True, True),
        (20, True, False),
    ):
        groups = np.arange(120) % number
        found = score_predictions(truth, probabilities, groups=groups)
        for name in ("accuracy", *MEANS):
            assert found[name].has_interval is has, (number, name)
            assert has or found[name].reason == "too few groups (fewer than 5)"
        notes = "\n".join(interval_notes([found, found], groups=groups))
        assert (f"rest on {number} groups" in notes) is noted
        assert notes.count("too few groups") == (not has)
        assert "log loss: no method was found whose coverage is right with groups" in notes


def test_classes_that_are_each_in_too_few_groups_leave_no_interval():
    groups = np.repeat(np.arange(6), 5)
    truth = groups // 2
    found = score_classes(truth, truth, n_classes=3, groups=groups)
    assert found["accuracy"].has_interval
    for name in MEANS:
        assert found[name].reason == "each class is in fewer than 3 groups"


def test_an_image_that_was_tested_several_times_counts_once():
    truth, predicted = np.arange(40) % 2, np.where(np.arange(40) % 9, np.arange(40) % 2, 1 - np.arange(40) % 2)
    once = score_classes(truth, predicted, n_classes=2)
    twice = np.tile(np.arange(40), 2)
    again = score_classes(truth[twice], predicted[twice], n_classes=2, weights=np.full(80, 0.5))
    for name, estimate in once.items():
        assert (again[name].low, again[name].high) == pytest.approx((estimate.low, estimate.high)), name
