"""Promised: the calibration error of a calibrated model is near what such a model shows, and its bias is taken away."""

import math

import numpy as np
import pytest

from featx.evaluation.calibration import debiased_calibration_error, error_if_calibrated, expected_calibration_error
from featx.evaluation.metrics import score_predictions


def draw(rng, n, temperature=1.0, k=2):
    """Class numbers, and the probability of each class given the scores; at temperature 1 exactly calibrated."""
    truth = rng.integers(0, k, n)
    z = rng.normal(size=(n, k))
    z[np.arange(n), truth] += 1.5
    p = np.exp(1.5 * z / temperature)
    return truth, p / p.sum(axis=1, keepdims=True)


def test_the_debiased_error_of_a_worked_example():
    # Two bins of two images: 0.6 and 0.7, one right; 0.9 and 0.9, both right.
    confidence, right = np.array([0.9, 0.6, 0.9, 0.7]), np.array([True, False, True, True])
    probabilities = np.column_stack([confidence, 1 - confidence])
    first = (0.65 - 0.5) ** 2 - 0.5 * 0.5 / 1
    second = (0.9 - 1.0) ** 2 - 0.0
    expected = math.sqrt(max(0.0, (first + second) / 2))
    assert debiased_calibration_error(np.where(right, 0, 1), probabilities) == pytest.approx(expected)
    wrong = np.array([1, 1, 1, 1])
    expected = math.sqrt((0.65**2 + 0.9**2) / 2)
    assert debiased_calibration_error(wrong, probabilities) == pytest.approx(expected)


def test_the_debiased_error_equals_a_plain_loop():
    truth, p = draw(np.random.default_rng(0), 157, temperature=0.5)
    rows = sorted(range(157), key=lambda i: p[i].max())
    total = 0.0
    for b in range(15):
        inside = rows[157 * b // 15 : 157 * (b + 1) // 15]
        accuracy = np.mean([p[i].argmax() == truth[i] for i in inside])
        gap = np.mean([p[i].max() for i in inside]) - accuracy
        total += len(inside) / 157 * (gap**2 - accuracy * (1 - accuracy) / (len(inside) - 1))
    assert debiased_calibration_error(truth, p) == pytest.approx(math.sqrt(total))


@pytest.mark.parametrize("k", [2, 10])
def test_a_calibrated_model_shows_what_is_expected_of_one(k):
    rng = np.random.default_rng(0)
    drawn = [draw(rng, 150, k=k) for _ in range(400)]
    shown, plain = (
        np.mean([error(truth, p) for truth, p in drawn])
        for error in (debiased_calibration_error, expected_calibration_error)
    )
    expected = np.mean([error_if_calibrated(p) for _, p in drawn[:20]])
    assert shown == pytest.approx(expected, abs=0.006)
    assert shown < 0.6 * plain


def test_a_sharpened_model_shows_its_error_without_the_bias():
    rng = np.random.default_rng(0)
    true = debiased_calibration_error(*draw(rng, 400_000, temperature=0.5))
    found = [draw(rng, 150, temperature=0.5) for _ in range(60)]
    squares = [debiased_calibration_error(*one) ** 2 for one in found]
    assert np.mean(squares) == pytest.approx(true**2, rel=0.25)
    assert np.mean([error_if_calibrated(p) for _, p in found]) < 0.7 * true


def test_the_expectation_is_the_same_for_the_same_seed_and_its_own_for_each_size():
    rng = np.random.default_rng(0)
    _, p = draw(rng, 100)
    assert error_if_calibrated(p) == error_if_calibrated(p)
    assert error_if_calibrated(p) != error_if_calibrated(p, random_state=1)
    assert error_if_calibrated(draw(rng, 10_000)[1]) < 0.3 * error_if_calibrated(p)


def test_the_errors_stand_among_the_figures_without_intervals_and_with_reasons():
    truth, p = draw(np.random.default_rng(0), 100)
    found = score_predictions(truth, p)
    assert found["expected_calibration_error"].value == expected_calibration_error(truth, p)
    assert found["debiased_calibration_error"].value == debiased_calibration_error(truth, p)
    assert found["calibration_error_if_calibrated"].value == error_if_calibrated(p)
    for name in ("expected_calibration_error", "debiased_calibration_error", "calibration_error_if_calibrated"):
        assert not found[name].has_interval
        assert found[name].reason


def test_one_image_has_no_debiased_error():
    assert math.isnan(debiased_calibration_error(np.array([0]), np.array([[0.9, 0.1]])))
    assert math.isnan(error_if_calibrated(np.array([[0.9, 0.1]])))


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
    truth, probabilities = draw(np.random.default_rng(0), 500, k=n_classes)
    expected = 0.0
    for b in range(15):
        inside = [i for i in range(500) if b / 15 <= max(probabilities[i]) < (b + 1) / 15]
        if inside:
            accuracy = np.mean([probabilities[i].argmax() == truth[i] for i in inside])
            confidence = np.mean([max(probabilities[i]) for i in inside])
            expected += len(inside) / 500 * abs(accuracy - confidence)
    assert expected_calibration_error(truth, probabilities) == pytest.approx(expected)
