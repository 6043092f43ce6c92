"""Measure what near-duplicates and wrong labels change of the accuracy: the same test images, judged three times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..display.records import Record
from ..evaluation.estimates import Estimate
from ..evaluation.paired import compare_paired
from ..evaluation.splits import Split, inner_folds
from ..evaluation.units import nontrivial_groups
from ..exceptions import DatasetError
from ..heads.held_out_predictions import predict_held_out
from ..heads.tuned_head import TunedHead
from .label_errors import find_label_errors

__all__ = ["AccuracyCost", "measure_cost"]


@dataclass(frozen=True, repr=False)
class AccuracyCost(Record):
    """The accuracy on the same test images with and without something among the training images.

    Attributes
    ----------
    what : {"leakage", "suspects"}
        "leakage": near-duplicates of the test images were left out of training. "suspects": so were images whose labels
        are suspected by models of training images alone; this is compared with leaving out near-duplicates only.
    before, after : float
        The accuracies.
    difference : Estimate
        Before minus after for leakage, after minus before for suspects, with the 95 % interval of `compare_paired`.
    p_value : float
    left_out : int
        Images that were left out, over all folds.
    n_test : int
    """

    what: str
    before: float
    after: float
    difference: Estimate
    p_value: float
    left_out: int
    n_test: int


def measure_cost(
    tuned: TunedHead,
    X: np.ndarray,
    labels: np.ndarray,
    splits: Sequence[Split],
    duplicates: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    random_state: int = 0,
) -> list[AccuracyCost]:
    """Judge a head on the test rows of each split: trained on all, without leaks, and without suspects as well.

    Parameters
    ----------
    tuned : TunedHead
    X : ndarray, shape (n, d)
    labels : ndarray, shape (n,)
        Class names, which an error shows.
    splits : sequence of (train rows, test rows)
        As they are drawn if nothing is known of near-duplicates.
    duplicates : ndarray of int, shape (n,)
        Equal for near-duplicates; see `duplicate_groups`.
    groups : ndarray, shape (n,), default=None
        Groups of the data set.
    random_state : int, default=0

    Notes
    -----
    Suspects are found anew in each training part, by a cross-validation of it, so that the test images have no say in
    what is left out. The test images keep their labels, wrong ones too.
    """
    truth = np.unique(labels, return_inverse=True)[1]
    tested = np.concatenate([test for _, test in splits])
    apart = [(train[~np.isin(duplicates[train], duplicates[test])], test) for train, test in splits]
    runs = [list(splits), apart]
    if cleaned := _without_suspects(tuned, X, truth, apart, duplicates, groups, random_state):
        runs.append(cleaned)
    right: list[np.ndarray] = []
    for number, run in enumerate(runs):
        if number and all(len(a) == len(b) for (a, _), (b, _) in zip(run, runs[number - 1], strict=True)):
            right.append(right[-1])
            continue
        found, _ = predict_held_out(tuned, X, labels, run, groups=groups, together=duplicates)
        right.append((found.probabilities.argmax(axis=1) == truth)[tested])
    units = nontrivial_groups((duplicates if groups is None else groups)[tested])
    costs = []
    for what, before, after in (("leakage", 0, 1), ("suspects", 1, 2)):
        if after == len(runs):
            continue
        first, second = (before, after) if what == "leakage" else (after, before)
        test = compare_paired(right[first], right[second], groups=units, folds=len(splits))
        left_out = sum(len(a) - len(b) for (a, _), (b, _) in zip(runs[before], runs[after], strict=True))
        accuracies = float(right[before].mean()), float(right[after].mean())
        costs.append(AccuracyCost(what, *accuracies, test.difference, test.p_value, left_out, len(tested)))
    return costs


def _without_suspects(
    tuned: TunedHead,
    X: np.ndarray,
    truth: np.ndarray,
    splits: Sequence[Split],
    duplicates: np.ndarray,
    groups: np.ndarray | None,
    random_state: int,
) -> list[Split]:
    """Return the splits without suspects in their training rows; none where a training part is too small for that."""
    found = []
    for train, test in splits:
        of_train = None if groups is None else groups[train]
        y = np.unique(truth[train], return_inverse=True)[1]
        try:
            folds = inner_folds(y, of_train, random_state, duplicates[train])
            predicted, _ = predict_held_out(tuned, X[train], y, folds, groups=of_train, together=duplicates[train])
        except DatasetError:
            return []
        suspects = find_label_errors(y, predicted.probabilities).rows
        left = np.delete(train, suspects)
        if len(np.unique(truth[left])) < len(np.unique(truth[train])):
            return []
        found.append((left, test))
    return found
