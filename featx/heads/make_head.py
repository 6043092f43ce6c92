"""make_head: a tuned head by the name of its classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..choices import Scoring
from .tuned_head import TunedHead
from .tuning_rows import TUNING_IMAGES

__all__ = ["make_head"]


def make_head(
    name: str | BaseEstimator,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
    scoring: Scoring = "accuracy",
    positive: Any = None,
    operating_point: str | None = None,
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
    tuning_images: int | None = TUNING_IMAGES,
) -> TunedHead:
    """Return a head by name: a classifier that standardises embeddings and tunes itself on them when it is fitted.

    Parameters
    ----------
    name : {"logistic", "linear_svm", "svm", "knn", "ridge", "mlp", "lda", "ncm"}, str or estimator
        Multinomial logistic regression; linear SVM; SVM with RBF kernel; k nearest neighbours weighted by distance;
        ridge classifier; one hidden layer of 256 units with early stopping; linear discriminant analysis with
        shrinkage; the nearest class mean. Any other classifier of scikit-learn's kind is named by its class,
        ``"sklearn.ensemble:RandomForestClassifier"``, or passed; a pipeline gets the embeddings as they are.
    grid, class_weight, scoring, positive, operating_point, random_state, n_jobs, tuning_images
        As for `TunedHead`.

    Raises
    ------
    ParameterError
        If there is no such head or parameter, or the head takes no class weights.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from featx import CNNFeatureTransformer, make_head
    >>> model = make_pipeline(CNNFeatureTransformer(), make_head("logistic"))
    """
    head = TunedHead(
        name,
        grid=grid,
        class_weight=class_weight,
        scoring=scoring,
        positive=positive,
        operating_point=operating_point,
        random_state=random_state,
        n_jobs=n_jobs,
        tuning_images=tuning_images,
    )
    head.spec(2)
    return head
