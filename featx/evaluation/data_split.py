"""DataSplit: the rows to train on, to validate on (early stopping) and to test on, or the folds of cross-validation."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .splits import Split, outer_folds

__all__ = ["UNGROUPED", "DataSplit"]

# The prefix of the groups of images without a group: no group of a manifest begins with it.
UNGROUPED = "\0"


@dataclass(frozen=True)
class DataSplit:
    """Which rows of a data set train, validate and test.

    Attributes
    ----------
    train : ndarray of int
    validation : ndarray of int
        The validation part of a given split that also has a test part. Where there is no test part, the validation part
        is `test`, and this is empty.
    test : ndarray of int
        The test rows; with cross-validation, all rows.
    description : str
        The test images in words, such as "test set of 8 images".
    folds : list of (train rows, test rows) or None
        Those of a cross-validation, in place of one test set.
    notes : list of str
        What to know about a given split.
    given : bool
        Whether it came with the data set; otherwise it was drawn at random.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    description: str
    folds: list[Split] | None = None
    notes: list[str] = field(default_factory=list)
    given: bool = False

    @property
    def protocol(self) -> str:
        """How the test images were chosen, in words."""
        return self.description if self.folds is not None else f"held-out {self.description}"

    @property
    def fitted(self) -> np.ndarray:
        """The rows that are not tested on: those of the training and validation parts."""
        return np.sort(np.concatenate([self.train, self.validation]))

    @property
    def splits(self) -> list[Split]:
        """Every (rows to fit on, rows to test on): one pair, or one for each fold."""
        return [(self.fitted, self.test)] if self.folds is None else self.folds

    @classmethod
    def held_out(
        cls, train: np.ndarray, test: np.ndarray, *, groups: np.ndarray | None = None, how: str = ""
    ) -> DataSplit:
        """Return the split of one test set; `how` says how it was drawn."""
        return cls(train, train[:0], test, f"test set of {len(test):,} images{how}{_grouped(groups, train, test)}")

    @classmethod
    def cross_validation(
        cls,
        labels: np.ndarray,
        cv: int,
        *,
        groups: np.ndarray | None = None,
        together: np.ndarray | None = None,
        random_state: int = 0,
    ) -> DataSplit:
        """Return the folds of a cross-validation; parameters and errors as for `outer_folds`."""
        classes, truth = np.unique(labels, return_inverse=True)
        folds = outer_folds(truth, classes, cv, groups, random_state, together)
        rows = np.arange(len(labels))
        grouped = ", whole groups on one side" if groups is not None else ""
        return cls(rows, rows[:0], rows, f"nested cross-validation: {cv} stratified folds{grouped}", folds)


def _grouped(groups: np.ndarray | None, train: np.ndarray, test: np.ndarray) -> str:
    if groups is None or np.isin(groups[test], groups[train]).any():
        return ""
    # Where one of the two has no groups, this is not known.
    if any(str(name).startswith(UNGROUPED) for name in np.unique(groups)):
        return ""
    return ", whole groups on one side"
