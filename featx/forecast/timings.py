"""Time fits of a head on rows that are like known embeddings, and a few epochs on a few images."""

from __future__ import annotations

import math
import time
import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from ..evaluation.splits import INNER_FOLDS
from ..exceptions import ParameterError
from ..finetuning.training_plan import Epochs
from ..heads.svm_cost import svm_note
from ..heads.tuned_head import TunedHead
from ..runtime.one_thread import one_thread

__all__ = ["draw_rows", "epoch_seconds", "extrapolate", "fit_seconds", "tuned_head"]

FIRST_ROWS, BUDGET_SECONDS = 256, 4.0
# Enough of each class for the folds of the tuning.
ROWS_PER_CLASS = 3
# The first epoch that is timed is not counted.
PROBE_EPOCHS = 4


def fit_seconds(head: BaseEstimator, n: int, known: np.ndarray, classes: np.ndarray, labels: np.ndarray) -> float:
    """Return the seconds of fitting n rows and predicting as many, if need be from sizes doubled while there is time.

    Of a head that chooses its parameters on some of the rows, the search and the last fit are continued each to its own
    number of rows. The other parameters are as for `draw_rows`.
    """
    tuned = tuned_head(head)
    searched = n if tuned is None or tuned.tuning_images is None else min(n, tuned.tuning_images)
    points: list[tuple[int, float]] = []
    last_fits: list[tuple[int, float]] = []
    size = min(FIRST_ROWS, searched)
    while not points or (points[-1][0] < searched and 4 * points[-1][1] < BUDGET_SECONDS):
        X, y = draw_rows(size, known, classes, labels)
        try:
            if not points:
                clone(head).fit(X, y)  # imports and compilation at the first call are not measured
            began = time.perf_counter()
            fitted = clone(head).fit(X, y)
            fitted.predict(X)
            points.append((size, time.perf_counter() - began))
            if searched < n:
                last_fits.append((size, _last_fit_seconds(tuned_head(fitted), X, y)))
        except ParameterError:  # more neighbours than rows
            if size == searched:
                raise
        size = min(2 * size, searched)
    seconds = extrapolate(points, searched)
    if last_fits:
        seconds += extrapolate(last_fits, n) - extrapolate(last_fits, searched)
    if tuned is not None:
        # Their kernels are computed anew for each value where they would be too large to keep, which few rows do not
        # show.
        seconds = max(seconds, _svm_seconds(tuned, n, known.shape[1]))
    return seconds


def tuned_head(head: BaseEstimator) -> TunedHead | None:
    """Return the head of featx that a classifier is, or that a pipeline ends with."""
    last = head[-1] if isinstance(head, Pipeline) else head
    return last if isinstance(last, TunedHead) else None


def _last_fit_seconds(tuned: TunedHead | None, X: np.ndarray, y: np.ndarray) -> float:
    """Return the seconds of what a head does with all rows once its parameters are chosen."""
    assert tuned is not None
    began = time.perf_counter()
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clone(tuned.head_).fit(X, y).predict(X)
    # A threshold is chosen on folds, each fitted on two thirds.
    return (time.perf_counter() - began) * (1 if tuned.operating_point is None else INNER_FOLDS)


def _svm_seconds(tuned: TunedHead, n: int, width: int) -> float:
    spec = tuned.spec()
    return svm_note(spec, [n], width, tuned.tuning_images)[1]


def extrapolate(points: list[tuple[int, float]], n: int) -> float:
    """Return the seconds at a size, by a power law through the last two (size, seconds)."""
    (last, seconds), (before, less) = points[-1], points[-2 if len(points) > 1 else -1]
    # Kernels grow with the square of the rows, and nothing with less than the rows; the rest is noise in short times.
    power = math.log(max(seconds, 1e-9) / max(less, 1e-9)) / math.log(last / before) if last > before else 1.0
    return seconds * (n / last) ** min(2.0, max(1.0, power))


def draw_rows(size: int, known: np.ndarray, classes: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows with labels: random known rows of the same class, if there are any, and noise of half the spread.

    Parameters
    ----------
    size : int
        Of each class at least three rows are drawn, even if these are more.
    known : ndarray of float32, shape (m, d)
        Embeddings of some images.
    classes, labels : ndarray of shape (m,) and (n,)
        Their labels, and those to draw from.
    """
    rng, rare = np.random.default_rng(0), np.repeat(np.unique(labels), ROWS_PER_CLASS)
    y = np.concatenate([rare, rng.choice(labels, max(0, size - len(rare)))])
    places = rng.integers(len(known), size=len(y))
    for name in np.intersect1d(y, classes):
        places[y == name] = rng.choice(np.flatnonzero(classes == name), int((y == name).sum()))
    noise = rng.normal(size=(len(y), known.shape[1])) * known.std(axis=0) / 2
    return (known[places] + noise).astype(np.float32), y


def epoch_seconds(epochs: Epochs, images: list[Any]) -> float:
    """Return the seconds of an epoch for each image, validation included, from a few epochs on some images."""
    classifier = epochs.classifier
    # What has no effect is left as it was given, or as it is by default: a note would name a value that nobody gave.
    others: dict[str, Any] = {"patience": PROBE_EPOCHS} if classifier.early_stopping else {}
    usual = type(classifier)()
    others |= {name: getattr(usual, name) for name in ("warmup_epochs", "warmup_learning_rate")}
    whole = classifier.trainable_layers is None and np.array_equal(classifier.trainable_stages, "all")
    if not epochs.cached and not whole:
        others |= {"boundary_cache_bytes": 0, "augment_draws": usual.augment_draws}
    elif epochs.cached and str(classifier.augmentation or "none") != "none":
        others["augment_draws"] = 1
    probe = clone(classifier).set_params(
        cache=None, checkpoint=None, epochs=PROBE_EPOCHS, head_init="random", class_weight=None, verbose=False,
        **others,
    )  # fmt: skip
    history = probe.fit(images, np.arange(len(images)) % 2).history_
    return float(np.median(history["seconds"][1:])) / len(images)
