"""Classifiers that users might write: with neither probabilities nor decision values, picky, broken, or none at all."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline


class Nearest(ClassifierMixin, BaseEstimator):
    """The class with the nearest mean, which says nothing but the class."""

    def __init__(self, power=2):
        self.power = power

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == label].mean(axis=0) for label in self.classes_])
        return self

    def predict(self, X):
        distances = (np.abs(X[:, None] - self.means_) ** self.power).sum(axis=2)
        return self.classes_[distances.argmin(axis=1)]


class Scored(Nearest):
    """It has decision values."""

    def decision_function(self, X):
        values = -((X[:, None] - self.means_) ** 2).sum(axis=2)
        return values[:, 1] - values[:, 0] if len(self.classes_) == 2 else values


class Contrary(Scored):
    """Its largest decision value is not that of the class that it predicts."""

    def decision_function(self, X):
        return -super().decision_function(X)


class Unsure(Nearest):
    """Its probabilities do not say what it predicts."""

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


class Unequal(Nearest):
    """What it calls probabilities are none."""

    def predict_proba(self, X):
        return np.ones((len(X), len(self.classes_)))


class Picky(Nearest):
    """It takes classes from 0 on, and float64."""

    def fit(self, X, y):
        if np.asarray(y).dtype.kind != "i" or set(y) != set(range(len(set(y)))):
            raise ValueError("Invalid classes inferred from unique values of `y`.")
        if X.dtype != np.float64:
            raise TypeError("float64 is needed")
        return super().fit(X, y)


class Failing(Nearest):
    """It cannot be fitted."""

    def fit(self, X, y):
        raise ZeroDivisionError("a bug")


class Unmarked(BaseEstimator):
    """It is not said to be a classifier."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))


class Holding(Nearest):
    """No file can hold it."""

    def fit(self, X, y):
        self.kept_ = lambda: None
        return super().fit(X, y)


class Components(Pipeline):
    """A pipeline as a class."""

    def __init__(self, steps=None, *, transform_input=None, memory=None, verbose=False):
        steps = steps or [("pca", PCA(4)), ("classify", LogisticRegression())]
        super().__init__(steps, transform_input=transform_input, memory=memory, verbose=verbose)


components = make_pipeline(PCA(4), LogisticRegression())


def make():
    return components


number = 3
