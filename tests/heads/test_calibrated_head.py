"""Promised: heads have probabilities, and those of held-out rows come from fits and calibrations without them."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_blobs

from featx.evaluation.splits import inner_folds
from featx.heads import calibrated_head
from featx.heads.calibrated_head import fit_with_probabilities, folds_inside, held_out_probabilities
from featx.heads.heads import head_spec

X, Y = make_blobs(60, centers=2, cluster_std=5.0, n_features=4, random_state=0)
FOLDS = inner_folds(Y, None, 0)


@pytest.mark.parametrize("name", ["logistic", "linear_svm"])
def test_every_row_is_predicted_by_a_head_that_has_not_seen_it(name, monkeypatch):
    seen = []

    def recorded(pipeline, rows, labels, folds):
        seen.append((rows, folds))
        return fit_with_probabilities(pipeline, rows, labels, folds)

    monkeypatch.setattr(calibrated_head, "fit_with_probabilities", recorded)
    pipeline = head_spec(name).estimator
    found = held_out_probabilities(pipeline, X, Y, FOLDS)
    assert found.sum(axis=1) == pytest.approx(1)
    for (train, test), (rows, inside) in zip(FOLDS, seen, strict=True):
        assert np.array_equal(rows, X[train])
        assert all(max(map(max, fold)) < len(train) for fold in inside)
        alone = fit_with_probabilities(head_spec(name).estimator, X[train], Y[train], folds_inside(train, Y))
        assert found[test] == pytest.approx(alone.predict_proba(X[test]))
    assert not hasattr(pipeline[-1], "coef_")


def test_folds_inside_keep_groups_together():
    groups = np.arange(60) // 4
    train = np.arange(40)
    for fit, test in folds_inside(train, Y, groups=groups):
        assert not set(groups[train[fit]]) & set(groups[train[test]])


def test_only_heads_without_probabilities_are_calibrated():
    assert not isinstance(fit_with_probabilities(head_spec("knn").estimator, X, Y, FOLDS), CalibratedClassifierCV)
    assert isinstance(fit_with_probabilities(head_spec("ridge").estimator, X, Y, FOLDS), CalibratedClassifierCV)
