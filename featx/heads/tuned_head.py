"""TunedHead: a classifier on embeddings that tunes itself by grid search when it is fitted, for any pipeline."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..choices import Scoring
from ..constraints import RANDOM_STATE, check_values
from ..evaluation.class_sizes import check_counts
from ..evaluation.splits import INNER_FOLDS, Split, inner_folds
from ..exceptions import ParameterError
from ..images.labels import plain_column, plain_labels
from ..runtime.one_thread import one_thread
from ..runtime.seeds import drawn_seed
from ..runtime.tasks import Workers
from .class_weights import class_weights
from .elimination import find_best_value
from .grid_predictions import predict_grid
from .heads import HeadSpec, head_spec, try_head

__all__ = ["TunedHead", "make_head"]

# No score is above 1: the elimination of values rests on that.
SCORE_FUNCTIONS: dict[Scoring, Callable[..., float]] = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1_macro": partial(f1_score, average="macro"),
}


class TunedHead(ClassifierMixin, BaseEstimator):
    """A named head on embeddings, tuned over its grid by cross-validation inside the rows that it is fitted on.

    Parameters
    ----------
    head : str, default="logistic"
        One of `HEADS`; see `make_head`.
    grid : mapping of str to sequence, default=None
        Values of the classifier's own parameters, such as ``{"C": [0.1, 1]}``, in place of those of the default grid.
    class_weight : "balanced", mapping or None, default=None
    scoring : {"accuracy", "balanced_accuracy", "f1_macro"}, default="accuracy"
        What the tuning maximises.
    random_state : int, RandomState or None, default=0
        Seed of the folds and the head. With None or a RandomState, each `fit` draws a seed.
    n_jobs : int, default=None
        Processes for the grid search.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
    best_score_ : float
        The best mean score over the inner folds.
    best_params_ : dict
        The classifier's parameters that reached it.
    head_ : estimator
        Fitted with these parameters on all rows; calibrated by temperature scaling if it has no probabilities of its
        own.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only after fitting on a table whose columns have names.

    See Also
    --------
    evaluate_heads : Metrics of several heads, by nested cross-validation.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from featx import CNNFeatureTransformer, TunedHead
    >>> X, y = load_digits(n_class=2, return_X_y=True)
    >>> features = CNNFeatureTransformer(image_size=32, value_range=(0, 16), cache=None)
    >>> model = make_pipeline(features, TunedHead("svm")).fit(X[:60], y[:60])
    >>> model.score(X[60:90], y[60:90]) > 0.9
    True
    """

    # Saved models use this name, wherever the module is.
    __module__ = "featx"

    def __init__(
        self,
        head: str = "logistic",
        *,
        grid: Mapping[str, Sequence[Any]] | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        scoring: Scoring = "accuracy",
        random_state: int | np.random.RandomState | None = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.head = head
        self.grid = grid
        self.class_weight = class_weight
        self.scoring = scoring
        self.random_state = random_state
        self.n_jobs = n_jobs

    def __sklearn_clone__(self) -> Any:
        given = self.get_params(deep=False)
        # Mappings other than dict may not be copyable.
        plain = {k: dict(v) for k, v in given.items() if isinstance(v, Mapping) and not isinstance(v, dict)}
        return clone(copy.copy(self).set_params(**plain)) if plain else super().__sklearn_clone__()

    def fit(self, X: Any, y: Any, groups: np.ndarray | None = None, together: np.ndarray | None = None) -> TunedHead:
        """Tune and fit.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
            At least two of each class.
        groups : ndarray of shape (n,), default=None
            Kept on one side of every inner fold.
        together : ndarray of int, shape (n,), default=None
            Equal for images of the same content, which are kept together too.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            If there is not one group for each row, or a parameter holds what it does not accept.
        DatasetError
            If there are too few rows of a class, or too few groups, to tune on.
        """
        seed = drawn_seed(self.random_state)
        spec = self.spec(seed=seed)
        # Of rows that lie column by column, sums would be rounded in another order.
        X, y = validate_data(self, X, y if y is None else plain_labels(y, name="y"), order="C")
        groups, together = (plain_column(column, len(y), name=name, what="rows") for name, column in
                            (("groups", groups), ("together", together)))  # fmt: skip
        check_classification_targets(y)
        classes, truth = np.unique(y, return_inverse=True)
        check_counts(truth, classes, 2, "tuning needs")
        class_weights(self.class_weight, classes, truth)
        if self.grid:
            try_head(spec, len(classes))
        folds = inner_folds(y, groups, seed, together)
        spec = _feasible(spec, y, folds)
        # BLAS threads that wait for each other slow the searches down, many times over on a busy machine.
        with one_thread():
            self.best_score_, self.best_params_ = self._best_value(spec, X, y, folds)
            self.head_ = _with_probabilities(spec.with_parameters(self.best_params_), X, y, folds)
        self.classes_ = self.head_.classes_
        return self

    def _best_value(
        self, spec: HeadSpec, X: np.ndarray, y: np.ndarray, folds: list[Split]
    ) -> tuple[float, dict[str, Any]]:
        """Return the best mean score and the parameters that reached it, as a search of the whole grid would."""
        values = list(ParameterGrid(spec.grid))
        with Workers(n_jobs=self.n_jobs) as workers:

            def score(tasks: list[tuple[int, list[int]]]) -> Sequence[Sequence[float]]:
                calls = [
                    (spec.estimator, [values[place] for place in places], X, y, folds[fold], self.scoring)
                    for fold, places in tasks
                ]
                return list(workers.results(_scores, calls))

            best, mean = find_best_value(score, len(values), len(folds), n_jobs=workers.count())
        return mean, values[best]

    def spec(self, n_classes: int | None = None, *, seed: int | None = None) -> HeadSpec:
        """Return the classifier and its grid, which is tried on made-up rows if the number of classes is given.

        Parameters
        ----------
        n_classes : int, default=None
        seed : int, default=None
            In place of `random_state`.

        Raises
        ------
        ParameterError
            If a parameter holds a value that it does not accept.
        """
        check_values(self.get_params(deep=False), random_state=RANDOM_STATE)
        spec = head_spec(
            self.head,
            grid=self.grid,
            class_weight=self.class_weight,
            random_state=self.random_state if seed is None else seed,
        )
        if self.grid and n_classes is not None:
            try_head(spec, n_classes)
        return spec

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, shape (n, k)."""
        check_is_fitted(self)
        return self.head_.predict_proba(validate_data(self, X, reset=False))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, shape (n,)."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]


def make_head(
    name: str,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
    scoring: Scoring = "accuracy",
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
) -> TunedHead:
    """Return a head by name: a classifier that standardises embeddings and tunes itself on them when it is fitted.

    Parameters
    ----------
    name : {"logistic", "linear_svm", "svm", "knn", "ridge", "mlp"}
        Multinomial logistic regression; linear SVM; SVM with RBF kernel; k nearest neighbours weighted by distance;
        ridge classifier; one hidden layer of 256 units with early stopping.
    grid, class_weight, scoring, random_state, n_jobs
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
        name, grid=grid, class_weight=class_weight, scoring=scoring, random_state=random_state, n_jobs=n_jobs
    )
    head.spec(2)
    return head


def _feasible(spec: HeadSpec, y: np.ndarray, folds: list[Split]) -> HeadSpec:
    """Return the head without what the training parts of the folds are too small for.

    These are numbers of neighbours that exceed the rows, and early stopping if the part that it holds out would lack a
    class.
    """
    pipeline, grid = clone(spec.estimator), spec.grid
    known = pipeline[-1].get_params()
    if "early_stopping" in known:
        fraction = known["validation_fraction"]
        counts = [np.unique(y[train], return_counts=True)[1] for train, _ in folds]
        enough = all(min(c) > 1 and math.ceil(fraction * sum(c)) >= max(2, len(c)) for c in counts)
        pipeline[-1].set_params(early_stopping=enough)
    if "n_neighbors" in grid:
        most = min(len(train) for train, _ in folds)
        few = [number for number in grid["n_neighbors"] if number <= most]
        if not few:
            raise ParameterError(
                f"got n_neighbors={min(grid['n_neighbors'])} for {most} training images", "Choose fewer neighbours."
            )
        grid = {**grid, "n_neighbors": few}
    return HeadSpec(spec.name, pipeline, grid)


def _scores(
    pipeline: Pipeline, values: list[dict[str, Any]], X: np.ndarray, y: np.ndarray, fold: Split, scoring: Scoring
) -> list[float]:
    """Return the score of each value on the second part of the rows, after fitting on the first."""
    train, test = fold
    scaler = clone(pipeline[:-1])
    with warnings.catch_warnings():
        # The ends of a grid may stop before they converge; the scores show whether that matters.
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        rows = scaler.fit_transform(X[train])
        predicted = predict_grid(pipeline[-1], values, rows, y[train], scaler.transform(X[test]))
    return [float(SCORE_FUNCTIONS[scoring](y[test], labels)) for labels in predicted]


def _with_probabilities(pipeline: Pipeline, X: np.ndarray, y: np.ndarray, folds: list[Split]) -> BaseEstimator:
    """Return the head fitted on all rows, calibrated if it has no probabilities of its own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        if hasattr(pipeline, "predict_proba"):
            return pipeline.fit(X, y)
        # A high temperature brings the probabilities so close that float32 would not tell them apart.
        return _calibrated(pipeline, X.astype(np.float64), y, folds)


def _calibrated(pipeline: Pipeline, X: np.ndarray, y: np.ndarray, folds: list[Split]) -> CalibratedClassifierCV:
    """Return the head fitted on all rows and calibrated by temperature scaling."""
    weights = pipeline[-1].get_params().get("class_weight")
    classes, numbers = np.unique(y, return_inverse=True)
    labels, head = y, pipeline
    if isinstance(weights, Mapping):
        # Scikit-learn predicts the folds by class numbers, in place of the labels that the weights are given for.
        labels, head = numbers, clone(pipeline)
        head[-1].set_params(class_weight={n: weights.get(label, 1.0) for n, label in enumerate(classes.tolist())})
    calibrated = CalibratedClassifierCV(head, method="temperature", ensemble=False, cv=folds).fit(X, labels)
    if labels is numbers:
        (fitted,) = calibrated.calibrated_classifiers_
        fitted.estimator, fitted.classes = clone(pipeline).fit(X, y), classes
        calibrated.estimator, calibrated.classes_ = pipeline, classes
    calibrated.cv = INNER_FOLDS  # the row numbers of the folds have no place in a saved model
    return calibrated
