"""Promised: `make_head` gives a classifier that tunes itself as the last step of any scikit-learn pipeline."""

import pickle
import warnings
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
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
    given["n_jobs"] = 2
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
    result, _ = evaluate_heads({("head", "avg"): X}, y, heads=pd.Series(["ridge"]), cv=3)
    assert result.head == "ridge"
