"""Heads: the scikit-learn classifier behind each name, and the parameter grid that it is tuned over."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import ParameterGrid
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from ..constraints import HEAD, RANDOM_STATE, check_values, plain
from ..exceptions import ParameterError, nearest
from .head_labels import head_label, is_named
from .head_names import check_head
from .nearest_mean import NearestMean
from .own_classifiers import own_classifier

__all__ = ["HeadSpec", "head_spec", "try_head"]

# Made-up rows of each class that a grid is tried on, and how many of its combinations are tried.
TRIAL_ROWS = 10
MOST_TRIALS = 200


@dataclass(frozen=True)
class HeadSpec:
    """A classifier on embeddings and the grid that it is tuned over.

    Attributes
    ----------
    name : str
    estimator : Pipeline
        Standardises the embeddings and classifies; not fitted. A pipeline of your own gets them as they are.
    grid : dict of str to list
        Parameters of the classifier, the most regularised value first, so that ties fall to the simpler model.
    is_own : bool, default=False
        Whether it is a classifier of your own, of which only what scikit-learn asks for is known.
    """

    name: str
    estimator: Pipeline
    grid: dict[str, list[Any]]
    is_own: bool = False

    def with_parameters(self, parameters: Mapping[str, Any]) -> Pipeline:
        """Return the pipeline with these parameters of the classifier; not fitted."""
        pipeline = clone(self.estimator)
        pipeline[-1].set_params(**parameters)
        return pipeline


# The grids suit standardised embeddings of hundreds to thousands of features; the simplest model comes first.
_CLASSIFIERS: dict[str, tuple[BaseEstimator, dict[str, list[Any]]]] = {
    "logistic": (LogisticRegression(max_iter=1000), {"C": [1e-4, 1e-3, 1e-2, 1e-1, 1.0]}),
    "linear_svm": (LinearSVC(dual=True, tol=1e-2, max_iter=5000), {"C": [1e-5, 1e-4, 1e-3, 1e-2]}),
    # Votes between pairs of classes may disagree with the decision values, which the probabilities are computed from.
    "svm": (SVC(break_ties=True), {"C": [0.1, 1.0, 10.0, 100.0]}),
    "knn": (KNeighborsClassifier(weights="distance"), {"n_neighbors": [30, 10, 5, 3, 1]}),
    "ridge": (RidgeClassifier(), {"alpha": [1e5, 1e4, 1e3, 1e2, 1e1]}),
    "mlp": (
        MLPClassifier(hidden_layer_sizes=(256,), early_stopping=True, max_iter=200),
        {"alpha": [1.0, 1e-2, 1e-4]},
    ),
    # "auto" is the shrinkage of Ledoit and Wolf, which needs no tuning and is best with few images of a class.
    "lda": (LinearDiscriminantAnalysis(solver="lsqr"), {"shrinkage": ["auto", 0.9, 0.7, 0.5, 0.3, 0.1]}),
    "ncm": (NearestMean(), {}),
}
# Parameters that would let a head decide by something other than what its probabilities are computed from.
_FIXED = {"svm": ("break_ties", "decision_function_shape", "probability")}


def head_spec(
    name: str | BaseEstimator,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
    random_state: int | np.random.RandomState | None = 0,
) -> HeadSpec:
    """Return the classifier and grid of a head by name.

    Parameters
    ----------
    name : str or estimator
        One of `HEADS`, the name of a class, or a classifier; see `make_head`.
    grid : mapping of str to sequence, default=None
        Values of the classifier's own parameters, such as ``{"C": [0.1, 1]}``, in place of those of the default grid.
    class_weight : "balanced", mapping or None, default=None
    random_state : int, RandomState or None, default=0

    Raises
    ------
    ParameterError
        If there is no such head or parameter, or the head takes no class weights.
    """
    check_values(locals(), name=HEAD, random_state=RANDOM_STATE)
    check_head(name, class_weight=class_weight)
    is_own = not is_named(name)
    default: dict[str, list[Any]] = {}
    if is_own:
        label, classifier = head_label(name), _seeded(own_classifier(name), random_state)
        known = classifier.get_params()
    else:
        label = str(plain(name))
        template, default = _CLASSIFIERS[label]
        known = template.get_params()
        classifier = type(template)(**known)
        if "random_state" in known:
            classifier.set_params(random_state=random_state)
    if class_weight is not None:
        # Mappings other than dict may be impossible to copy or to send to another process.
        weight = dict(class_weight) if isinstance(class_weight, Mapping) else class_weight
        classifier.set_params(class_weight=weight)
    for parameter in grid or {}:
        if parameter not in known:
            hint = nearest(parameter, known) or (f"It has {', '.join(sorted(known))}." if known else "It has none.")
            raise ParameterError(f"the head {label} has no parameter {parameter!r}", hint)
        if not is_own and parameter in _FIXED.get(label, ()):
            raise ParameterError(
                f"the head {label} has a fixed {parameter}: it decides by the largest decision value, and temperature "
                "scaling turns these into probabilities",
                f"Leave {parameter} out of the grid.",
            )
        _check_values(label, classifier, parameter, grid[parameter], is_own=is_own)  # type: ignore[index]
    chosen = {parameter: list(values) for parameter, values in {**default, **(grid or {})}.items()}
    scale = "passthrough" if isinstance(classifier, Pipeline) else StandardScaler()
    return HeadSpec(label, Pipeline([("scale", scale), ("classify", classifier)]), chosen, is_own)


def _seeded(classifier: BaseEstimator, random_state: Any) -> BaseEstimator:
    """Return the classifier with this seed wherever it has none."""
    open_seeds = {
        name: random_state
        for name, value in classifier.get_params().items()
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    return classifier.set_params(**open_seeds) if open_seeds else classifier


def try_head(head: HeadSpec, n_classes: int) -> None:
    """Fit every combination of the grid on a few made-up rows, since values may be valid alone but not together.

    Parameters
    ----------
    head : HeadSpec
    n_classes : int
        Two, or more, which some solvers do not support.

    Raises
    ------
    ParameterError
        If a combination cannot be fitted.
    """
    rng, some = np.random.default_rng(0), min(n_classes, 3)
    X, y = rng.standard_normal((TRIAL_ROWS * some, 3)), np.repeat(np.arange(some), TRIAL_ROWS)
    for values in list(ParameterGrid(head.grid))[:MOST_TRIALS]:
        pipeline = head.with_parameters(values)
        if isinstance(pipeline[-1].get_params().get("class_weight"), Mapping):
            pipeline[-1].set_params(class_weight=None)  # of the real classes
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pipeline.fit(X, y)
        except Exception as error:  # scikit-learn's solvers refuse in many ways
            settings = ", ".join(f"{name}={value!r}" for name, value in values.items())
            raise ParameterError(
                f"the head {head.name} cannot be fitted with {settings}", " ".join(str(error).split())
            ) from error


def _check_values(name: str, classifier: BaseEstimator, parameter: str, values: Any, *, is_own: bool) -> None:
    # An iterator would be exhausted after it was checked.
    several = isinstance(values, Iterable) and not isinstance(values, str | Iterator | Mapping)
    if not several or (hasattr(values, "ndim") and values.ndim != 1) or not len(list(values)):
        raise ParameterError(
            f"got {values!r} as the values of {name}.{parameter}", f"Pass a list: {{{parameter!r}: [...]}}."
        )
    for value in values:
        try:
            tried = clone(classifier).set_params(**{parameter: value})
            if not is_own or hasattr(tried, "_parameter_constraints"):
                tried._validate_params()
        except Exception as error:  # classifiers of your own may raise errors of any kind
            raise ParameterError(f"the head {name} does not take {parameter}={value!r}", str(error)) from error
