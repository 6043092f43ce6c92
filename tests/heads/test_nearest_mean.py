"""Promised: the nearest class mean predicts as scikit-learn's, and its largest decision value is the prediction."""

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from featx.heads.nearest_mean import NearestMean


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("threshold", [None, 0.5])
def test_predictions_are_those_of_scikit_learn_and_have_the_largest_value(n_classes, threshold):
    rng, y = np.random.default_rng(0), np.arange(200) % n_classes
    X = (rng.normal(size=(200, 8)) * np.arange(1, 9) + 0.7 * y[:, None]).astype(np.float32)
    names = np.array(list("abcde"))[y]
    found, plain = NearestMean(threshold).fit(X, names), NearestCentroid(shrink_threshold=threshold).fit(X, names)
    other = rng.normal(size=(300, 8)) * 4
    assert np.array_equal(found.predict(other), plain.predict(other))
    values = found.decision_function(other)
    if n_classes > 2:
        distances = ((other[:, None] - plain.centroids_) ** 2).sum(axis=2)
        np.testing.assert_allclose(np.diff(values, axis=1), -np.diff(distances, axis=1), rtol=1e-4, atol=1e-4)
        # scikit-learn's own values are largest for other classes.
        assert (plain.classes_[plain.decision_function(other).argmax(axis=1)] != plain.predict(other)).any()
    else:
        assert np.array_equal(values > 0, found.predict(other) == "b")
    assert found.n_features_in_ == 8


def test_features_without_spread_do_no_harm():
    X = np.array([[0.0, 1], [0, 1], [3, 1], [3, 1]])
    assert NearestMean().fit(X, [0, 0, 1, 1]).predict([[1, 1], [2, 1]]).tolist() == [0, 1]
    assert NearestMean().fit(np.ones((4, 2)), [0, 0, 1, 1]).predict([[1, 1]]).tolist() == [0]
