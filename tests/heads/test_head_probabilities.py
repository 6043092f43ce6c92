"""Promised: a head has probabilities of its own, or those of its decision values by temperature scaling."""

import numpy as np
import pytest

from featx import TunedHead


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
