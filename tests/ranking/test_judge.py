"""Promised: accuracies are those of nested cross-validation; scores are those of the rows, with intervals."""

from dataclasses import replace

import numpy as np
import pytest

from featx import evaluate_heads
from featx.evaluation.splits import outer_folds
from featx.ranking.judge import JudgedRows, accuracy_of, predict_rows, transferability_scores
from featx.ranking.logme import log_evidence

RNG = np.random.default_rng(0)
TRUTH = np.arange(60) % 2
X = (RNG.normal(size=(60, 20)) + TRUTH[:, None]).astype(np.float32)


def rows_of(**columns):
    folds = outer_folds(TRUTH, np.array([0, 1]), 3, columns.get("groups"), 0, columns.get("together"))
    return JudgedRows(TRUTH, [folds], **{"groups": None, "together": None, **columns}, random_state=0)


def test_the_accuracy_is_that_of_nested_cross_validation():
    rows = rows_of()
    expected, _ = evaluate_heads({("head", "avg"): X}, TRUTH, cv=3)
    assert accuracy_of(predict_rows("logistic", X, rows), rows) == expected.metrics["accuracy"]


def test_neighbours_are_no_more_than_there_are_rows():
    rows = rows_of()
    assert accuracy_of(predict_rows("knn", X, rows), rows).value > 0.8


def test_scores_have_intervals_around_them():
    evidence, separation = transferability_scores(X, rows_of())
    assert evidence.low < evidence.value < evidence.high
    assert separation.low < separation.value < separation.high
    assert evidence.value == pytest.approx(log_evidence(X, TRUTH))


def test_units_are_groups_and_copies():
    together = np.arange(60) // 2 * 2
    assert rows_of().units.tolist() == list(range(60))
    assert rows_of(together=together).units.tolist() == together.tolist()
    groups = np.arange(60) // 6
    joined = rows_of(groups=groups).units
    assert len(np.unique(joined)) == 10
    assert not accuracy_of(TRUTH[None], rows_of(groups=np.arange(60) // 20)).has_interval


def test_repeats_are_averaged_and_add_no_images():
    rows = rows_of()
    others = outer_folds(TRUTH, np.array([0, 1]), 3, None, 1)
    both = replace(rows, folds=[*rows.folds, others])
    predicted = predict_rows("logistic", X, both)
    assert np.array_equal(predicted[:1], predict_rows("logistic", X, rows))
    found, alone = accuracy_of(predicted, both), [accuracy_of(predicted[[number]], rows) for number in (0, 1)]
    assert found.value == pytest.approx(np.mean([each.value for each in alone]))
    assert found.high - found.low >= min(each.high - each.low for each in alone) - 1e-9
