"""Promised: a classifier of your own is tried on made-up rows, and adapted to the labels and numbers that it takes."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from featx import ParameterError
from featx.heads.adapted_classifier import AdaptedClassifier
from featx.heads.heads import head_spec
from featx.heads.trial import adapted, check_probabilities, try_own_head

LABELS = np.array(["ant", "bee", "cat"])


def test_labels_and_numbers_are_changed_only_where_the_classifier_fails_otherwise():
    assert adapted(head_spec("own_heads:Nearest"), LABELS).estimator[-1].get_params() == {"power": 2}
    found = adapted(head_spec("own_heads:Picky"), LABELS).estimator[-1]
    assert isinstance(found, AdaptedClassifier)
    assert (found.numbered, found.float64) == (True, True)


@pytest.mark.parametrize(
    ("head", "grid", "words"),
    [
        (
            "own_heads:Failing",
            None,
            r"Failing cannot be fitted\. On made-up rows: ZeroDivisionError: a bug \(own_",
        ),
        ("own_heads:Nearest", {"power": [1, "x"]}, "Nearest cannot be fitted with power='x'. On made-up rows: "),
        ("own_heads:Unequal", None, "gives rows that are no probabilities"),
        (
            "sklearn.svm:LinearSVC",
            {"dual": [True], "penalty": ["l1"]},
            "LinearSVC cannot be fitted with dual=True, pen",
        ),
    ],
)
def test_what_cannot_be_fitted_is_found_before_an_image_is_read(head, grid, words):
    with pytest.raises(ParameterError, match=words):
        try_own_head(head_spec(head, grid=grid), LABELS)


def test_a_classifier_that_needs_many_rows_or_features_is_not_refused():
    assert try_own_head(head_spec(make_pipeline(PCA(200), LogisticRegression())), LABELS).is_own


@pytest.mark.parametrize(
    "given", [np.ones((2, 2)), np.full((2, 3), np.nan), np.ones((2, 3)), np.array([[2, -1, 0.0]] * 2)]
)
def test_what_is_no_probability_is_refused(given):
    with pytest.raises(ValueError, match="predict_proba gives"):
        check_probabilities(given, 2, 3)
    check_probabilities(np.full((2, 3), 1 / 3), 2, 3)
