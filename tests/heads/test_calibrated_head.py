"""Promised: probabilities of held-out rows come from fits and calibrations without them."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from featx import ParameterError
from featx.evaluation.splits import inner_folds
from featx.heads import calibrated_head
from featx.heads.calibrated_head import folds_inside, held_out_probabilities
from featx.heads.head_probabilities import with_probabilities
from featx.heads.heads import head_spec
from own_heads import Nearest

X, Y = make_blobs(60, centers=2, cluster_std=5.0, n_features=4, random_state=0)
FOLDS = inner_folds(Y, None, 0)


@pytest.mark.parametrize("name", ["logistic", "linear_svm"])
def test_every_row_is_predicted_by_a_head_that_has_not_seen_it(name, monkeypatch):
    seen = []

    def recorded(spec, rows, labels, folds):
        seen.append((rows, folds))
        return with_probabilities(spec, rows, labels, folds)

    monkeypatch.setattr(calibrated_head, "with_probabilities", recorded)
    spec = head_spec(name)
    found = held_out_probabilities(spec, X, Y, FOLDS)
    assert found.sum(axis=1) == pytest.approx(1)
    for (train, test), (rows, inside) in zip(FOLDS, seen, strict=True):
        assert np.array_equal(rows, X[train])
        assert all(max(map(max, fold)) < len(train) for fold in inside)
        alone = with_probabilities(head_spec(name), X[train], Y[train], folds_inside(train, Y))
        assert found[test] == pytest.approx(alone.predict_proba(X[test]))
    assert not hasattr(spec.estimator[-1], "coef_")


def test_folds_inside_keep_groups_together():
    groups = np.arange(60) // 4
    train = np.arange(40)
    for fit, test in folds_inside(train, Y, groups=groups):
        assert not set(groups[train[fit]]) & set(groups[train[test]])


def test_a_classifier_without_probabilities_is_refused():
    with pytest.raises(ParameterError, match=r"Nearest\(\) has no probabilities, which an operating point needs"):
        held_out_probabilities(head_spec(Nearest()), X, Y, FOLDS)
