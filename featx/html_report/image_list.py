"""The images of a report: which rows it lists, in which orders it shows them, and which get a thumbnail first."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..display.quantities import probability_text
from .svg_chart import one_line

if TYPE_CHECKING:
    from ..evaluation.prediction_table import PredictionTable

__all__ = ["ImageList", "list_images"]

# Of more images, the wrong and the least sure are listed first, and then as many others.
MOST_IMAGES = 10_000
# Of the wrong ones before others get a thumbnail, in all and of a cell of the confusion matrix; of a class; and of the
# least sure.
FIRST_WRONG, OF_A_CELL, OF_A_CLASS, LEAST_SURE = 500, 30, 6, 200
MOST_OF_CLASSES = 400


@dataclass(frozen=True)
class ImageList:
    """The images that a report lists, by their places in the table of predictions.

    Attributes
    ----------
    table : PredictionTable
        Of the listed images only, in the order of the data set.
    total : int
        How many images were tested.
    orders : dict of str to list of int
        Places in `table` in the orders that the page offers: `wrong` (the surest first), `unsure` (the least probable
        first) and `classes` (a few of each class that are right).
    """

    table: PredictionTable
    total: int
    orders: dict[str, list[int]]

    def first_thumbnails(self) -> list[int]:
        """Return all places in the order in which thumbnails are made, until the file is full.

        The surest mistakes come first, so many of each cell of the confusion matrix; then a few images of each class,
        the least sure ones, and all others, a class at a time in turn.
        """
        wrong: list[int] = []
        more: list[int] = []
        seen = Counter[tuple[int, int]]()
        for place in self.orders["wrong"]:
            cell = int(self.table.truth[place]), int(self.table.answers[place])
            seen[cell] += 1
            (wrong if seen[cell] <= OF_A_CELL and len(wrong) < FIRST_WRONG else more).append(place)
        turns, turn = Counter[int](), []
        for label in self.table.truth.tolist():
            turns[label] += 1
            turn.append(turns[label])
        rest = sorted(range(len(turn)), key=lambda place: (turn[place], self.table.truth[place]))
        return list(dict.fromkeys([*wrong, *self.orders["classes"], *self.orders["unsure"], *more, *rest]))

    def columns(self) -> dict[str, Any]:
        """Return what the page says of each image, as lists of text and numbers, and the folder that all are in."""
        table = self.table
        paths = [one_line(f"row {row}") for row in table.rows] if table.names is None else list(map(str, table.names))
        folder = _common_folder(paths)
        found: dict[str, Any] = {
            "folder": one_line(folder),
            "path": [one_line(path[len(folder) :]) for path in paths],
            "true": table.truth.tolist(),
            "predicted": table.answers.tolist(),
        }
        if table.probabilities is not None:
            found["probability"] = [probability_text(share) for share in table["probability"]]
            found["of_label"] = [probability_text(share) for share in table["label_probability"]]
        if len(set(table.parts.tolist())) > 1:
            found["part"] = table.parts.tolist()
        return found


def list_images(table: PredictionTable, *, most: int = MOST_IMAGES) -> ImageList:
    """Return which images a report lists and how it orders them.

    Parameters
    ----------
    table : PredictionTable
    most : int, default=10000
        At most so many are listed.
    """
    total, sure = len(table.rows), _sureness(table)
    right = table.truth == table.answers
    if total > most:
        first = np.concatenate([_by(-sure, ~right), _by(sure, right)])[:most]
        table = table.take(np.sort(first))
        sure, right = _sureness(table), table.truth == table.answers
    each = max(1, min(OF_A_CLASS, MOST_OF_CLASSES // max(1, len(table.classes))))
    classes = []
    for number in range(len(table.classes)):
        found = np.flatnonzero(right & (table.truth == number))
        # Evenly over the data set, whose neighbours often are alike.
        classes += [int(found[len(found) * k // each]) for k in range(min(each, len(found)))]
    unsure = _by(sure, np.ones(len(right), bool))[:LEAST_SURE].tolist() if table.probabilities is not None else []
    orders = {"wrong": _by(-sure, ~right).tolist(), "unsure": unsure, "classes": list(dict.fromkeys(classes))}
    return ImageList(table, total, orders)


def _sureness(table: PredictionTable) -> np.ndarray:
    return np.zeros(len(table.rows)) if table.probabilities is None else table["probability"]


def _by(key: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return the places where `among` holds, by increasing key; of equal ones the first comes first."""
    places = np.flatnonzero(among)
    return places[np.argsort(key[places], kind="stable")]


def _common_folder(paths: list[str]) -> str:
    """Return the beginning of all paths up to a separator, which a page says once."""
    if len(paths) < 2:
        return ""
    # What the first and the last in order share, all share.
    first, last = min(paths), max(paths)
    same = next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[: max(first.rfind("/", 0, same), first.rfind(os.sep, 0, same)) + 1]
