"""Promised: a head has probabilities of its own, those of its decision values by temperature scaling, or none."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.svm import LinearSVC

from featx import HEADS, TunedHead
from featx.heads.head_probabilities import is_calibrated, may_have_probabilities
from featx.heads.heads import head_spec
from own_heads import Nearest


def rare():
    rng = np.random.default_rng(1)
    y = np.where(rng.random(300) < 0.12, "rare", "common")
    return (rng.normal(size=(300, 12)) + 0.8 * (y == "rare")[:, None]).astype(np.float32), y


@pytest.mark.parametrize("name", ["svm", "linear_svm", "ridge"])
@pytest.mark.parametrize("labels", [["common", "rare"], [1, 2]], ids=str)
@pytest.mark.parametrize("in_grid", [False, True])
def test_heads_are_calibrated_with_the_weights_of_the_labels(name, labels, in_grid):
    X, y = rare()
    numbers, given = (y == "rare").astype(int), dict(zip(labels, (1, 5), strict=True))

    def probabilities(y, weights):
        options = {"grid": {"class_weight": [weights]}} if in_grid else {"class_weight": weights}
        head = TunedHead(name, **options).fit(X, y)
        assert np.array_equal(head.classes_, np.unique(y))
        assert np.array_equal(head.head_.predict(X), head.predict(X))
        return head.predict_proba(X)

    expected = probabilities(numbers, {0: 1, 1: 5})
    found = probabilities(np.array(labels)[numbers], given)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


NAMES = np.array(["ant", "bee", "cat"])[np.arange(90) % 3]
ROWS = (np.random.default_rng(0).normal(size=(90, 6)) + 2 * np.eye(6)[np.arange(90) % 3]).astype(np.float32)


def test_decision_values_are_calibrated_only_if_the_largest_is_the_prediction():
    scored = TunedHead("own_heads:Scored").fit(ROWS, NAMES)
    assert type(scored.head_) is CalibratedClassifierCV
    assert np.array_equal(scored.predict(ROWS), NAMES[:3][scored.predict_proba(ROWS).argmax(axis=1)])
    for head in ("own_heads:Contrary", "own_heads:Nearest"):
        found = TunedHead(head).fit(ROWS, NAMES)
        assert not hasattr(found, "predict_proba")
        assert np.array_equal(found.predict(ROWS), scored.predict(ROWS))


def test_the_probabilities_of_discriminants_are_scaled_and_their_decisions_kept():
    head = TunedHead("lda", grid={"shrinkage": [0.5]}).fit(ROWS, NAMES)
    plain = head.head_.calibrated_classifiers_[0].estimator
    assert np.array_equal(head.predict(ROWS), NAMES[plain.predict(ROWS)])
    # Passed by the user, they are scikit-learn's own.
    own = TunedHead(LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)).fit(ROWS, NAMES)
    np.testing.assert_allclose(own.predict_proba(ROWS), plain.predict_proba(ROWS), atol=1e-4)
    assert np.abs(own.predict_proba(ROWS) - head.predict_proba(ROWS)).max() > 1e-3


def test_heads_without_probabilities_or_with_useless_ones_are_calibrated():
    calibrated = {name for name in HEADS if is_calibrated(head_spec(name))}
    assert calibrated == {"linear_svm", "svm", "ridge", "lda", "ncm"}
    assert not is_calibrated(head_spec(LinearDiscriminantAnalysis()))


def test_whether_there_may_be_probabilities_is_known_without_an_import():
    assert may_have_probabilities("knn")
    assert may_have_probabilities("nowhere_at_all:Head")
    assert may_have_probabilities(LinearSVC())
    assert not may_have_probabilities(Nearest())
    assert not hasattr(TunedHead(Nearest()), "predict_proba")
