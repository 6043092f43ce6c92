"""Rows that are standardised in blocks are those that scikit-learn standardises at once."""

import tracemalloc

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from featx.heads import scaling
from featx.heads.scaling import fit_scaled, fit_scaler

RNG = np.random.default_rng(0)
X = (RNG.standard_normal((1000, 20)) * RNG.uniform(1e-3, 1e3, 20) + RNG.uniform(-100, 100, 20)).astype(np.float32)
X[:, 3] = 7.0
Y = np.where(X[:, 0] + X[:, 1] > np.median(X[:, 0] + X[:, 1]), "a", "b")


@pytest.mark.parametrize("rows", [1, 64, 999, 1000, 5000])
def test_blocks_give_the_mean_and_scale_of_all_rows(rows, monkeypatch):
    monkeypatch.setattr(scaling, "ROWS_AT_ONCE", rows)
    found, expected = fit_scaler(StandardScaler(), X), StandardScaler().fit(X)
    exact = np.testing.assert_array_equal if rows >= len(X) else np.testing.assert_allclose
    for name in ("mean_", "scale_", "var_"):
        exact(getattr(found, name), getattr(expected, name))
    assert (found.n_samples_seen_, found.n_features_in_) == (1000, 20)
    np.testing.assert_allclose(found.transform(X), expected.transform(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scaler", [StandardScaler, MinMaxScaler])
def test_a_pipeline_is_fitted_as_it_fits_itself(scaler):
    rows = X.copy()
    found = fit_scaled(make_pipeline(scaler(), RidgeClassifier()), rows, Y)
    np.testing.assert_array_equal(rows, X)
    expected = make_pipeline(scaler(), RidgeClassifier()).fit(X, Y)
    np.testing.assert_array_equal(found.decision_function(X), expected.decision_function(X))


def test_the_memory_is_one_copy_of_the_rows(monkeypatch):
    monkeypatch.setattr(scaling, "ROWS_AT_ONCE", 512)
    rows = RNG.standard_normal((20_000, 32), dtype=np.float32)
    labels = np.arange(len(rows)) % 2
    fit_scaled(make_pipeline(StandardScaler(), LogisticRegression(max_iter=1, tol=10.0)), rows[:100], labels[:100])
    tracemalloc.start()
    try:
        fit_scaled(make_pipeline(StandardScaler(), LogisticRegression(max_iter=1, tol=10.0)), rows, labels)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * rows.nbytes
