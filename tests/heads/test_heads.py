"""Promised: a head is a scikit-learn pipeline that standardises, with a grid whose first value is the simplest."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from featx import HEADS, CNNFeatureTransformer, ParameterError
from featx.comparison.compare import compare_strategies
from featx.comparison.strategies import make_strategy
from featx.datasets.load import load_dataset
from featx.heads.head_names import HEADS_WITH_CLASS_WEIGHTS
from featx.heads.heads import head_spec, try_head
from featx.heads.nested_cv import evaluate_heads
from featx.workflows.fit import fit_model
from plain_searches import plain_search


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600].astype(np.float32), y[:600]


def refusal(*args, **options):
    with pytest.raises(ParameterError) as caught:
        head_spec(*args, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_a_pipeline_that_standardises(name):
    head = head_spec(name)
    assert head.name == name
    assert isinstance(head.estimator, Pipeline)
    assert isinstance(head.estimator[0], StandardScaler)
    assert not hasattr(head.estimator[-1], "classes_")
    clone(head.estimator)


@pytest.mark.parametrize("name", sorted(set(HEADS) - {"ncm"}))
def test_a_grid_names_parameters_and_goes_from_simple_to_flexible(name):
    (parameter, values), *others = head_spec(name).grid.items()
    values = values[1:] if values[0] == "auto" else values
    assert not others
    assert parameter in head_spec(name).estimator[-1].get_params()
    rising = parameter == "C"
    assert values == sorted(values, reverse=not rising)
    assert len(set(values)) == len(values) >= 3


@pytest.mark.parametrize("name", HEADS)
def test_every_value_of_a_grid_can_be_fitted(name, digits):
    X, y = digits
    head = head_spec(name)
    for parameter, values in head.grid.items():
        for value in (values[0], values[-1]):
            head.with_parameters({parameter: value}).fit(X[:200], y[:200])


@pytest.mark.parametrize("name", sorted(set(HEADS) - {"mlp"}))
def test_heads_recognise_iris(name):
    X, y = load_iris(return_X_y=True)
    head = head_spec(name, grid={"C": [1.0]} if "svm" in name else None)
    assert plain_search(head, X, y, cv=3)[0] > 0.8


@pytest.mark.parametrize("name", HEADS)
def test_heads_recognise_digits_with_their_own_grids(name, digits):
    head = head_spec(name)
    assert plain_search(head, *digits, cv=3)[0] > 0.82


@pytest.mark.parametrize("name", HEADS)
def test_the_unit_of_the_features_does_not_matter(name, digits):
    X, y = digits
    fits = [clone(head_spec(name).estimator).fit(factor * X[:300], y[:300]) for factor in (1, 1024)]
    same = fits[0].predict(X[300:]) == fits[1].predict(1024 * X[300:])
    assert same.mean() > 0.98


@pytest.mark.parametrize(
    ("name", "parameter", "hint"), [("logistic", "c", "C"), ("knn", "neighbors", "n_neighbors"), ("svm", "CC", "C")]
)
def test_an_unknown_parameter_in_a_grid_is_named_with_the_nearest(name, parameter, hint):
    message = refusal(name, grid={parameter: [1]})
    assert f"the head {name} has no parameter {parameter!r}" in message
    assert hint in message.split(".", 1)[1]


@pytest.mark.parametrize("values", [[], 3, "abc", [1.0, -1.0], [None], ["abc"]])
def test_a_grid_of_values_that_cannot_be_is_refused(values):
    assert "logistic" in refusal("logistic", grid={"C": values})


@pytest.mark.parametrize("name", HEADS_WITH_CLASS_WEIGHTS)
def test_class_weights_reach_the_classifier_and_move_the_decision(name):
    rng = np.random.default_rng(0)
    y = (np.arange(400) % 10 == 0).astype(int)
    X = rng.normal(size=(400, 2)) + y[:, None]
    taken = [
        clone(head_spec(name, class_weight=weight).estimator).fit(X, y).predict(X).sum()
        for weight in (None, "balanced")
    ]
    assert taken[1] > taken[0] + 20
    assert head_spec(name, class_weight={0: 1, 1: 9}).estimator[-1].class_weight == {0: 1, 1: 9}


def test_a_grid_replaces_the_default_values_of_its_parameter_only():
    head = head_spec("svm", grid={"gamma": ("scale", 0.1)})
    assert head.grid == {
        "C": head_spec("svm").grid["C"],
        "gamma": ["scale", 0.1],
    }
    assert head_spec("svm", grid={"C": [7]}).grid == {"C": [7]}
    assert len(head_spec("svm").grid) == 1


def test_a_seed_reaches_the_heads_that_draw_numbers():
    for name in ("logistic", "linear_svm", "mlp", "ridge"):
        assert head_spec(name, random_state=3).estimator[-1].random_state == 3
    head_spec("knn", random_state=3)


def test_heads_do_not_share_state():
    first = head_spec("logistic")
    first.estimator[-1].set_params(C=99)
    first.grid["C"].clear()
    again = head_spec("logistic")
    assert again.estimator[-1].C != 99
    assert again.grid["C"]


@pytest.mark.parametrize("parameter", ["probability", "decision_function_shape", "break_ties"])
def test_the_svm_keeps_to_one_decision(parameter):
    message = refusal("svm", grid={parameter: [True]})
    assert f"the head svm has a fixed {parameter}" in message
    assert f"Leave {parameter} out of the grid." in message


@pytest.mark.parametrize(
    ("name", "grid", "n_classes", "words"),
    [
        ("logistic", {"penalty": ["l1"]}, 2, "penalty='l1'"),
        ("logistic", {"solver": ["lbfgs", "liblinear"]}, 3, "solver='liblinear'"),
        ("logistic", {"solver": ["liblinear"], "l1_ratio": [0.5]}, 2, "l1_ratio=0.5"),
        ("linear_svm", {"penalty": ["l1"]}, 2, "penalty='l1'"),
        ("ridge", {"solver": ["lbfgs"]}, 2, "solver='lbfgs'"),
        ("knn", {"metric": ["haversine"]}, 2, "metric='haversine'"),
    ],
)
def test_values_that_are_fine_alone_and_not_together_are_found_before_anything_is_fitted(name, grid, n_classes, words):
    with pytest.raises(ParameterError, match=words):
        try_head(head_spec(name, grid=grid), n_classes)


@pytest.mark.parametrize("n_classes", [2, 3, 102])
@pytest.mark.parametrize("name", HEADS)
def test_a_grid_that_can_be_fitted_is_not_refused(name, n_classes):
    try_head(head_spec(name), n_classes)


def test_what_works_for_two_classes_is_not_refused_for_two():
    try_head(head_spec("logistic", grid={"solver": ["liblinear"]}), 2)
    try_head(head_spec("logistic", grid={"class_weight": [{"a": 2.0, "b": 1.0}, "balanced"]}), 2)


def test_every_way_to_a_grid_tries_it_before_an_image_is_forwarded(monkeypatch):
    def forwarded(*args, **options):
        pytest.fail("an image was forwarded")

    monkeypatch.setattr("featx.networks.backbone.Backbone.embed", forwarded)
    data, transformer, grid = (
        load_dataset("sample:digits"),
        CNNFeatureTransformer(cache=None),
        {"solver": ["liblinear"]},
    )
    with pytest.raises(ParameterError, match="solver='liblinear'"):
        fit_model(data, transformer, grids={"logistic": grid})
    strategies = {"frozen": make_strategy("frozen", transformer, parameters=grid)}
    with pytest.raises(ParameterError, match=r"strategy frozen: .*solver='liblinear'"):
        compare_strategies(data, strategies, transfer=None)
    rows, labels = np.zeros((9, 2), np.float32), np.arange(9) // 3
    with pytest.raises(ParameterError, match="solver='liblinear'"):
        evaluate_heads({("head", "avg"): rows}, labels, grids={"logistic": grid}, cv=3)


@pytest.mark.parametrize("values", [(v for v in [0.1, 1]), map(float, [1]), np.array(0.1), "1", [], {0.1: 1}],
                         ids=["generator", "map", "0-d", "text", "empty", "mapping"])  # fmt: skip
def test_the_values_of_a_grid_are_a_list(values):
    assert refusal("logistic", grid={"C": values}).endswith("as the values of logistic.C. Pass a list: {'C': [...]}.")
    assert head_spec("logistic", grid={"C": np.array([0.1, 1])}).grid == {"C": [0.1, 1]}
