"""NearestMean: the nearest class mean as a linear classifier, whose decision values agree with what it predicts."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.neighbors import NearestCentroid
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

__all__ = ["NearestMean"]


class NearestMean(LinearClassifierMixin, ClassifierMixin, BaseEstimator):
    """The class whose mean is nearest, by Euclidean distance: scikit-learn's `NearestCentroid` as a linear classifier.

    The squared distance to a mean m is, up to what all classes have in common, ``m @ m - 2 * x @ m``: linear in x. The
    decision values are these with the sign changed, so that the largest one is the prediction. Those of
    `NearestCentroid`, and its probabilities, measure distances in units of the deviation within classes, which its
    prediction does not: they may be largest for another class.

    Parameters
    ----------
    shrink_threshold : float, default=None
        As for `NearestCentroid`: by how much the means are moved towards that of all rows.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
    coef_ : ndarray of float64, shape (k, d), or (1, d) for two classes
    intercept_ : ndarray of float64, shape (k,) or (1,)
    n_features_in_ : int
    """

    # Saved models use this name, wherever the module is.
    __module__ = "featx"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "shrink_threshold": NearestCentroid._parameter_constraints["shrink_threshold"]
    }

    def __init__(self, shrink_threshold: float | None = None) -> None:
        self.shrink_threshold = shrink_threshold

    def fit(self, X: Any, y: Any) -> NearestMean:
        """Compute the mean of each class.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)

        Returns
        -------
        self
        """
        X, y = validate_data(self, X, y)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if self.shrink_threshold is None:
            each = [X[numbers == number] for number in range(len(self.classes_))]
            means = np.stack([rows.mean(axis=0, dtype=np.float64) for rows in each])
        else:
            means = NearestCentroid(shrink_threshold=self.shrink_threshold).fit(X, y).centroids_
        centre = means.mean(axis=0)
        # From their centre, so that the terms are no larger than they must be.
        shifted = means - centre
        coef, intercept = 2 * shifted, -2 * shifted @ centre - (shifted**2).sum(axis=1)
        if len(means) == 2:
            coef, intercept = coef[1:] - coef[:1], intercept[1:] - intercept[:1]
        self.coef_, self.intercept_ = coef, intercept
        return self
