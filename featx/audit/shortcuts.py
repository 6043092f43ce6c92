"""Check for shortcuts: how well file size, image size, colour and format alone predict the class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..display.records import Record
from ..evaluation.estimates import Estimate
from ..evaluation.paired import SIGNIFICANCE, adjust_p_values, compare_paired
from ..evaluation.splits import Split
from .pictures import Pictures

__all__ = ["Shortcut", "find_shortcuts"]

TREES, FEWEST_IN_LEAF = 100, 3


@dataclass(frozen=True, repr=False)
class Shortcut(Record):
    """How well the class is predicted without looking at what an image shows.

    Attributes
    ----------
    by : {"file size", "image size", "mean colour", "file format"}
    accuracy : float
        Cross-validated, of a random forest.
    majority : float
        The accuracy of always answering the largest class, on the same images.
    difference : Estimate
        Of these two, with its 95 % interval; see `compare_paired`.
    p_value : float
        Adjusted for the number of checks (Holm 1979).
    found : bool
        Whether the class is predicted better than by the majority, p < 0.05.
    """

    by: str
    accuracy: float
    majority: float
    difference: Estimate
    p_value: float
    found: bool


def find_shortcuts(
    pictures: Pictures,
    truth: np.ndarray,
    folds: list[Split],
    *,
    groups: np.ndarray | None = None,
    random_state: int = 0,
) -> list[Shortcut]:
    """Return what each of these properties that are not all equal says of the class.

    Parameters
    ----------
    pictures : Pictures
        Of readable images.
    truth : ndarray of int, shape (n,)
    folds : list of (train rows, test rows)
        Of a cross-validation that keeps near-duplicates on one side.
    groups : ndarray, shape (n,), default=None
        As for `compare_paired`.
    random_state : int, default=0
    """
    from sklearn.ensemble import RandomForestClassifier

    # Of all images, as `fit` has it after cross-validation: where classes are of one size, the largest of the training
    # rows is the rarer of the test rows, and answering it is right less often than chance.
    majority = truth == np.bincount(truth).argmax()
    tests = {}
    for name, columns in _properties(pictures).items():
        if not (columns != columns[0]).any():
            continue
        right = np.zeros(len(truth), dtype=bool)
        for train, test in folds:
            forest = RandomForestClassifier(TREES, min_samples_leaf=FEWEST_IN_LEAF, random_state=random_state)
            right[test] = forest.fit(columns[train], truth[train]).predict(columns[test]) == truth[test]
        tests[name] = right, compare_paired(right, majority, groups=groups, folds=len(folds))
    p_values = adjust_p_values([test.p_value for _, test in tests.values()])
    return [
        Shortcut(
            name,
            float(right.mean()),
            float(majority.mean()),
            test.difference,
            float(p),
            bool(p < SIGNIFICANCE and test.difference.value > 0),
        )
        for (name, (right, test)), p in zip(tests.items(), p_values, strict=True)
    ]


def _properties(pictures: Pictures) -> dict[str, np.ndarray]:
    coded = [np.unique(names.astype(str), return_inverse=True)[1] for names in (pictures.kinds, pictures.modes)]
    return {
        "file size": pictures.file_bytes[:, None].astype(float),
        "image size": pictures.size.astype(float),
        "mean colour": pictures.colour,
        "file format": np.eye(max(map(max, coded)) + 1)[np.stack(coded, axis=1)].reshape(len(coded[0]), -1),
    }
