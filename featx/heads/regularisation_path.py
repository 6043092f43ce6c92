"""Regularisation path of logistic regression: the fits for several strengths C, computed together.

The products with the rows, which are nearly all of the work, are computed for all strengths at once, in the precision
of the rows; evaluations inside a line search need none at all.

`grid_predictions` alone calls `fit_regularisation_path`, by the entry of logistic regression in its table of shared
work. Scikit-learn's own solver can take its place, or that entry can go: heads are then tuned to the same values, more
slowly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from .line_search import line_search

__all__ = ["fit_regularisation_path"]

# As in scikit-learn's call of L-BFGS-B: pairs that are kept, and the relative decrease that ends the search.
PAIRS = 10
MIN_DECREASE = 64 * np.finfo(np.float64).eps
# How much memory the strengths that are fitted together may use for arrays of classes x rows, of which each has three.
# With so many classes and rows, more strengths at a time are no faster.
MOST_BYTES = 2**26


def fit_regularisation_path(
    X: np.ndarray,
    y: np.ndarray,
    strengths: Sequence[float],
    *,
    class_weight: str | Mapping[Any, float] | None = None,
    tol: float = 1e-4,
    max_iter: int = 1000,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Fit ``LogisticRegression(C=C)`` for several C on the same rows.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n, d)
    y : ndarray of shape (n,)
        At least two classes.
    strengths : sequence of float
        Values of C.
    class_weight : "balanced", mapping or None, default=None
    tol : float, default=1e-4
        Largest entry of the gradient to stop at.
    max_iter : int, default=1000

    Returns
    -------
    list of (coef, intercept)
        Of the shapes that scikit-learn has, (k, d) and (k,), or (1, d) and (1,) for two classes, in the dtype of X.

    Notes
    -----
    The loss, the start at zero, the minimiser (L-BFGS; Nocedal and Wright 2006, algorithm 7.4) and its stopping rule
    are those of ``LogisticRegression(solver="lbfgs")``. There are no warm starts: a search that stops at the tolerance
    has often not reached the minimum, so from the solution of another strength it would stop elsewhere and score
    differently.
    """
    found = []
    # OpenBLAS's kernels for some processors call a product of finite numbers invalid now and then.
    with np.errstate(invalid="ignore"):
        loss = _Loss(X, y, class_weight)
        together = max(1, MOST_BYTES // (3 * loss.raw.nbytes))
        for first in range(0, len(strengths), together):
            searches = [_Search(loss, C, tol) for C in strengths[first : first + together]]
            for _ in range(max_iter):
                going = [search for search in searches if not search.done]
                if not going:
                    break
                _advance(loss, going)
            found += [(search.w[:, :-1], search.w[:, -1]) for search in searches]
    return found


class _Loss:
    """The mean loss of rows as a function of the raw predictions, which are (k, n), or (1, n) for two classes."""

    def __init__(self, X: np.ndarray, y: np.ndarray, class_weight: str | Mapping[Any, float] | None) -> None:
        classes, self.truth = np.unique(y, return_inverse=True)
        self.binary = len(classes) == 2
        self.rows = np.arange(len(X))
        self.X = np.column_stack([X, np.ones(len(X), X.dtype)])
        weight = compute_class_weight(class_weight, classes=classes, y=y)[self.truth]
        self.total = float(weight.sum())
        self.share = weight / self.total
        self.raw = np.zeros((1 if self.binary else len(classes), len(X)), X.dtype)
        self.value, residual = self(self.raw)
        self.gradient = residual @ self.X

    def __call__(self, raw: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its derivative by the raw predictions."""
        if self.binary:
            sign = np.where(self.truth, -1, 1).astype(raw.dtype)
            losses = np.logaddexp(0, sign * raw[0])
            residual = (sign * np.exp(sign * raw[0] - losses))[None]
        else:
            residual = raw - raw.max(axis=0)
            losses = -residual[self.truth, self.rows]
            np.exp(residual, out=residual)
            total = residual.sum(axis=0)
            losses += np.log(total)
            residual /= total
            residual[self.truth, self.rows] -= 1
        residual *= self.share.astype(raw.dtype)
        # Summed in float32, the last decreases would be lost in noise.
        return float(losses.astype(np.float64) @ self.share), residual


class _Search:
    """The minimisation for one strength, from zero."""

    def __init__(self, loss: _Loss, C: float, tol: float) -> None:
        self.loss = loss
        self.penalty = 1 / (C * loss.total)
        self.tol = tol
        self.w = np.zeros_like(loss.gradient)
        self.raw, self.value, self.gradient = loss.raw.copy(), loss.value, loss.gradient
        self.residual = np.empty(0)
        self.pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=PAIRS)
        self.started = False
        self.step: np.ndarray | None = None
        self.done = bool(np.abs(self.gradient).max() <= tol)

    def direction(self) -> np.ndarray:
        """Return the direction of L-BFGS, of the shape of the weights."""
        q = -self.gradient
        amounts = []
        for s, change, curvature in reversed(self.pairs):
            amounts.append(np.vdot(s, q) / curvature)
            q -= amounts[-1] * change
        if self.pairs:
            _, change, curvature = self.pairs[-1]
            q *= curvature / np.vdot(change, change)
        for s, change, curvature in self.pairs:
            q += (amounts.pop() - np.vdot(change, q) / curvature) * s
        return q

    def move(self, direction: np.ndarray, change: np.ndarray) -> None:
        """Search along a direction, which changes the raw predictions by `change`, and keep the residual of the end."""
        w, d = self.w[:, :-1], direction[:, :-1]
        ww, wd, dd = (float(np.vdot(a, b)) for a, b in ((w, w), (w, d), (d, d)))
        slope = float(np.vdot(self.gradient, direction))
        number = direction.dtype.type

        def along(step: float) -> tuple[float, float]:
            value, self.residual = self.loss(self.raw + number(step) * change)
            value += self.penalty / 2 * (ww + 2 * step * wd + step * step * dd)
            return value, float(np.vdot(self.residual, change)) + self.penalty * (wd + step * dd)

        first = 1.0 if self.started else 1.0 / float(np.linalg.norm(direction))
        self.started = True
        found = line_search(along, self.value, slope, first) if slope < 0 else None
        if found is None:
            # Without the pairs, the next direction is that of the gradient; after that there is no other to try.
            self.done = not self.pairs
            self.pairs.clear()
            self.step, self.residual = None, np.zeros_like(self.raw)
            return
        step, value, _ = found
        self.done = bool(self.value - value <= MIN_DECREASE * max(abs(self.value), abs(value), 1))
        self.value = value
        self.step = number(step) * direction
        self.w += self.step
        self.raw += number(step) * change

    def update(self, gradient: np.ndarray) -> None:
        """Take the gradient of the loss where the line search stopped."""
        if self.step is None:
            return
        gradient[:, :-1] += gradient.dtype.type(self.penalty) * self.w[:, :-1]
        s, change = self.step, gradient - self.gradient
        curvature = float(np.vdot(s, change))
        if curvature > np.finfo(np.float64).eps * -float(np.vdot(self.gradient, s)):
            self.pairs.append((s, change, curvature))
        self.gradient = gradient
        self.done = self.done or bool(np.abs(gradient).max() <= self.tol)


def _advance(loss: _Loss, searches: list[_Search]) -> None:
    """Take one step in each search."""
    directions = np.stack([search.direction() for search in searches])
    changes = (directions.reshape(-1, directions.shape[-1]) @ loss.X.T).reshape(*directions.shape[:2], -1)
    residuals = np.empty_like(changes)
    for place, search in enumerate(searches):
        search.move(directions[place], changes[place])
        residuals[place], search.residual = search.residual, np.empty(0)
    gradients = (residuals.reshape(-1, residuals.shape[-1]) @ loss.X).reshape(directions.shape)
    for search, gradient in zip(searches, gradients, strict=True):
        search.update(gradient)
