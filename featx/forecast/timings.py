"""Time fits of a head on rows that are like known embeddings, and a few epochs on a few images."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from ..exceptions import ParameterError
from ..finetuning.training_plan import Epochs

__all__ = ["draw_rows", "epoch_seconds", "extrapolate", "fit_seconds"]

FIRST_ROWS, BUDGET_SECONDS = 256, 4.0
# Enough of each class for the folds of the tuning.
ROWS_PER_CLASS = 3
# The first epoch that is timed is not counted.
PROBE_EPOCHS = 4


def fit_seconds(head: BaseEstimator, n: int, known: np.ndarray, classes: np.ndarray, labels: np.ndarray) -> float:
    """Return the seconds of fitting n rows and predicting as many, if need be from sizes doubled while there is time.

    The other parameters are as for `draw_rows`.
    """
    points: list[tuple[int, float]] = []
    size = min(FIRST_ROWS, n)
    while not points or (points[-1][0] < n and 4 * points[-1][1] < BUDGET_SECONDS):
        X, y = draw_rows(size, known, classes, labels)
        try:
            if not points:
                clone(head).fit(X, y)  # imports and compilation at the first call are not measured
            began = time.perf_counter()
            clone(head).fit(X, y).predict(X)
            points.append((size, time.perf_counter() - began))
        except ParameterError:  # more neighbours than rows
            if size == n:
                raise
        size = min(2 * size, n)
    return extrapolate(points, n)


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
