"""Promised: an adapted classifier takes any labels and float32, and answers as the classifier in it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from featx.heads.adapted_classifier import AdaptedClassifier
from own_heads import Picky, Scored

Y = np.array(["ant", "bee", "cat"])[np.arange(60) % 3]
X = (np.random.default_rng(0).normal(size=(60, 4)) + 3 * np.eye(4)[np.arange(60) % 3]).astype(np.float32)


def test_labels_come_back():
    found = AdaptedClassifier(Picky(), float64=True).fit(X, Y)
    assert found.classes_.tolist() == ["ant", "bee", "cat"]
    assert (found.predict(X) == Y).mean() > 0.9
    assert not hasattr(found, "predict_proba")
    assert not hasattr(found, "decision_function")
    with pytest.raises(TypeError):
        AdaptedClassifier(Picky()).fit(X, Y)


def test_probabilities_and_decision_values_are_those_of_the_classifier():
    plain = LogisticRegression(class_weight={0: 5.0, 1: 1.0, 2: 1.0}).fit(X, np.arange(60) % 3)
    found = AdaptedClassifier(LogisticRegression(class_weight={"ant": 5.0, "bee": 1.0, "cat": 1.0})).fit(X, Y)
    np.testing.assert_array_equal(found.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(found.decision_function(X), plain.decision_function(X))
    assert hasattr(AdaptedClassifier(Scored()), "decision_function")


def test_parameters_of_the_classifier_are_set_by_their_own_names():
    found = clone(AdaptedClassifier(LogisticRegression(), numbered=False)).set_params(C=3.0, float64=True)
    assert (found.classifier.C, found.float64, found.numbered) == (3.0, True, False)
