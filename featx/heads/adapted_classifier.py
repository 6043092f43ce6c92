"""AdaptedClassifier: gives a classifier class numbers in place of labels, or float64 in place of float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.metaestimators import available_if

__all__ = ["AdaptedClassifier"]


def _has(name: str) -> Any:
    def check(self: Any) -> bool:
        getattr(getattr(self, "classifier_", self.classifier), name)
        return True

    return available_if(check)


class AdaptedClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that takes other labels or numbers than it is given: some want classes from 0 on, or float64.

    Parameters
    ----------
    classifier : classifier
        Cloned.
    numbered : bool, default=True
        Give it the numbers of the classes, from 0 on, in the order of their sorted labels.
    float64 : bool, default=False
        Give it rows in float64.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
    classifier_ : classifier
        Fitted.
    n_features_in_ : int
    """

    # Saved models use this name, wherever the module is.
    __module__ = "featx"

    def __init__(self, classifier: Any = None, *, numbered: bool = True, float64: bool = False) -> None:
        self.classifier = classifier
        self.numbered = numbered
        self.float64 = float64

    def set_params(self, **params: Any) -> AdaptedClassifier:
        """Set parameters; those that it does not have are of its classifier."""
        own = ("classifier", "numbered", "float64")
        return super().set_params(
            **{name if name.partition("__")[0] in own else f"classifier__{name}": v for name, v in params.items()}
        )

    def fit(self, X: Any, y: Any) -> AdaptedClassifier:
        """Fit the classifier.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        y : ndarray of shape (n,)

        Returns
        -------
        self
        """
        self.classes_, numbers = np.unique(y, return_inverse=True)
        self.n_features_in_ = np.shape(X)[1]
        classifier = clone(self.classifier)
        weights = classifier.get_params().get("class_weight")
        if self.numbered and isinstance(weights, Mapping):  # of labels
            place = {label: number for number, label in enumerate(self.classes_.tolist())}
            classifier.set_params(class_weight={place[label]: value for label, value in weights.items()})
        self.classifier_ = classifier.fit(self._rows(X), numbers if self.numbered else y)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of each row, shape (n,)."""
        found = np.asarray(self.classifier_.predict(self._rows(X)))
        return self.classes_[found.astype(int)] if self.numbered else found

    @_has("predict_proba")
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, shape (n, k)."""
        return np.asarray(self.classifier_.predict_proba(self._rows(X)))

    @_has("decision_function")
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the decision values, shape (n, k), or (n,) for two classes."""
        return np.asarray(self.classifier_.decision_function(self._rows(X)))

    def _rows(self, X: Any) -> Any:
        return np.asarray(X, np.float64) if self.float64 else X
