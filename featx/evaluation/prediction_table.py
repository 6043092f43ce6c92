"""A table with the prediction for each held-out image: label, predicted class, probabilities, loss and margin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..display.json_values import as_json
from ..display.summary_mixin import SummaryMixin
from ..exceptions import MissingDependencyError

__all__ = ["PredictionTable"]

# log_loss of scikit-learn takes no probability below this for float64.
LEAST_PROBABILITY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False, repr=False)
class PredictionTable(SummaryMixin, Mapping[str, np.ndarray]):
    """A prediction for each image that was held out, in the order of the data set; a mapping of column -> array.

    The columns are ``row`` (of the data set, the images of a separate test set last), ``path`` (where names are known),
    ``group`` (where there are groups), ``part`` ("fold 1", or "test"), ``label``, ``predicted``, and where there are
    probabilities: ``probability`` (of the predicted class), ``label_probability``, ``loss`` (minus the natural
    logarithm of the latter, which is clipped as scikit-learn's ``log_loss`` does), ``margin`` (the probability of the
    label minus the largest other one; negative where the prediction is wrong) and ``probabilities`` of shape
    (n, classes).

    Attributes
    ----------
    classes : list of str
        In the order of the columns of `probabilities`.
    rows : ndarray of int, shape (n,)
    truth, answers : ndarray of int, shape (n,)
        Numbers of classes.
    probabilities : ndarray of float64, shape (n, classes), or None
    parts : ndarray of str, shape (n,)
    groups : ndarray of shape (n,) or None
    names : ndarray of str, shape (n,), or None
        Paths, URLs or other names of the images.
    """

    classes: list[str]
    rows: np.ndarray
    truth: np.ndarray
    answers: np.ndarray
    probabilities: np.ndarray | None
    parts: np.ndarray
    groups: np.ndarray | None = None
    names: np.ndarray | None = None

    def __getitem__(self, column: str) -> np.ndarray:
        if column not in list(self):
            raise KeyError(column)
        return _COLUMNS[column](self)

    def __iter__(self) -> Iterator[str]:
        lacking = {"path": self.names is None, "group": self.groups is None}
        lacking |= dict.fromkeys(_OF_PROBABILITIES, self.probabilities is None)
        return (column for column in _COLUMNS if not lacking.get(column))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def accuracy(self) -> float:
        """The share of images whose predicted class is the label."""
        return float((self.truth == self.answers).mean())

    def named(self, names: Sequence[str], rows: np.ndarray | None = None) -> PredictionTable:
        """Return the table with the names of its images.

        Parameters
        ----------
        names : sequence of str
            Of all images of the data set.
        rows : ndarray of int, default=None
            The row that each present row has in that data set; None means that they are the same.
        """
        placed = self.rows if rows is None else rows[self.rows]
        return replace(self, rows=placed, names=np.array([str(names[row]) for row in placed], dtype=object))

    def take(self, places: np.ndarray) -> PredictionTable:
        """Return the table of some of its images, by their places in it, in this order."""
        arrays = {name: value[places] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, **arrays)

    def surely_wrong(self, most: int | None = None) -> PredictionTable:
        """Return the wrong predictions, the surest first; of equally sure ones, the first in the data set first.

        Parameters
        ----------
        most : int, default=None
            At most that many; None means all.
        """
        wrong = np.flatnonzero(self.truth != self.answers)
        if self.probabilities is not None:
            wrong = wrong[np.argsort(-self["probability"][wrong], kind="stable")]
        return self.take(wrong[:most])

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns with the probabilities of each class as columns of their own, ``probability of CLASS``."""
        found = dict(self)
        matrix = found.pop("probabilities", None)
        if matrix is not None:
            found |= {f"probability of {name}": matrix[:, number] for number, name in enumerate(self.classes)}
        return found

    def to_records(self) -> list[dict[str, Any]]:
        """Return a mapping of column -> value for each image, as types that JSON can hold.

        ``probabilities`` are a list in the order of `classes`.
        """
        columns = {name: as_json(column) for name, column in self.items()}
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def to_frame(self) -> Any:
        """Return `columns` as a pandas data frame, or a polars data frame where pandas is not installed.

        Raises
        ------
        MissingDependencyError
            If neither is installed.
        """
        try:
            import pandas

            return pandas.DataFrame(self.columns())
        except ImportError:
            pass
        try:
            import polars
        except ImportError as error:
            raise MissingDependencyError("pandas", "a data frame of predictions") from error
        return polars.DataFrame({name: column.tolist() for name, column in self.columns().items()})


def _names_of(table: PredictionTable, numbers: np.ndarray) -> np.ndarray:
    return np.array(table.classes, dtype=object)[numbers]


def _probability_of(table: PredictionTable, numbers: np.ndarray) -> np.ndarray:
    assert table.probabilities is not None
    return table.probabilities[np.arange(len(numbers)), numbers]


def _margin(table: PredictionTable) -> np.ndarray:
    assert table.probabilities is not None
    others = table.probabilities.copy()
    others[np.arange(len(others)), table.truth] = -np.inf
    return _probability_of(table, table.truth) - others.max(axis=1)


_COLUMNS = {
    "row": lambda table: table.rows,
    "path": lambda table: table.names,
    "group": lambda table: table.groups,
    "part": lambda table: table.parts,
    "label": lambda table: _names_of(table, table.truth),
    "predicted": lambda table: _names_of(table, table.answers),
    "probability": lambda table: _probability_of(table, table.answers),
    "label_probability": lambda table: _probability_of(table, table.truth),
    "loss": lambda table: -np.log(_probability_of(table, table.truth).clip(LEAST_PROBABILITY)),
    "margin": _margin,
    "probabilities": lambda table: table.probabilities,
}
_OF_PROBABILITIES = ("probability", "label_probability", "loss", "margin", "probabilities")
