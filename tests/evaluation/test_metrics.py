"""Promised: every figure is the textbook's, and its 95 % interval holds the truth about 95 times in 100."""

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from featx.evaluation.calibration import expected_calibration_error
from featx.evaluation.metrics import (
    METRICS,
    confusion_matrix,
    precision_recall_f1,
    score_predictions,
    wilson,
)


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


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_gives_published_intervals(successes, trials, low, high):
    estimate = wilson(successes, trials)
    assert estimate.value == successes / trials
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("trials", [1, 2, 7, 100, 100_000])
def test_wilson_bounds_are_where_the_score_test_just_rejects(trials):
    for successes in {0, 1, trials // 2, trials - 1, trials}:
        estimate = wilson(successes, trials)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        for bound in (estimate.low, estimate.high):
            if 0 < bound < 1:
                z = (estimate.value - bound) / math.sqrt(bound * (1 - bound) / trials)
                assert abs(z) == pytest.approx(1.959964, abs=1e-4)


def test_wilson_never_claims_certainty_and_is_symmetric():
    none, every = wilson(0, 12), wilson(12, 12)
    assert (none.value, none.low, every.value, every.high) == (0, 0, 1, 1)
    assert none.high > 0.2
    assert every.low == pytest.approx(1 - none.high)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_figures_equal_scikit_learns(n_classes, seed):
    truth, probabilities = predictions(300, n_classes, seed=seed)
    predicted = probabilities.argmax(axis=1)
    found = {name: estimate.value for name, estimate in score_predictions(truth, probabilities).items()}
    assert list(found) == list(METRICS)
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


def test_confusion_matrix_and_per_class_figures_equal_scikit_learns():
    truth, probabilities = predictions(200, 4)
    predicted = np.minimum(probabilities.argmax(axis=1), 2)
    matrix = confusion_matrix(truth, predicted, 4)
    assert np.array_equal(matrix, reference.confusion_matrix(truth, predicted, labels=range(4)))
    expected = reference.precision_recall_fscore_support(truth, predicted, labels=range(4), zero_division=0)[:3]
    np.testing.assert_allclose(precision_recall_f1(matrix), expected)


def test_calibration_error_of_a_worked_example():
    # Bins of 1/15: 0.55 and 0.58 share the ninth (0.533-0.600), 0.9 and 0.92 the fourteenth, 1.0 falls into the last.
    confidence = np.array([0.55, 0.58, 0.9, 0.92, 1.0])
    right = np.array([True, False, True, True, False])
    probabilities = np.column_stack([confidence, 1 - confidence])
    truth = np.where(right, 0, 1)
    expected = (abs(0.55 + 0.58 - 1) + abs(0.9 + 0.92 - 2) + abs(1.0 - 0)) / 5
    assert expected_calibration_error(truth, probabilities) == pytest.approx(expected)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_calibration_error_equals_a_plain_loop(n_classes):
    truth, probabilities = predictions(500, n_classes)
    expected = 0.0
    for b in range(15):
        inside = [i for i in range(500) if b / 15 <= max(probabilities[i]) < (b + 1) / 15]
        if inside:
            accuracy = np.mean([probabilities[i].argmax() == truth[i] for i in inside])
            confidence = np.mean([max(probabilities[i]) for i in inside])
            expected += len(inside) / 500 * abs(accuracy - confidence)
    assert expected_calibration_error(truth, probabilities) == pytest.approx(expected)


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


def test_the_interval_of_accuracy_holds_the_truth_95_times_in_100():
    rng = np.random.default_rng(0)
    for accuracy in (0.5, 0.8, 0.95):
        found = [wilson(k, 100) for k in rng.binomial(100, accuracy, 2000)]
        assert 0.92 < np.mean([e.low <= accuracy <= e.high for e in found]) < 0.98


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
