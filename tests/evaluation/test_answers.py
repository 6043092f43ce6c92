"""Promised: answers are probabilities only where the largest is the predicted class; otherwise they are classes."""

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from featx.evaluation.answers import answers_of, joined_answers, predicted_classes

CLASSES = np.array(["ant", "bee", "cat"])
Y = CLASSES[np.arange(30) % 3]
X = np.random.default_rng(0).normal(size=(30, 3)) + 3 * np.eye(3)[np.arange(30) % 3]


class Threshold(LogisticRegression):
    """It answers the first class for all."""

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def test_probabilities_are_given_in_the_columns_of_all_classes():
    some = Y != "bee"
    found = answers_of(LogisticRegression().fit(X[some], Y[some]), X, CLASSES)
    assert found.shape == (30, 3)
    assert not found[:, 1].any()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_a_classifier_without_useful_probabilities_answers_classes():
    ridge, threshold = RidgeClassifier().fit(X, Y), Threshold().fit(X, Y)
    assert CLASSES[answers_of(ridge, X, CLASSES)].tolist() == ridge.predict(X).tolist()
    assert answers_of(threshold, X, CLASSES).tolist() == [0] * 30
    assert answers_of(threshold, X, CLASSES, by_probability=True).shape == (30, 3)


def test_parts_are_joined_as_probabilities_only_if_all_have_them():
    sure, classes = np.eye(3)[[2, 1]], np.array([0, 1])
    whole = joined_answers([(np.array([3, 0]), sure), (np.array([1, 2]), sure)], 5)
    assert whole.shape == (5, 3)
    assert predicted_classes(whole[:4]).tolist() == [1, 2, 1, 2]
    mixed = joined_answers([(np.array([3, 0]), sure), (np.array([1, 2]), classes)], 5)
    assert mixed.tolist() == [1, 0, 1, 2, 0]
    assert predicted_classes(mixed) is mixed
