"""A trial of a classifier of your own on made-up rows, before images are read: what it takes and what it answers."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from ..exceptions import ParameterError
from .adapted_classifier import AdaptedClassifier
from .heads import MOST_TRIALS, TRIAL_ROWS, HeadSpec
from .own_classifiers import failure_text

__all__ = ["adapted", "check_probabilities", "try_own_head"]

# Rows of each class and features. Some need more than a few: those that keep fifty components, say.
SHAPES = ((TRIAL_ROWS, 3), (150, 300), (500, 1280))
# What is changed for a classifier that fails otherwise: labels to numbers, float32 to float64.
ADAPTATIONS: tuple[dict[str, bool], ...] = (
    {},
    {"numbered": True, "float64": False},
    {"numbered": False, "float64": True},
    {"numbered": True, "float64": True},
)
# Some of the combinations of a grid are not tried if they take long.
MOST_SECONDS = 5.0


def try_own_head(spec: HeadSpec, labels: np.ndarray) -> HeadSpec:
    """Fit every combination of the grid on made-up rows, and return the head adapted to what its classifier takes.

    Parameters
    ----------
    spec : HeadSpec
        Of a classifier of your own.
    labels : ndarray of shape (k,)
        The sorted labels of the classes, at least two.

    Raises
    ------
    ParameterError
        If it cannot be fitted, or answers what no classifier does.
    """
    found, began = adapted(spec, labels), time.perf_counter()
    for values in list(ParameterGrid(spec.grid))[1:MOST_TRIALS]:
        if time.perf_counter() - began > MOST_SECONDS:
            break
        if (problem := _problem(found, values, labels)) is not None:
            raise _error(spec, values, problem)
    return found


def adapted(spec: HeadSpec, labels: np.ndarray) -> HeadSpec:
    """Return the head with labels or numbers adapted to what its classifier takes; parameters as for `try_own_head`."""
    values = next(iter(ParameterGrid(spec.grid)))
    problems = []
    for adaptation in ADAPTATIONS:
        found = spec
        if adaptation:
            *steps, (name, classifier) = spec.estimator.steps
            found = replace(spec, estimator=Pipeline([*steps, (name, AdaptedClassifier(classifier, **adaptation))]))
        problems.append(_problem(found, values, labels))
        if problems[-1] is None:
            return found
    raise _error(spec, values, problems[0])


def check_probabilities(probabilities: np.ndarray, n: int, n_classes: int) -> None:
    """Raise ValueError unless these are the probabilities of each class for n rows."""
    if probabilities.shape != (n, n_classes):
        raise ValueError(f"predict_proba gives shape {probabilities.shape} for {n} rows of {n_classes} classes")
    if not np.isfinite(probabilities).all():
        raise ValueError("predict_proba gives numbers that are not finite")
    if probabilities.min() < -1e-6 or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-3:
        raise ValueError("predict_proba gives rows that are no probabilities: they do not sum to 1")


def _problem(spec: HeadSpec, values: Mapping[str, Any], labels: np.ndarray) -> Exception | None:
    """Return why the head cannot be used with these values, on any of the shapes; None if it can."""
    problems = []
    for per_class, width in SHAPES:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                _try(spec, values, labels[:3], per_class, width)
            return None
        except Exception as error:  # whatever a classifier raises
            problems.append(error)
    return problems[0]


def _try(spec: HeadSpec, values: Mapping[str, Any], labels: np.ndarray, per_class: int, width: int) -> None:
    rng, n = np.random.default_rng(0), len(labels)
    X = rng.standard_normal((per_class * n, width)).astype(np.float32)
    y = np.repeat(labels, per_class)
    X[np.arange(len(X)), np.repeat(np.arange(n), per_class) % width] += 2
    pipeline = spec.with_parameters(values)
    if isinstance(pipeline[-1].get_params().get("class_weight"), Mapping):
        pipeline[-1].set_params(class_weight=None)  # of the real classes
    fitted = pipeline.fit(X, y)
    classes = getattr(fitted[-1], "classes_", None)
    if classes is None or not np.array_equal(classes, labels):
        raise ValueError(
            "fit must set classes_ to the sorted labels" + ("" if classes is None else f"; it is {classes}")
        )
    predicted = np.asarray(fitted.predict(X))
    if predicted.shape != y.shape or not np.isin(predicted, labels).all():
        raise ValueError("predict gives something else than a label for each row")
    if hasattr(fitted, "predict_proba"):
        check_probabilities(np.asarray(fitted.predict_proba(X)), len(X), n)


def _error(spec: HeadSpec, values: Mapping[str, Any], problem: Exception | None) -> ParameterError:
    settings = ", ".join(f"{name}={value!r}" for name, value in values.items())
    why = "" if problem is None else failure_text(problem)
    error = ParameterError(
        f"the head {spec.name} cannot be fitted{' with ' if settings else ''}{settings}",
        f"On made-up rows: {why}.",
    )
    error.__cause__ = problem
    return error
