"""Judge the embeddings of one candidate: cross-validated heads, LogME and H-score with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluation.estimates import Estimate
from ..evaluation.metrics import score_classes
from ..evaluation.splits import INNER_FOLDS, Split
from ..evaluation.units import join_groups, nontrivial_groups
from ..heads.heads import head_spec
from ..heads.held_out_predictions import predict_held_out
from ..heads.tuned_head import TunedHead
from .h_score import h_score
from .jackknife import jackknife_interval
from .logme import log_evidence
from .spectrum import narrowed

__all__ = ["JudgedRows", "accuracy_of", "predict_rows", "transferability_scores"]

NEIGHBOURS = "n_neighbors"


@dataclass(frozen=True)
class JudgedRows:
    """The images of a round, as all candidates are judged on them.

    Attributes
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers.
    folds : sequence of sequence of (train rows, test rows)
        Those of each repeat of the cross-validation.
    groups, together : ndarray of shape (n,) or None
        As for `TunedHead.fit`.
    random_state : int
    n_jobs : int or None
        Processes for the grid searches.
    """

    truth: np.ndarray
    folds: Sequence[Sequence[Split]]
    groups: np.ndarray | None
    together: np.ndarray | None
    random_state: int
    n_jobs: int | None = None

    @property
    def units(self) -> np.ndarray:
        """Equal for images that are kept together: copies, and groups that share an image."""
        if self.groups is not None:
            return join_groups(self.groups, self.together)
        return np.arange(len(self.truth)) if self.together is None else self.together


def predict_rows(head: str, X: np.ndarray, rows: JudgedRows) -> np.ndarray:
    """Return the class number that a head predicts for each row in each repeat, tuned and fitted on the other folds.

    Parameters
    ----------
    head : str
    X : ndarray of float32, shape (n, d)
    rows : JudgedRows

    Returns
    -------
    ndarray of int, shape (repeats, n)
    """
    grid = None
    if head == "knn":
        # Of fewer rows, there are no more neighbours.
        most = min(len(train) for folds in rows.folds for train, _ in folds) * (INNER_FOLDS - 1) // INNER_FOLDS // 2
        grid = {NEIGHBOURS: [n for n in head_spec(head).grid[NEIGHBOURS] if n <= max(1, most)]}
    tuned = TunedHead(head, grid=grid, random_state=rows.random_state, n_jobs=rows.n_jobs)
    found = [
        predict_held_out(tuned, X, rows.truth, folds, groups=rows.groups, together=rows.together)[0]
        for folds in rows.folds
    ]
    return np.stack([each.probabilities.argmax(axis=1) for each in found])


def accuracy_of(predicted: np.ndarray, rows: JudgedRows) -> Estimate:
    """Return the mean accuracy of the class numbers predicted in each repeat, with the interval of `score_classes`.

    Each repeat counts for its part of an image: repeats add no images.

    Parameters
    ----------
    predicted : ndarray of int, shape (repeats, n)
    rows : JudgedRows
    """
    repeats, groups = len(predicted), nontrivial_groups(rows.groups)
    return score_classes(
        np.tile(rows.truth, repeats),
        predicted.ravel(),
        n_classes=int(rows.truth.max()) + 1,
        groups=None if groups is None else np.tile(groups, repeats),
        weights=np.full(predicted.size, 1 / repeats),
    )["accuracy"]


def transferability_scores(X: np.ndarray, rows: JudgedRows) -> tuple[Estimate, Estimate]:
    """Return LogME and H-score, each with the interval of `jackknife_interval`."""
    narrow, truth, width = narrowed(X), rows.truth, X.shape[1]

    def evidence(kept: np.ndarray) -> float:
        return log_evidence(narrow[kept], truth[kept])

    def separation(kept: np.ndarray) -> float:
        return h_score(narrow[kept], truth[kept], width=width)

    units, seed = rows.units, rows.random_state
    most = float(len(np.unique(truth)) - 1)
    return (
        jackknife_interval(evidence, truth, units, random_state=seed),
        jackknife_interval(separation, truth, units, random_state=seed, within=(0.0, most)),
    )
