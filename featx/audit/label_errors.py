"""Suspect wrong labels by confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068).

For each class, the threshold is the mean probability of the class among the images with that label. An image counts as
confidently of a class where its probability of the class reaches the threshold; of several classes the most probable
one. The matrix of labels against confident classes, the confident joint, estimates how many labels are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..display.records import Record

__all__ = ["LabelErrors", "Suspect", "find_label_errors"]


@dataclass(frozen=True, repr=False)
class Suspect(Record):
    """An image whose label is probably wrong.

    Attributes
    ----------
    row : int
        Of the data set.
    label, suggested : str
        What it is labelled, and what it probably is.
    probability, label_probability : float
        Of the suggested class and of the label, by models that were not trained on this image.
    """

    row: int
    label: str
    suggested: str
    probability: float
    label_probability: float


@dataclass(frozen=True, repr=False)
class LabelErrors(Record):
    """Which labels are suspected, and how many are expected to be wrong.

    Attributes
    ----------
    rows : ndarray of int, shape (s,)
        The suspects, the surest first: by the probability of the suggested class minus that of the label.
    suggested : ndarray of int, shape (s,)
        Class numbers.
    expected : float
        The estimated number of wrong labels, from the confident joint.
    joint : ndarray of float, shape (classes, classes)
        Estimated numbers of images by label and true class.
    """

    rows: np.ndarray
    suggested: np.ndarray
    expected: float
    joint: np.ndarray


def find_label_errors(truth: np.ndarray, probabilities: np.ndarray) -> LabelErrors:
    """Return the images whose labels are probably wrong.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers, as labelled.
    probabilities : ndarray, shape (n, classes)
        Of models that were not trained on the image.

    Notes
    -----
    The estimated joint is the confident joint with each row scaled to the number of images of that label (eq. 3 of the
    paper); `expected` is the sum off its diagonal. Suspects are those that two of its ways choose, by noise rate and by
    class (C+NR). By noise rate, for each label and other class, as many images as the joint has there, those with the
    largest probability of the other class minus that of the label, if the other class is the more probable one. By
    class, for each label, as many images as the joint has off the diagonal, those with the least probability of their
    label. Of two classes both choose the same. An image between two classes may be chosen by noise rate alone.
    """
    n, classes = probabilities.shape
    counts = np.bincount(truth, minlength=classes)
    own = probabilities[np.arange(n), truth]
    sums = np.bincount(truth, weights=own, minlength=classes)
    # Of a class without labels nothing is known, and none is confidently of it.
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    best = confident.argmax(axis=1)
    counted = confident[np.arange(n), best] >= 0
    joint = np.zeros((classes, classes))
    np.add.at(joint, (truth[counted], best[counted]), 1)
    sizes = joint.sum(axis=1)
    # A label without confident images is taken to be right.
    joint[sizes == 0] += np.eye(classes)[sizes == 0]
    joint *= (counts / joint.sum(axis=1))[:, None]
    margins = probabilities - own[:, None]
    chosen: dict[int, int] = {}
    for label, other in zip(*np.nonzero(np.rint(joint)), strict=True):
        if label == other:
            continue
        rows = np.flatnonzero((truth == label) & (margins[:, other] > 0))
        for row in rows[np.argsort(-margins[rows, other], kind="stable")][: round(joint[label, other])].tolist():
            # Of two classes that an image is taken for, the more probable one.
            if row not in chosen or margins[row, other] > margins[row, chosen[row]]:
                chosen[row] = int(other)
    by_class = _least_likely(truth, own, joint)
    rows = np.array([row for row in chosen if by_class[row]], dtype=int)
    suggested = np.array([chosen[row] for row in rows.tolist()], dtype=int)
    order = np.argsort(-margins[rows, suggested], kind="stable")
    return LabelErrors(rows[order], suggested[order], float(joint.sum() - np.trace(joint)), joint)


def _least_likely(truth: np.ndarray, own: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """Return the images with the least probability of their label, bool (n,): of each as many as the joint expects."""
    found = np.zeros(len(truth), dtype=bool)
    for label, wrong in enumerate(np.rint(joint.sum(axis=1) - np.diag(joint)).astype(int).tolist()):
        rows = np.flatnonzero(truth == label)
        found[rows[np.argsort(own[rows], kind="stable")][:wrong]] = True
    return found
