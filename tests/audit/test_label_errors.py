"""Promised: wrong labels are counted and ranked as in confident learning."""

import numpy as np
import pytest

from featx.audit.label_errors import find_label_errors


def test_the_confident_joint_by_hand():
    truth = np.array([0, 0, 0, 1, 1, 1])
    first = np.array([0.9, 0.8, 0.1, 0.2, 0.3, 0.4])
    found = find_label_errors(truth, np.stack([first, 1 - first], axis=1))
    # Thresholds are 0.6 and 0.7; the fifth is of class 1 by 0.7, the sixth is confidently of none.
    assert found.joint == pytest.approx(np.array([[2, 1], [0, 3]]))
    assert found.expected == pytest.approx(1)
    assert (found.rows.tolist(), found.suggested.tolist()) == ([2], [1])


def test_suspects_are_chosen_both_by_noise_rate_and_by_class():
    sure, between = [0.05, 0.9, 0.05], [0.42, 0.58, 0.0]
    of_none = [0.3, 0.35, 0.35]
    probabilities = np.array([sure, between, of_none, *[[0.9, 0.05, 0.05]] * 3, [0.2, 0.55, 0.25], [0.1, 0.3, 0.6]])
    found = find_label_errors(np.array([0, 0, 0, 0, 0, 0, 1, 2]), probabilities)
    # 2.4 of the first class are expected to be of the second. The first two have the largest margins, the first and the
    # third the least probability of their label.
    assert found.joint[0] == pytest.approx([3.6, 2.4, 0])
    assert (found.rows.tolist(), found.suggested.tolist()) == ([0], [1])


def test_flipped_labels_are_found_and_clean_ones_are_left():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 5, 1000)
    probabilities = np.full((1000, 5), 0.02)
    probabilities[np.arange(1000), true] = 0.92
    probabilities = 0.9 * probabilities + 0.1 * rng.dirichlet(np.ones(5), 1000)
    assert not len(find_label_errors(true, probabilities).rows)
    wrong = rng.random(1000) < 0.05
    labels = np.where(wrong, (true + 1) % 5, true)
    found = find_label_errors(labels, probabilities)
    assert found.expected == pytest.approx(wrong.sum(), rel=0.2)
    assert wrong[found.rows].mean() > 0.95
    assert wrong[found.rows].sum() >= 0.9 * wrong.sum()
    assert (found.suggested == true[found.rows])[wrong[found.rows]].all()
    margins = probabilities[found.rows, found.suggested] - probabilities[found.rows, labels[found.rows]]
    assert (np.diff(margins) <= 0).all()


def test_a_class_without_labels_is_nothing_to_be_confident_of():
    found = find_label_errors(np.array([0, 0]), np.array([[0.5, 0.5], [0.1, 0.9]]))
    assert found.expected == 0
    assert not len(found.rows)
