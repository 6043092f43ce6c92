"""A strategy's name and a transformer go in; a classifier of images comes out: frozen, fine-tuned or from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from .class_sizes import check_counts
from .constraints import GRID, NONE, TEXT, check_values
from .exceptions import ParameterError, nearest
from .heads import HEADS, make_head, try_head
from .labels import plain_labels
from .training_parameters import class_weights
from .transformer import CNNFeatureTransformer
from .tuning import Candidate, Tuner

__all__ = ["KINDS", "TunedHead", "kind_of", "make_strategy"]

KINDS = ("frozen", "finetuned", "scratch", "other")
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
        X, y = validate_data(self, X, y if y is None else plain_labels(y, name="y"))
        groups, together = (None if column is None else plain_labels(column, name=name) for name, column in
                            (("groups", groups), ("together", together)))  # fmt: skip
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
        check_values(self.get_params(deep=False))
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
    check_values(locals(), name=TEXT, parameters=GRID | NONE)
    short, at, layer = name.partition("@")
    kind, colon, head = short.partition(":")
    chosen = {**({"layer": layer} if layer else {}), **(parameters or {})}
    if kind == "frozen" and bool(colon) is bool(head) and bool(at) is bool(layer):
        return _frozen(head or "logistic", clone(transformer), chosen)
    if short not in ("finetuned", "scratch") or bool(at) is not bool(layer):
        known = [*(f"frozen:{head}" for head in HEADS), "frozen", "finetuned", "scratch"]
        raise ParameterError(f"there is no strategy {name!r}", nearest(name, known) or f"Use {', '.join(known)}.")
    from .finetune import CNNFineTuneClassifier

    shared = {key: value for key, value in transformer.get_params(deep=False).items() if key in SHARED}
    chosen = {**shared, **(FROM_SCRATCH if kind == "scratch" else {}), **chosen}
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
    check_values(classifier.get_params(deep=False))
    values = {k: v if isinstance(v, list | tuple | np.ndarray) else [v] for k, v in chosen.items()}
    classifier.set_params(grid={**(classifier.grid or {}), **values} or None)
    classifier.candidate(2)
    return Pipeline([("features", transformer), ("head", classifier)])


def kind_of(estimator: BaseEstimator) -> str:
    """Return which of `KINDS` a classifier of images is: what becomes of the pretrained network in it."""
    if isinstance(estimator, Pipeline) and isinstance(estimator[0], CNNFeatureTransformer):
        return "frozen"
    parameters = estimator.get_params(deep=False)
    if "backbone" not in parameters:
        return "other"
    return "scratch" if parameters.get("weights", "DEFAULT") is None else "finetuned"
