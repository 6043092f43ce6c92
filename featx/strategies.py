"""A strategy's name and a transformer go in; a classifier of images comes out: frozen, fine-tuned or from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from .class_sizes import check_counts
from .evaluation import SCORINGS
from .exceptions import ParameterError, nearest
from .heads import make_head, try_head
from .strategy_names import parse_strategy
from .training_parameters import class_weights
from .transformer import CNNFeatureTransformer
from .tuning import Candidate, Tuner

__all__ = ["TunedHead", "kind_of", "make_strategy"]

# What the fine-tuned network takes over from the transformer.
SHARED = (
    "backbone",
    "weights",
    "layer",
    "pooling",
    "cache_key",
    "image_size",
    "resize",
    "image_shape",
    "value_range",
    "precision",
    "device",
    "n_jobs",
    "random_state",
    "cache",
)
# Random weights need a higher rate, the same everywhere, and more epochs; how good they get shows only when the rate
# has come down, so the best epoch is looked for in all of them.
FROM_SCRATCH = {
    "weights": None,
    "trainable_stages": "all",
    "batch_norm": "update",
    "head_init": "random",
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "head_learning_rate": 1e-3,
    "schedule": "onecycle",
    "epochs": 30,
    "patience": 30,
}
VIEW = ("", "")


class TunedHead(ClassifierMixin, BaseEstimator):
    """A named head on embeddings, tuned over its grid by cross-validation inside the rows that it is fitted on.

    Parameters
    ----------
    head : str, default="logistic"
        As for `make_head`.
    grid : mapping of str to sequence, default=None
        Values in place of the default grid's.
    class_weight : "balanced", mapping or None, default=None
    scoring : {"accuracy", "balanced_accuracy", "f1_macro"}, default="accuracy"
        What the tuning maximises.
    random_state : int, default=0
        Of the folds and the head.
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
        Fitted with them on all rows; calibrated by temperature scaling where it has no probabilities of its own.
    """

    def __init__(
        self,
        head: str = "logistic",
        *,
        grid: Mapping[str, Sequence[Any]] | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        scoring: str = "accuracy",
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.head = head
        self.grid = grid
        self.class_weight = class_weight
        self.scoring = scoring
        self.random_state = random_state
        self.n_jobs = n_jobs

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
            Equal for images of the same content, which are too.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
        DatasetError
            If there are too few rows of a class, or too few groups, to tune on.
        """
        candidate = self.candidate(2)
        X, y = validate_data(self, X, y)
        check_classification_targets(y)
        classes, truth = np.unique(y, return_inverse=True)
        check_counts(truth, classes, 2, "tuning needs")
        class_weights(self.class_weight, classes, truth)
        tuner = Tuner({VIEW: X}, y, groups, self.scoring, self.random_state, self.n_jobs, together)
        rows = np.arange(len(y))
        # BLAS threads that wait for each other slow the searches down.
        with threadpool_limits(1):
            self.best_score_, self.best_params_ = tuner.tune(candidate, rows)
            self.head_ = tuner.fit(candidate, self.best_params_, rows)
        self.classes_ = self.head_.classes_
        return self

    def candidate(self, n_classes: int) -> Candidate:
        """Return the head and its grid; raises ParameterError if a parameter holds a value that it does not accept."""
        if self.scoring not in SCORINGS:
            raise ParameterError(f"got scoring={self.scoring!r}; expected one of {', '.join(SCORINGS)}")
        if isinstance(self.random_state, Integral) and not 0 <= self.random_state < 2**32:
            raise ParameterError(f"got random_state={self.random_state}; expected an integer from 0 to below 2**32")
        head = make_head(self.head, grid=self.grid, class_weight=self.class_weight, random_state=self.random_state)
        if self.grid:
            try_head(head, n_classes)
        return Candidate(VIEW, head, np.empty((0, 0)))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, shape (n, k)."""
        check_is_fitted(self)
        return self.head_.predict_proba(validate_data(self, X, reset=False))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, shape (n,)."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]


def make_strategy(
    name: str, transformer: CNNFeatureTransformer, *, parameters: Mapping[str, Any] | None = None
) -> BaseEstimator:
    """Return a classifier of images by the name of its strategy.

    Parameters
    ----------
    name : {"frozen", "frozen:HEAD", "finetuned", "scratch"}, perhaps with "@LAYER"
        ``frozen:HEAD`` is a pipeline of the transformer and a `TunedHead`, ``frozen`` its short form for logistic
        regression; ``frozen:svm@stage6`` is one on another layer than the transformer's. ``finetuned`` is a
        `CNNFineTuneClassifier` on the same network, images and device; ``scratch`` is one with random weights, of
        which all stages are trained, by AdamW at 0.001 with a one-cycle schedule of 30 epochs.
    transformer : CNNFeatureTransformer
        The network and how images are read; not changed.
    parameters : mapping, default=None
        Parameters of the classifier in place of these. For a frozen one: of the `TunedHead`, of the transformer, or
        values of the head's own grid, such as ``{"C": [0.1, 1]}``.

    Raises
    ------
    ParameterError
        If there is no such strategy or parameter.
    """
    strategy = parse_strategy(name)
    chosen = {**({"layer": strategy.layer} if strategy.layer else {}), **(parameters or {})}
    if strategy.kind == "frozen":
        return _frozen(strategy.head, clone(transformer), chosen)
    from .finetune import CNNFineTuneClassifier

    shared = {key: value for key, value in transformer.get_params(deep=False).items() if key in SHARED}
    chosen = {**shared, **(FROM_SCRATCH if strategy.kind == "scratch" else {}), **chosen}
    network = CNNFineTuneClassifier(transformer.backbone)
    known = list(network.get_params(deep=False))
    if unknown := [key for key in chosen if key not in known]:
        hint = nearest(unknown[0], known) or f"It has {', '.join(known)}."
        raise ParameterError(f"the strategy {name} has no parameter {unknown[0]!r}", hint)
    return network.set_params(**chosen)


def _frozen(head: str, transformer: CNNFeatureTransformer, chosen: dict[str, Any]) -> Pipeline:
    classifier = TunedHead(head, random_state=transformer.random_state, n_jobs=transformer.n_jobs)
    for part in (classifier, transformer):
        own = [key for key in chosen if key in part.get_params(deep=False)]
        part.set_params(**{key: chosen.pop(key) for key in own})
    values = {k: v if isinstance(v, list | tuple | np.ndarray) else [v] for k, v in chosen.items()}
    classifier.set_params(grid={**(classifier.grid or {}), **values} or None)
    classifier.candidate(2)
    return Pipeline([("features", transformer), ("head", classifier)])


def kind_of(estimator: BaseEstimator) -> str:
    """Return the kind of a classifier of images, of `strategy_names.KINDS`: what becomes of the network in it."""
    if isinstance(estimator, Pipeline) and isinstance(estimator[0], CNNFeatureTransformer):
        return "frozen"
    parameters = estimator.get_params(deep=False)
    if "backbone" not in parameters:
        return "other"
    return "scratch" if parameters.get("weights", "DEFAULT") is None else "finetuned"
