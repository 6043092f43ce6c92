"""Promised: leaks and suspects are left out of training, and the same test images judge before and after."""

import numpy as np
import pytest

from featx import TunedHead
from featx.audit.accuracy_cost import measure_cost

TUNED = TunedHead("knn", grid={"n_neighbors": [1]})


def test_leaked_labels_of_noise_are_leakage():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((240, 6)).astype(np.float32)
    y = np.tile([0, 1], 120)
    # Three quarters of the test images are in the training part too.
    X[160:220], y[160:220] = X[:60], y[:60]
    duplicates = np.arange(240)
    duplicates[160:220] = np.arange(60)
    leakage, suspects = measure_cost(TUNED, X, y, [(np.arange(160), np.arange(160, 240))], duplicates)
    assert (leakage.what, leakage.left_out, leakage.n_test) == ("leakage", 60, 80)
    assert leakage.before > 0.7
    assert leakage.difference.value == pytest.approx(leakage.before - leakage.after)
    assert leakage.difference.low > 0
    assert suspects.before == leakage.after


def test_nothing_leaks_where_nothing_is_known_twice():
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 30)
    X = (rng.standard_normal((60, 4)) + 5 * y[:, None]).astype(np.float32)
    leakage, *_ = measure_cost(TUNED, X, y, [(np.arange(40), np.arange(40, 60))], np.arange(60))
    assert (leakage.left_out, leakage.difference.value, leakage.p_value) == (0, 0, 1)
