"""TunedHead: a classifier on embeddings that tunes itself by grid search when it is fitted, for any pipeline."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..choices import Scoring
from ..constraints import RANDOM_STATE, check_values
from ..evaluation.class_sizes import check_counts
from ..evaluation.operating_point import check_decision, class_number, parse_operating_point
from ..evaluation.splits import inner_folds
from ..evaluation.thresholds import Decision, choose_threshold
from ..evaluation.units import judged_units
from ..exceptions import ParameterError
from ..images.labels import plain_column, plain_labels
from ..runtime.one_thread import one_thread
from ..runtime.seeds import drawn_seed
from .calibrated_head import held_out_probabilities
from .class_weights import class_weights
from .feasible import feasible
from .head_labels import head_label, is_named
from .head_probabilities import may_have_probabilities, with_probabilities
from .heads import HeadSpec, head_spec, try_head
from .own_classifiers import named_failures
from .parameter_search import best_parameters, folds_of_search
from .scoring import LABEL_SCORES
from .svm_cost import announce_svm
from .threshold_classifier import ThresholdClassifier
from .trial import adapted, try_own_head
from .tuning_rows import TUNING_IMAGES

__all__ = ["TunedHead"]


class TunedHead(ClassifierMixin, BaseEstimator):
    """A named head on embeddings, tuned over its grid by cross-validation inside the rows that it is fitted on.

    Parameters
    ----------
    head : str or classifier, default="logistic"
        One of `HEADS`, the name of a class, or a classifier of scikit-learn; see `make_head`.
    grid : mapping of str to sequence, default=None
        Values of the classifier's own parameters, such as ``{"C": [0.1, 1]}``, in place of those of the default grid.
    class_weight : "balanced", mapping or None, default=None
    scoring : {"accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "average_precision", \
"neg_log_loss"}, default="accuracy"
        What the tuning maximises. "roc_auc" and "average_precision" are of `positive`
        against the rest; without it of the second of two classes, or the mean over more, each against the rest.
    positive : object, default=None
        The class that these are of, and that `operating_point` is about.
    operating_point : str, default=None
        Such as "sensitivity=0.95", "specificity=0.9", "precision=0.8" or "cost=5:1" (a miss against a false alarm):
        chooses on the inner folds from which probability on `positive` is predicted. See `choose_threshold`.
    random_state : int, RandomState or None, default=0
        Seed of the folds and the head. With None or a RandomState, each `fit` draws a seed.
    n_jobs : int, default=None
        Processes for the grid search.
    tuning_images : int or None, default=20000
        Of more rows than this, the parameters are chosen on a random part of so many, by class, with groups and copies
        whole. The head is fitted and calibrated, and a threshold chosen, on all. None chooses on all.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
    best_score_ : float
        The best mean score over the inner folds.
    n_tuned_on_ : int
        The number of rows that the parameters were chosen on.
    best_params_ : dict
        The classifier's parameters that reached it.
    head_ : estimator
        Fitted with these parameters on all rows; calibrated by temperature scaling if it has no probabilities of its
        own, or useless ones; a `ThresholdClassifier` of it, if there is an operating point. A classifier of your own
        may have no probabilities, and then ``predict_proba`` is lacking.
    threshold_ : ChosenThreshold
        With what it reaches on the inner folds; only if there is an operating point.
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
    # Of models that were saved before there was this parameter.
    tuning_images: int | None = None

    def __init__(
        self,
        head: str | BaseEstimator = "logistic",
        *,
        grid: Mapping[str, Sequence[Any]] | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        scoring: Scoring = "accuracy",
        positive: Any = None,
        operating_point: str | None = None,
        random_state: int | np.random.RandomState | None = 0,
        n_jobs: int | None = None,
        tuning_images: int | None = TUNING_IMAGES,
    ) -> None:
        self.head = head
        self.grid = grid
        self.class_weight = class_weight
        self.scoring = scoring
        self.positive = positive
        self.operating_point = operating_point
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.tuning_images = tuning_images

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
            If there is not one group for each row, a parameter holds what it does not accept, or the classifier fails.
        DatasetError
            If there are too few rows of a class, or too few groups, to tune on.
        """
        return self.fit_rows(X, y, None, groups, together)

    def fit_rows(
        self,
        X: Any,
        y: Any,
        rows: np.ndarray | None,
        groups: np.ndarray | None = None,
        together: np.ndarray | None = None,
    ) -> TunedHead:
        """Tune and fit on some rows, as `fit` does with these rows alone, without another copy of them.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
        rows : ndarray of int or None
            Those to fit on; None means all.
        groups, together : ndarray of shape (n,), default=None
            As for `fit`, of all rows.

        Returns
        -------
        self
        """
        seed = drawn_seed(self.random_state)
        spec = self.spec(seed=seed)
        # Of rows that lie column by column, sums would be rounded in another order.
        X, y = validate_data(self, X, y if y is None else plain_labels(y, name="y"), order="C")
        groups, together = (plain_column(column, len(y), name=name, what="rows") for name, column in
                            (("groups", groups), ("together", together)))  # fmt: skip
        check_classification_targets(y)
        every = {"groups": groups, "together": together}
        places = np.arange(len(y)) if rows is None else rows
        part = {name: None if column is None else column[places] for name, column in every.items()}
        classes, truth = np.unique(y[places], return_inverse=True)
        check_counts(truth, classes, 2, "tuning needs")
        class_weights(self.class_weight, classes, truth)
        number = None if self.positive is None else class_number(self.positive, classes)
        if spec.is_own:
            spec = adapted(spec, classes)
        elif self.grid:
            try_head(spec, len(classes))
        folds = inner_folds(y[places], part["groups"], seed, part["together"])
        searched, searched_folds = folds_of_search(truth, folds, self.tuning_images, **part, random_state=seed)
        spec = feasible(spec, y[places], searched_folds)
        self.n_tuned_on_ = len(searched)
        announce_svm(spec, [len(places)], X.shape[1], self.tuning_images)
        # BLAS threads that wait for each other slow the searches down, many times over on a busy machine.
        with one_thread(), named_failures(spec.name):
            inside: dict[str, Any] = {**every, "random_state": seed}
            # Folds as rows of the whole matrix, so that no copy of the part is made.
            of_search = [(places[train], places[test]) for train, test in searched_folds]
            self.best_score_, self.best_params_ = best_parameters(
                spec, X, y, of_search, inside, scoring=self.scoring, positive=number, n_jobs=self.n_jobs
            )
            best = replace(spec, estimator=spec.with_parameters(self.best_params_))
            self.head_ = with_probabilities(best, X, y, folds, rows)
            if self.operating_point is not None and number is not None:
                whole = [(places[train], places[test]) for train, test in folds]
                found = held_out_probabilities(best, X, y, whole, **inside)[places]
                self._decide(found, truth, number, classes, part)
        self.classes_ = self.head_.classes_
        return self

    def _decide(
        self,
        probabilities: np.ndarray,
        truth: np.ndarray,
        number: int,
        classes: np.ndarray,
        inside: Mapping[str, Any],
    ) -> None:
        """Choose the threshold by probabilities of the inner folds, and have the head decide by it."""
        point = parse_operating_point(self.operating_point)
        units = judged_units(inside["groups"], inside["together"])
        self.threshold_ = choose_threshold(
            truth == number, probabilities[:, number], point, name=str(classes[number]), units=units
        )
        decision = Decision(classes[number].item(), self.threshold_.threshold, point.text)
        self.head_ = ThresholdClassifier.around(self.head_, decision)

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
        check_decision(self.positive, self.operating_point)
        spec = head_spec(
            self.head,
            grid=self.grid,
            class_weight=self.class_weight,
            random_state=self.random_state if seed is None else seed,
        )
        needs = self.scoring not in LABEL_SCORES or self.operating_point is not None
        if needs and not may_have_probabilities(spec.estimator):  # here also of a name, which is imported by now
            asked = "operating_point" if self.scoring in LABEL_SCORES else f"scoring={self.scoring!r}"
            raise ParameterError(
                f"the head {spec.name} has neither probabilities nor decision values, and {asked} needs them",
                "Choose another head.",
            )
        if n_classes is not None and spec.is_own:
            try_own_head(spec, np.array([f"class {number}" for number in range(n_classes)]))
        elif n_classes is not None and self.grid:
            try_head(spec, n_classes)
        return spec

    def _has_probabilities(self) -> bool:
        if not hasattr(self, "head_"):
            return may_have_probabilities(self.head)
        return hasattr(self.head_, "predict_proba")

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, shape (n, k)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        with named_failures(head_label(self.head)):
            return self.head_.predict_proba(X)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, the one a threshold decides, or your own classifier's."""
        check_is_fitted(self)
        if isinstance(self.head_, ThresholdClassifier):
            return self.classes_[self.head_.decision.numbers(self.predict_proba(X), self.classes_)]
        if is_named(self.head):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        X = validate_data(self, X, reset=False)
        with named_failures(head_label(self.head)):
            return np.asarray(self.head_.predict(X))
