"""Promised: the tuning chooses what a plain grid search in float64 chooses, with the same score."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from featx import HEADS
from featx.evaluation.splits import inner_folds
from featx.heads.heads import head_spec
from featx.heads.search import SCORE_FUNCTIONS, Tuner


def correlated(n, width, n_classes, *, seed=0, spread=0.5):
    """Rows around a centre for each class, with noise that some directions have far more of than others."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % n_classes)
    scale = (1.0 + np.arange(width)) ** -0.5
    rows = (spread * rng.normal(size=(n_classes, width))[y] + rng.normal(size=(n, width))) * scale
    return (rows @ rng.normal(size=(width, width))).astype(np.float32), y


def rare():
    rng = np.random.default_rng(1)
    y = np.where(rng.random(300) < 0.12, "rare", "common")
    return (rng.normal(size=(300, 12)) + 0.8 * (y == "rare")[:, None]).astype(np.float32), y


def digits():
    X, y = load_digits(return_X_y=True)
    return X[:400].astype(np.float32), np.array([f"digit {number}" for number in y[:400]])


SETS = {
    "many rows": lambda: correlated(420, 40, 7),
    "more features than rows": lambda: correlated(90, 150, 5),
    "two classes": lambda: correlated(240, 30, 2, spread=0.2),
    "imbalanced": rare,
    "labels of text, constant features": digits,
}


def search(X, y, name, *, groups=None, scoring="accuracy", n_jobs=None, **options):
    """Return score and parameters of the tuning, and of the plain grid search on the same folds."""
    head = head_spec(name, **options)
    tuner = Tuner(y, groups=groups, scoring=scoring, n_jobs=n_jobs)
    found = tuner.tune(head, X, np.arange(len(y)))
    folds = inner_folds(y, groups, 0)
    plain = GridSearchCV(head.estimator, head.grid, cv=folds, scoring=scoring, refit=False).fit(X.astype(float), y)
    chosen = {key.removeprefix("classify__"): value for key, value in plain.best_params_.items()}
    return found, (plain.best_score_, chosen)


def check(found, plain, n):
    assert found[1] == plain[1]
    assert found[0] == pytest.approx(plain[0], abs=1 / n)


@pytest.mark.parametrize("data", SETS)
@pytest.mark.parametrize("name", sorted(set(HEADS) - {"mlp"}))
def test_the_choice_is_that_of_a_plain_grid_search(name, data):
    X, y = SETS[data]()
    check(*search(X, y, name), len(y))


@pytest.mark.parametrize("name", ["logistic", "svm", "ridge", "linear_svm"])
@pytest.mark.parametrize("weight", ["balanced", {"rare": 5, "common": 1}], ids=str)
def test_class_weights_and_scorings_are_those_of_a_plain_grid_search(name, weight):
    X, y = rare()
    for scoring in SCORE_FUNCTIONS:
        check(*search(X, y, name, class_weight=weight, scoring=scoring), len(y))


@pytest.mark.parametrize("name", ["logistic", "svm", "ridge", "knn"])
def test_groups_are_those_of_a_plain_grid_search(name):
    X, y = correlated(240, 20, 3)
    check(*search(X, y, name, groups=np.arange(240) // 4), 240)


@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("logistic", {"class_weight": [None, "balanced"], "C": [0.01, 1.0]}),
        ("logistic", {"solver": ["newton-cholesky", "lbfgs"], "C": [0.1, 1.0]}),
        ("logistic", {"fit_intercept": [False, True]}),
        ("svm", {"gamma": ["scale", 0.001, "auto"], "C": [1.0, 10.0]}),
        ("svm", {"kernel": ["linear", "rbf"]}),
        ("knn", {"weights": ["uniform", "distance"], "metric": ["euclidean", "manhattan"], "n_neighbors": [9, 1]}),
        ("ridge", {"solver": ["svd", "cholesky"]}),
        ("ridge", {"alpha": [100.0, 0.0]}),
        ("linear_svm", {"loss": ["hinge", "squared_hinge"], "C": [0.001, 0.01]}),
        ("mlp", {"hidden_layer_sizes": [(8,), (16,)], "alpha": [0.1], "max_iter": [300]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_any_parameter_can_be_searched(name, grid):
    X, y = correlated(240, 20, 3)
    check(*search(X, y, name, grid=grid), 240)


def test_processes_do_not_change_the_choice():
    X, y = correlated(240, 20, 3)
    check(*search(X, y, "logistic", n_jobs=2), 240)


def test_what_is_fitted_in_the_end_is_scikit_learns_own():
    X, y = correlated(120, 20, 3)
    for name, kind in (("logistic", Pipeline), ("svm", CalibratedClassifierCV)):
        head = head_spec(name)
        fitted = Tuner(y).fit(head, {"C": 0.1}, X, np.arange(120))
        assert type(fitted) is kind
        bare = fitted.calibrated_classifiers_[0].estimator if kind is CalibratedClassifierCV else fitted
        assert type(bare[-1]) is type(head.estimator[-1])
        assert bare[-1].get_params() == {**head.estimator[-1].get_params(), "C": 0.1}
