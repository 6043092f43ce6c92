"""Time fits of a head on known embeddings or on rows that are like them, and a few epochs on a few images."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
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

__all__ = ["FitTimes", "draw_rows", "epoch_seconds", "extrapolate", "tuned_head"]

FIRST_ROWS, BUDGET_SECONDS = 256, 3.0
# Enough of each class for the folds of the tuning.
ROWS_PER_CLASS = 3
# The first epoch that is timed is not counted.
PROBE_EPOCHS = 4


class FitTimes:
    """The seconds of fits of a head, timed on sizes that are doubled while there is time, and continued from there.

    Where the embeddings of two sizes or more are known, only these are fitted to: solvers take more steps on them than
    on made-up ones. Of a head that chooses its parameters on some of the rows, the search and the last fit are
    continued apart, each to its own number of rows.

    Parameters
    ----------
    head : classifier
        Cloned for each fit.
    read : callable
        Returns known embeddings and their labels; called whenever something is timed, so that they are not kept.
    width : int
        Features of an embedding.
    labels : ndarray of shape (n,)
        Of all rows.
    """

    def __init__(
        self, head: BaseEstimator, read: Callable[[], tuple[np.ndarray, np.ndarray]], width: int, labels: np.ndarray
    ) -> None:
        self.head, self.width, self._read, self._labels = head, width, read, labels
        self._first = max(FIRST_ROWS, ROWS_PER_CLASS * len(np.unique(labels)))
        # By the number of rows.
        self._fits: list[tuple[int, float]] = []
        self._predictions: list[tuple[int, float]] = []
        self._last_fits: list[tuple[int, float]] = []
        # The number of rows up to which no more has to be timed.
        self._enough = 0

    def seconds(self, n: int, predicted: float = 0.0) -> float:
        """Return the seconds of fitting n rows, and predicting so many for each of them."""
        tuned = tuned_head(self.head)
        searched = n if tuned is None or tuned.tuning_images is None else min(n, tuned.tuning_images)
        if self._enough < searched or (searched < n and not self._last_fits):
            self._measure(searched, with_last=searched < n)
        seconds = extrapolate(self._fits, searched) + predicted * extrapolate(self._predictions, n)
        if searched < n:
            seconds += extrapolate(self._last_fits, n) - extrapolate(self._last_fits, searched)
        if tuned is not None:
            # Their kernels are computed anew for each value where they would be too large to keep, which few rows do
            # not show.
            seconds = max(seconds, svm_note(tuned.spec(), [n], self.width, tuned.tuning_images)[1])
        return seconds

    def _measure(self, searched: int, *, with_last: bool) -> None:
        """Time fits to growing numbers of rows, while the next one will not take too long."""
        known, classes = self._read()
        ours = np.isin(classes, self._labels)
        if ours.any() and not ours.all():
            known, classes = known[ours], classes[ours]
        rows = known, classes, self._labels
        most = min(searched, len(known)) if len(known) >= 2 * self._first else searched
        size = min(2 * self._fits[-1][0] if self._fits else self._first, most)
        fitted = self.head
        while not self._fits or (self._fits[-1][0] < most and extrapolate(self._fits, size) < BUDGET_SECONDS):
            X, y = draw_rows(size, *rows)
            try:
                if not self._fits:
                    clone(self.head).fit(X, y)  # imports and compilation at the first call are not measured
                began = time.perf_counter()
                fitted = clone(self.head).fit(X, y)
                ended = time.perf_counter()
                with one_thread():
                    fitted.predict(X)
                self._predictions.append((len(y), time.perf_counter() - ended))
                self._fits.append((len(y), ended - began))
            except ParameterError:  # more neighbours than rows
                if size == most:
                    raise
            size = min(2 * size, most)
        self._enough = searched
        if with_last:
            size = min(self._fits[-1][0], most)
            if fitted is self.head:
                fitted = clone(self.head).fit(*draw_rows(size, *rows))
            # Both with the parameters that were chosen on the larger.
            self._last_fits = [_time_last_fit(fitted, *draw_rows(some, *rows)) for some in (size // 2, size)]


def tuned_head(head: BaseEstimator) -> TunedHead | None:
    """Return the head of featx that a classifier is, or that a pipeline ends with."""
    last = head[-1] if isinstance(head, Pipeline) else head
    return last if isinstance(last, TunedHead) else None


def _time_last_fit(head: BaseEstimator, X: np.ndarray, y: np.ndarray) -> tuple[int, float]:
    """Return the number of rows, and the seconds of what a head does with all rows once its parameters are chosen."""
    tuned = tuned_head(head)
    assert tuned is not None
    began = time.perf_counter()
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clone(tuned.head_).fit(X, y)
    # A threshold is chosen on folds, each fitted on two thirds.
    return len(y), (time.perf_counter() - began) * (1 if tuned.operating_point is None else INNER_FOLDS)


def extrapolate(points: list[tuple[int, float]], n: int) -> float:
    """Return the seconds at a size, by a power law through (size, seconds) of the next one above it and a quarter.

    Beyond the largest size, it is continued.
    """
    last, seconds = next((point for point in points if point[0] >= n), points[-1])
    # Over a span of four, what else runs at the moment changes the power by half as much as over one of two; two sizes
    # that are nearly the same say nothing about it.
    before, less = next((point for point in reversed(points) if 4 * point[0] <= last), points[0])
    # Kernels grow with the square of the rows, and nothing with less than the rows; the rest is noise in short times.
    power = math.log(max(seconds, 1e-9) / max(less, 1e-9)) / math.log(last / before) if last > 1.5 * before else 1.0
    return seconds * (n / last) ** min(2.0, max(1.0, power))


def draw_rows(size: int, known: np.ndarray, classes: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first known rows with their labels if they are enough, or else made-up ones.

    A made-up row is a known row of its class, if there is one, plus 0.6 of the difference of two known rows, plus noise
    of 0.3 of the spread of each feature. So the rows of a class spread in the directions in which embeddings do.

    Parameters
    ----------
    size : int
        Of each class there are three rows at least, some of them made up, even if these are more.
    known : ndarray of float32, shape (m, d)
        Embeddings of some images, in random order.
    classes, labels : ndarray of shape (m,) and (n,)
        Their labels, and those to draw from.
    """
    rng, few = np.random.default_rng(0), size if size <= len(known) else 0
    names = np.unique(np.concatenate([labels, classes[:few]]))
    counts = np.bincount(np.searchsorted(names, classes[:few]), minlength=len(names))
    lacking = np.repeat(names, np.maximum(0, ROWS_PER_CLASS - counts))
    if few and not len(lacking):
        return known[:few], classes[:few]
    y = lacking if few else np.concatenate([lacking, rng.choice(labels, max(0, size - len(lacking)))])
    places = rng.integers(len(known), size=len(y))
    for name in np.intersect1d(y, classes):
        places[y == name] = rng.choice(np.flatnonzero(classes == name), int((y == name).sum()))
    one, other = rng.integers(len(known), size=(2, len(y)))
    noise = rng.normal(size=(len(y), known.shape[1])) * known.std(axis=0) * 0.3
    made_up = known[places] + (known[one] - known[other]) * 0.6 + noise
    return np.concatenate([known[:few], made_up.astype(np.float32)]), np.concatenate([classes[:few], y])


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
