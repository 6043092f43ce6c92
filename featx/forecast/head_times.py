"""Time heads on few embeddings and extrapolate to many by a power law."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from ..display.progress import progress_bar
from ..evaluation.splits import held_out_split
from ..exceptions import ParameterError
from ..finetuning.head_init import fit_probe
from ..heads.nested_cv import evaluate_heads
from ..networks.pooling import View

__all__ = [
    "Features",
    "evaluation_seconds",
    "extrapolate_seconds",
    "fitting_seconds",
    "linear_probe_seconds",
    "measure_growth",
]

FIRST_ROWS = 128
# Enough of each class for every fold of a nested cross-validation to have some.
ROWS_PER_CLASS = 8
BUDGET_SECONDS = 4.0
# The weight of the mixture of real rows in a drawn row; the rest is independent noise.
MIXTURE_SHARE = 0.7


@dataclass(frozen=True)
class Features:
    """Embeddings from which any number of rows can be drawn.

    Attributes
    ----------
    rows : ndarray of float32, shape (m, d)
        Embeddings of a random part of the images.
    y : ndarray of shape (m,)
        Their labels.
    labels : ndarray of shape (n,)
        The labels of all images.
    """

    rows: np.ndarray
    y: np.ndarray
    labels: np.ndarray

    def draw(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows with labels, at least eight of each class: real rows if there are enough, otherwise mixtures.

        A mixture has the mean and the covariance of the real rows, half of the variance as independent noise in each
        feature; it is shifted by its class as far as the real classes are apart.
        """
        rng = np.random.default_rng(0)
        if len(self.rows) >= size:
            return self.rows[:size], self._filled(self.y[:size].copy(), rng)
        y = self._filled(rng.choice(self.labels, size), rng)
        mean = self.rows.mean(axis=0)
        centred = self.rows - mean
        weights = rng.normal(size=(size, len(centred))) * MIXTURE_SHARE / np.sqrt(max(1, len(centred)))
        noise = rng.normal(size=(size, len(mean))) * np.sqrt(1 - MIXTURE_SHARE**2) * centred.std(axis=0)
        drawn = mean + weights @ centred + noise
        for name in np.unique(self.y):
            # Means of m rows differ by chance too, by 1 / m of the variance.
            drawn[y == name] += _shrunk(centred[self.y == name])
        return drawn.astype(np.float32), y

    def _filled(self, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the labels, some of the frequent classes replaced by classes of which there are too few."""
        names, truth = np.unique(np.concatenate([np.unique(self.labels), y]), return_inverse=True)
        counts = np.bincount(truth[-len(y) :], minlength=len(names))
        least = min(ROWS_PER_CLASS, len(y) // len(names))
        for number in np.flatnonzero(counts < least):
            for _ in range(least - counts[number]):
                frequent = int(counts.argmax())
                place = rng.choice(np.flatnonzero(y == names[frequent]))
                y[place] = names[number]
                counts[frequent] -= 1
                counts[number] += 1
        return y

    @property
    def fewest(self) -> int:
        """The smallest number of rows to draw."""
        return max(FIRST_ROWS, 2 * ROWS_PER_CLASS * len(np.unique(self.labels)))


def _shrunk(centred: np.ndarray) -> np.ndarray:
    """Return the mean of the rows of a class, shrunk by what is due to chance (James and Stein 1961)."""
    mean = centred.mean(axis=0)
    if len(centred) < 2:
        return np.zeros_like(mean)
    chance = float(centred.var(axis=0).sum()) / (len(centred) - 1)
    return mean * np.sqrt(max(0.0, 1 - chance / max(float((mean**2).sum()), 1e-12)))


def evaluation_seconds(
    features: Mapping[View, Features],
    n: int,
    heads: Sequence[str],
    *,
    held_out: float | None,
    verbose: bool = False,
    **options: Any,
) -> dict[str, float]:
    """Return the seconds that `evaluate_heads` will take on n images, by head, and those of the last fit under "".

    Parameters
    ----------
    features : mapping of (layer, pooling) to Features
    n : int
    heads : sequence of str
    held_out : float or None
        The fraction of images to test on, in place of cross-validation.
    verbose : bool, default=False
        Show a progress bar.
    **options
        As for `evaluate_heads`.
    """
    seconds: dict[str, float] = {}
    rest: list[float] = []
    done: dict[tuple[str, int], tuple[float, float]] = {}
    timings = [(head, view) for head in dict.fromkeys(heads) for view in features]
    with progress_bar(len(timings), name="timing heads", unit="head", shown=verbose) as bar:
        for head, view in timings:
            key = head, features[view].rows.shape[1]
            if key not in done:
                done[key] = _evaluation(view, features[view], n, head, held_out, options)
            seconds[head] = seconds.get(head, 0.0) + done[key][0]
            rest.append(done[key][1])
            bar.update()
    return {**seconds, "": float(np.mean(rest))}


def _evaluation(
    view: View, features: Features, n: int, head: str, held_out: float | None, options: Any
) -> tuple[float, float]:
    """Return the seconds of the folds, and of the figures and the last fit together."""
    others: dict[int, float] = {}
    grids = {name: grid for name, grid in (options.get("grids") or {}).items() if name == head}

    def timed(size: int) -> float:
        x, y = features.draw(size)
        split = None if held_out is None else held_out_split(y, held_out)
        began = time.perf_counter()
        found, _ = evaluate_heads({view: x}, y, heads=[head], split=split, **{**options, "grids": grids})
        folds = found.candidates[0].seconds
        others[size] = time.perf_counter() - began - folds
        return folds

    points = _points(timed, features, n)
    return extrapolate_seconds(points, n), extrapolate_seconds([(size, others[size]) for size, _ in points], n)


def fitting_seconds(head: BaseEstimator, features: Features, n: int, n_predicted: int) -> float:
    """Return the seconds that a classifier of embeddings takes to fit n rows and to predict others."""

    def timed(size: int) -> float:
        x, y = features.draw(size)
        began = time.perf_counter()
        fitted = clone(head).fit(x, y)
        middle = time.perf_counter()
        fitted.predict_proba(x)
        spent = time.perf_counter() - middle
        # It also predicts the rows it was fitted on.
        return middle - began + spent * (1 + n_predicted / n)

    return extrapolate_seconds(_points(timed, features, n), n)


def linear_probe_seconds(features: Features, n: int, *, random_state: int) -> float:
    """Return the seconds that `fit_probe` takes on n rows."""

    def timed(size: int) -> float:
        x, y = features.draw(size)
        began = time.perf_counter()
        fit_probe(x, y, random_state=random_state)
        return time.perf_counter() - began

    return extrapolate_seconds(_points(timed, features, n), n)


def _points(timed: Callable[[int], float], features: Features, n: int) -> list[tuple[int, float]]:
    first = min(n, features.fewest)
    while True:
        try:
            return measure_growth(timed, first=first, last=n, budget=BUDGET_SECONDS)
        except ParameterError:  # more neighbours than rows
            if first == n:
                raise
            first = min(n, 2 * first)


def measure_growth(timed: Callable[[int], float], *, first: int, last: int, budget: float) -> list[tuple[int, float]]:
    """Time a function at sizes doubled from `first` up to `last`; return each size with its seconds.

    Parameters
    ----------
    timed : callable
        Takes a size and returns seconds.
    first, last : int
    budget : float
        Seconds in all; a size that would exceed it is left out.
    """
    timed(first)  # imports and compilation at the first call are not measured
    points: list[tuple[int, float]] = []
    size, spent = first, 0.0
    while True:
        points.append((size, timed(size)))
        spent += points[-1][1]
        following = min(last, 2 * size)
        # The work grows at least linearly with the rows, and quadratically for kernels.
        if size >= last or spent + points[-1][1] * (following / size) ** 1.5 > budget:
            return points
        size = following


def extrapolate_seconds(points: list[tuple[int, float]], size: int) -> float:
    """Return the seconds at a size, by a power law through the two largest sizes that were measured.

    The exponent is limited to 0 to 3: anything outside is noise in short times.
    """
    (last, seconds) = points[-1]
    if last == size or len(points) < 2:
        return seconds * size / last
    before, less = points[-2]
    exponent = math.log(max(seconds, 1e-9) / max(less, 1e-9)) / math.log(last / before)
    return seconds * (size / last) ** min(3.0, max(0.0, exponent))
