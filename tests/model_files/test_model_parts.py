"""Promised: everything that a model holds is found by name, and the first part in which two models differ is named."""

import copy
import unicodedata

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featx import CNNFeatureTransformer
from featx.model_files.model_parts import class_names, difference, image_estimators, parts

X, Y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2


def test_parts_are_named_by_the_way_to_them():
    model = {"steps": [("scale", StandardScaler(with_mean=False))], "arrays": np.array([None, "text"], dtype=object)}
    named = dict(parts(model))
    assert named[".steps.0.0"] == "scale"
    assert named[".steps.0.1.with_mean"] is False
    assert named[".arrays.1"] == "text"


def test_an_object_that_holds_itself_is_met_once():
    held = []
    held.append(held)
    assert [part is held for _, part in parts(held)].count(True) == 1


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda model: None, None),
        (lambda model: setattr(model[1], "C", 2.0), "steps.1.1.C"),
        (lambda model: setattr(model[1], "C", True), "steps.1.1.C"),
        (lambda model: setattr(model[1], "coef_", model[1].coef_ + 1e-9), "steps.1.1.coef_"),
        (lambda model: setattr(model[1], "coef_", model[1].coef_.astype(np.float32)), "steps.1.1.coef_"),
        (lambda model: setattr(model[0], "mean_", model[0].mean_[:2]), "steps.0.1.mean_"),
        (lambda model: delattr(model[0], "mean_"), "steps.0.1"),
    ],
    ids=["nothing", "number", "type of a number", "value", "dtype", "shape", "attribute"],
)
def test_the_first_part_that_differs_is_named(change, name):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0)).fit(X, Y)
    other = copy.deepcopy(model)
    change(other)
    assert difference(model, other) == name


def test_values_that_are_not_numbers_equal_themselves():
    assert (
        difference({"a": np.array([np.nan]), "b": float("nan")}, {"a": np.array([np.nan]), "b": float("nan")}) is None
    )
    assert difference({"a": 1}, {"b": 1}) == "dict"


def test_fitted_copies_that_are_no_parameters_are_found(tiny):
    columns = ColumnTransformer([("images", CNNFeatureTransformer(**tiny), [0])])
    columns.transformers_ = [("images", CNNFeatureTransformer(**tiny, layer="features.9"), [0])]
    found = image_estimators(make_pipeline(columns, LogisticRegression()))
    assert [estimator.layer for estimator in found.values()] == [None, "features.9"]
    assert next(iter(found)) == "columntransformer__images"
    alone = CNNFeatureTransformer()
    assert image_estimators(alone) == {"": alone}


def test_names_of_classes_are_texts_in_one_unicode_form():
    assert class_names(np.array([1, 2])) == ["1", "2"]
    assert class_names(np.array([b"a\xff"])) == ["a\\xff"]
    assert class_names(np.array([unicodedata.normalize("NFD", "é")])) == ["é"]
    assert class_names([np.array([0, 1]), np.array([0, 1])]) == []
