"""ThresholdClassifier: a fitted classifier that predicts one class from a threshold of its probability on."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from ..constraints import Constraint
from ..evaluation.operating_point import class_number
from ..evaluation.thresholds import Decision
from ..exceptions import ParameterError

__all__ = ["ThresholdClassifier"]

PROBABILITY = Constraint(
    "a number that is not negative",
    lambda value: isinstance(value, Real) and not isinstance(value, bool) and float(value) >= 0,
)


class ThresholdClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that predicts the positive class where its probability is at least a threshold.

    Elsewhere it predicts the most probable of the other classes. Probabilities are those of the classifier inside.
    `FixedThresholdClassifier` of scikit-learn does this for two classes only.

    Parameters
    ----------
    estimator : classifier
        With ``predict_proba``.
    positive : object
        A class.
    threshold : float, default=0.5
        Above 1, the positive class is never predicted.
    operating_point : str, default=""
        What the threshold was asked for, such as "sensitivity=0.95"; it changes nothing.

    Attributes
    ----------
    estimator_ : classifier
        Fitted.
    classes_ : ndarray of shape (k,)

    See Also
    --------
    TunedHead : Chooses the threshold when it is fitted with ``operating_point=``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from featx import ThresholdClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> careful = ThresholdClassifier(LogisticRegression(max_iter=1000), positive=2, threshold=0.1).fit(X, y)
    >>> (careful.predict(X)[y == 2] == 2).all()
    np.True_
    """

    # Saved models use this name, wherever the module is.
    __module__ = "featx"

    def __init__(self, estimator: Any, *, positive: Any, threshold: float = 0.5, operating_point: str = "") -> None:
        self.estimator = estimator
        self.positive = positive
        self.threshold = threshold
        self.operating_point = operating_point

    @classmethod
    def around(cls, fitted: Any, decision: Decision) -> ThresholdClassifier:
        """Return a fitted classifier with a decision.

        Parameters
        ----------
        fitted : classifier
            With ``predict_proba``.
        decision : Decision
        """
        found = cls(fitted, **vars(decision))
        found.estimator_ = fitted
        return found

    def fit(self, X: Any, y: Any, **parameters: Any) -> ThresholdClassifier:
        """Fit a copy of the classifier.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
        **parameters
            Passed on.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            If the positive class is not in y, the threshold is no number, or there are no probabilities.
        """
        PROBABILITY.check("threshold", self.threshold)
        class_number(self.positive, np.unique(np.asarray(y)))
        if not hasattr(self.estimator, "predict_proba"):
            raise ParameterError(
                f"got the classifier {type(self.estimator).__name__}, which has no probabilities to compare",
                "Calibrate it: CalibratedClassifierCV(...).",
            )
        self.estimator_ = clone(self.estimator).fit(X, y, **parameters)
        return self

    @property
    def decision(self) -> Decision:
        """The rule, as an object."""
        return Decision(self.positive, self.threshold, self.operating_point)

    @property
    def classes_(self) -> np.ndarray:
        """The classes, in the order of the probabilities."""
        return self.estimator_.classes_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, shape (n, k)."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    def predict(self, X: Any) -> np.ndarray:
        """Return the decided class of each row, shape (n,)."""
        return self.classes_[self.decision.numbers(self.predict_proba(X), self.classes_)]
