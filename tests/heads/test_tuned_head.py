"""Promised: a head tunes itself as the last step of any pipeline, and chooses what a plain grid search would choose.

The plain grid search is in float64, and has the same score.
"""

import pickle
import warnings
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import featx
from featx import (
    HEADS,
    CNNFeatureTransformer,
    CNNFineTuneClassifier,
    DatasetError,
    ParameterError,
    TunedHead,
    evaluate_heads,
    load_model,
    make_head,
    save_model,
)
from featx.evaluation.splits import inner_folds
from featx.heads import tuned_head as module
from featx.heads.scoring import LABEL_SCORES
from plain_searches import plain_search

NAMES = np.array(["ant", "bee", "cat"])


def digits(n):
    X, y = load_digits(return_X_y=True)
    return X[:n].astype(np.float32), y[:n]


@pytest.fixture(scope="module")
def clusters():
    y = np.arange(90) % 3
    X = np.random.default_rng(0).normal(size=(90, 6)).astype(np.float32)
    X[np.arange(90), y] += 4
    return X, NAMES[y]


@pytest.fixture
def shades():
    """Images of three greys, which any network tells apart."""
    y = np.arange(24) % 3
    noise = np.random.default_rng(0).integers(0, 40, (24, 8, 8), dtype=np.uint8)
    return list(noise + (y * 100)[:, None, None].astype(np.uint8)), NAMES[y]


def test_the_tuned_head_passes_scikit_learns_checks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(TunedHead(grid={"C": [1.0]}), on_skip=None)


def test_the_tuned_head_chooses_the_good_value():
    y = np.arange(60) % 2
    rng = np.random.default_rng(0)
    X = np.column_stack([2.0 * y, rng.normal(size=(60, 3))]) + rng.normal(size=(60, 4))
    head = TunedHead("svm", grid={"C": [1.0], "gamma": [1e3, 0.1]}).fit(X, y)
    assert head.best_params_ == {"C": 1.0, "gamma": 0.1}
    assert head.best_score_ > 0.7
    assert head.predict_proba(X).sum(axis=1) == pytest.approx(1)
    assert clone(head).grid == head.grid


def test_a_made_head_is_a_tuned_head_with_these_parameters():
    given = {"grid": {"C": [0.1, 1.0]}, "class_weight": "balanced", "scoring": "f1_macro", "random_state": 3}
    given |= {"n_jobs": 2, "positive": 1, "operating_point": "cost=5:1"}
    assert make_head("svm", **given).get_params() == TunedHead("svm", **given).get_params() == {"head": "svm", **given}
    assert featx.make_head is make_head
    assert "TunedHead" in featx.__all__


def test_it_is_the_last_step_of_a_pipeline_on_images(tiny, shades, tmp_path):
    images, y = shades
    model = make_pipeline(CNNFeatureTransformer(**tiny), make_head("logistic")).fit(images, y)
    assert model.score(images, y) == 1
    assert model.classes_.tolist() == NAMES.tolist()
    assert model[-1].n_features_in_ == model[0].embedding_dim_
    assert "TunedHead" in model._repr_html_()
    save_model(model, tmp_path / "m.skops")
    for again in (load_model(tmp_path / "m.skops"), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(again.predict_proba(images), model.predict_proba(images))
    assert not hasattr(clone(model)[-1], "classes_")


@pytest.mark.parametrize("name", HEADS)
def test_every_head_gives_classes_and_probabilities(name, clusters):
    X, y = clusters
    grid = {"alpha": [1.0]} if name == "mlp" else None
    answers = cross_val_predict(make_head(name, grid=grid), X, y, cv=3, method="predict_proba")
    assert answers.shape == (90, 3)
    assert answers.sum(axis=1) == pytest.approx(1)
    assert accuracy_score(y, NAMES[answers.argmax(axis=1)]) > 0.7  # of 1/3 by chance


def test_it_is_searched_and_cross_validated_like_any_other(clusters):
    X, y = clusters
    search = GridSearchCV(make_head("logistic"), {"head": ["knn", "ridge"], "scoring": ["accuracy"]}, cv=2).fit(X, y)
    assert search.best_params_["head"] in ("knn", "ridge")
    assert search.best_score_ > 0.9
    assert cross_val_score(make_head("ridge"), X, y, cv=3, scoring="roc_auc_ovr").min() > 0.9


def test_groups_stay_on_one_side_of_the_folds_that_it_tunes_on():
    # One group a label: a neighbour of the same group would answer every time.
    groups = np.repeat(np.arange(12), 5)
    X, y = np.eye(12)[groups] + 0.01 * np.random.default_rng(0).normal(size=(60, 12)), groups % 2
    head = make_head("knn", grid={"n_neighbors": [1]})
    assert head.fit(X, y).best_score_ == 1
    assert head.fit(X, y, groups=groups).best_score_ < 0.9
    pipeline = make_pipeline(head)
    assert pipeline.fit(X, y, tunedhead__groups=groups)[-1].best_score_ < 0.9


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("logstic", {}, "Did you mean logistic"),
        ("svm", {"grid": {"c": [1]}}, "no parameter 'c'"),
        ("svm", {"grid": [0.1, 1]}, r"got grid=\[0.1, 1\]; expected a mapping of parameter to values"),
        ("svm", {"grid": {"C": [-1.0]}}, "does not take C=-1.0"),
        ("logistic", {"grid": {"l1_ratio": [0.5], "solver": ["liblinear"]}}, "cannot be fitted with"),
        ("knn", {"class_weight": "balanced"}, "takes no class weights"),
        ("svm", {"scoring": "auc"}, "scoring='auc'"),
        ("svm", {"random_state": -1}, "random_state=-1"),
    ],
)
def test_what_cannot_be_made_is_refused_at_once(name, options, words):
    with pytest.raises(ParameterError, match=words):
        make_head(name, **options)


def test_classes_of_one_image_leave_nothing_to_tune_on(clusters):
    X, y = clusters
    with pytest.raises(DatasetError, match="tuning needs"):
        make_head("logistic").fit(X[:4], y[:4])


@pytest.mark.parametrize("name", ["groups", "together"])
@pytest.mark.parametrize("length", [80, 100])
def test_groups_of_another_length_than_the_rows_are_refused(name, length, clusters):
    with pytest.raises(ParameterError, match=f"got {length} {name} for 90 rows; expected one for each"):
        make_head("knn").fit(*clusters, **{name: np.arange(length) // 3})


@pytest.mark.parametrize("name", ["logistic", "ridge", "svm"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"class_weight": {0: 0, 1: 0}},
        {"class_weight": {0: -1, 1: 1}},
        {"class_weight": {7: 1.0}},
        {"random_state": -1},
    ],
    ids=str,
)
def test_a_tuned_head_refuses_weights_and_seeds_that_mean_nothing(name, parameters):
    X = np.random.default_rng(0).normal(size=(20, 4))
    with pytest.raises(ParameterError, match=next(iter(parameters))):
        TunedHead(name, **parameters).fit(X, np.arange(20) % 2)


def test_a_grid_is_tried_on_as_many_classes_as_there_are():
    X, y = digits(90)
    head = make_head("logistic", grid={"solver": ["liblinear"], "C": [0.1]})
    with pytest.raises(ParameterError, match=r"cannot be fitted with C=0\.1, solver='liblinear'"):
        head.fit(X, y % 3)
    assert head.fit(X, y % 2).best_params_ == {"solver": "liblinear", "C": 0.1}


def test_class_weights_and_heads_may_be_in_other_containers():
    X, y = digits(60)
    y = y % 2
    weights = {0: 1.0, 1: 3.0}
    expected = TunedHead("ridge", class_weight=weights).fit(X, y).predict_proba(X)
    assert np.array_equal(
        TunedHead("ridge", class_weight=MappingProxyType(weights)).fit(X, y).predict_proba(X), expected
    )
    assert clone(CNNFineTuneClassifier(class_weight=MappingProxyType(weights))).class_weight == weights
    proxies = {
        "class_weight": MappingProxyType(weights),
        "grids": MappingProxyType({"ridge": MappingProxyType({"alpha": (1.0,)})}),
    }
    result, _ = evaluate_heads({("head", "avg"): X}, y, heads=pd.Series(["ridge"]), cv=3, **proxies)
    assert result.head == "ridge"


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


def named_digits():
    X, y = digits(400)
    return X, np.array([f"digit {number}" for number in y])


SETS = {
    "many rows": lambda: correlated(420, 40, 7),
    "more features than rows": lambda: correlated(90, 150, 5),
    "two classes": lambda: correlated(240, 30, 2, spread=0.2),
    "imbalanced": rare,
    "labels of text, constant features": named_digits,
}


def search(X, y, name, *, groups=None, scoring="accuracy", n_jobs=None, **options):
    """Return score and parameters of the tuning, and of the plain grid search on the same folds."""
    tuned = TunedHead(name, scoring=scoring, n_jobs=n_jobs, **options).fit(X, y, groups=groups)
    plain = plain_search(tuned.spec(), X.astype(float), y, cv=inner_folds(y, groups, 0), scoring=scoring)
    return (tuned.best_score_, tuned.best_params_), plain


def check(found, plain, n):
    assert found[1] == plain[1]
    assert found[0] == pytest.approx(plain[0], abs=1 / n)


@pytest.mark.parametrize("data", SETS)
@pytest.mark.parametrize("name", sorted(set(HEADS) - {"mlp"}))
def test_the_choice_is_that_of_a_plain_grid_search(name, data):
    X, y = SETS[data]()
    check(*search(X, y, name), len(y))


@pytest.mark.parametrize("name", ["logistic", "svm", "ridge", "linear_svm"])
@pytest.mark.parametrize("weight", ["balanced", {True: 5, False: 1}], ids=str)
def test_class_weights_and_scorings_are_those_of_a_plain_grid_search(name, weight):
    X, y = rare()
    y = y == "rare"
    for scoring in LABEL_SCORES:
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
        tuned = TunedHead(name, grid={"C": [0.1]}).fit(X, y)
        assert type(tuned.head_) is kind
        bare = tuned.head_.calibrated_classifiers_[0].estimator if kind is CalibratedClassifierCV else tuned.head_
        expected = tuned.spec().estimator[-1]
        assert type(bare[-1]) is type(expected)
        assert bare[-1].get_params() == {**expected.get_params(), "C": 0.1}


@pytest.mark.parametrize("name", ["logistic", "svm", "ridge"])
def test_how_rows_lie_in_memory_changes_nothing(name):
    X, y = correlated(120, 20, 3)
    expected = TunedHead(name).fit(X, y)
    for other in (np.asfortranarray(X), pd.DataFrame(X)):
        found = TunedHead(name).fit(other, y)
        assert (found.best_score_, found.best_params_) == (expected.best_score_, expected.best_params_)
        assert np.array_equal(found.predict_proba(X), expected.predict_proba(X))


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


def test_inner_folds_are_made_once(monkeypatch, clusters):
    calls = []
    monkeypatch.setattr(module, "inner_folds", lambda *args: calls.append(1) or inner_folds(*args))
    make_head("svm").fit(*clusters)
    assert len(calls) == 1
