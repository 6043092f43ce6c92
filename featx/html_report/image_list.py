"""The images of a report: which rows it lists, in which orders it shows them, and which get a thumbnail first."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Mapping, Sequence
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
    """The images that a report lists, by their places in the tables of predictions.

    Attributes
    ----------
    tables : dict of str to PredictionTable
        Of each strategy, or of the one model: of the listed images only, the same ones in the order of the data set.
        Several repeats may have tested an image, which then has several places.
    total : int
        How many images were tested.
    orders : dict of str to dict of str to list of int
        For each of these, places in the orders that the page offers: `wrong` (the surest first), `unsure` (the least
        probable first), `classes` (a few of each class that are right), and of several strategies `alone` (wrong where
        another is right) and `together` (wrong as are all others), the surest first.
    """

    tables: dict[str, PredictionTable]
    total: int
    orders: dict[str, dict[str, list[int]]]

    @property
    def table(self) -> PredictionTable:
        """The first of the tables."""
        return next(iter(self.tables.values()))

    def first_thumbnails(self) -> list[int]:
        """Return all places in the order in which thumbnails are made, until the file is full.

        The surest mistakes come first, so many of each cell of the confusion matrix; then a few images of each class,
        the least sure ones, and all others, a class at a time in turn. Strategies take turns.
        """
        first, later = [], []
        for name, table in self.tables.items():
            wrong: list[int] = []
            more: list[int] = []
            seen = Counter[tuple[int, int]]()
            for place in self.orders[name]["wrong"]:
                cell = int(table.truth[place]), int(table.answers[place])
                seen[cell] += 1
                (wrong if seen[cell] <= OF_A_CELL and len(wrong) < FIRST_WRONG else more).append(place)
            first.append(wrong)
            later.append([*self.orders[name]["classes"], *self.orders[name]["unsure"], *more])
        turns, turn = Counter[int](), []
        for label in self.table.truth.tolist():
            turns[label] += 1
            turn.append(turns[label])
        rest = sorted(range(len(turn)), key=lambda place: (turn[place], self.table.truth[place]))
        return list(dict.fromkeys([*_in_turns(first), *_in_turns(later), *rest]))

    def columns(self) -> dict[str, Any]:
        """Return what the page says of each image whoever predicts it, as lists, and the folder that all are in."""
        table = self.table
        paths = [one_line(f"row {row}") for row in table.rows] if table.names is None else list(map(str, table.names))
        folder = _common_folder(paths)
        found: dict[str, Any] = {
            "folder": one_line(folder),
            "path": [one_line(path[len(folder) :]) for path in paths],
            "true": table.truth.tolist(),
        }
        if len(set(table.parts.tolist())) > 1:
            found["part"] = table.parts.tolist()
        rows = table.rows.tolist()
        first = {row: place for place, row in reversed(list(enumerate(rows)))}
        if len(first) < len(rows):
            # The place that has the thumbnail.
            found["picture"] = [first[row] for row in rows]
        return found

    def models(self) -> list[dict[str, Any]]:
        """Return what each strategy, or the one model, says of each image, and the orders of the images for it."""
        found = []
        for name, table in self.tables.items():
            one: dict[str, Any] = {"name": one_line(name), "predicted": table.answers.tolist()}
            if table.probabilities is not None:
                one["probability"] = [probability_text(share) for share in table["probability"]]
                one["of_label"] = [probability_text(share) for share in table["label_probability"]]
            found.append({**one, "orders": self.orders[name]})
        return found


def list_images(tables: Mapping[str, PredictionTable], *, most: int = MOST_IMAGES) -> ImageList:
    """Return which images a report lists and how it orders them.

    Parameters
    ----------
    tables : mapping of str to PredictionTable
        Of each strategy on the same images, or of one model.
    most : int, default=10000
        At most so many are listed.
    """
    kept = dict(tables)
    total = len(next(iter(kept.values())).rows)
    if total > most:
        wrong = np.any([table.truth != table.answers for table in kept.values()], axis=0)
        surest = np.max([np.where(t.truth != t.answers, _sureness(t), 0) for t in kept.values()], axis=0)
        least = np.min([_sureness(table) for table in kept.values()], axis=0)
        first = np.concatenate([_by(-surest, wrong), _by(least, ~wrong)])[:most]
        kept = {name: table.take(np.sort(first)) for name, table in kept.items()}
    right = {name: table.truth == table.answers for name, table in kept.items()}
    n_right = np.sum(list(right.values()), axis=0)
    orders = {}
    for name, table in kept.items():
        sure, own = _sureness(table), right[name]
        places = {"wrong": _by(-sure, ~own).tolist()}
        if len(kept) > 1:
            places["alone"] = _by(-sure, ~own & (n_right > 0)).tolist()
            places["together"] = _by(-sure, n_right == 0).tolist()
        places["unsure"] = _by(sure, np.ones(len(own), bool))[:LEAST_SURE].tolist() if _is_sure(table) else []
        orders[name] = {**places, "classes": _of_each_class(table, own)}
    return ImageList(kept, total, orders)


def _of_each_class(table: PredictionTable, right: np.ndarray) -> list[int]:
    """Return the places of a few right images of each class, evenly over the data set, whose neighbours are alike."""
    each = max(1, min(OF_A_CLASS, MOST_OF_CLASSES // max(1, len(table.classes))))
    places: list[int] = []
    for number in range(len(table.classes)):
        found = np.flatnonzero(right & (table.truth == number))
        places += [int(found[len(found) * k // each]) for k in range(min(each, len(found)))]
    return list(dict.fromkeys(places))


def _in_turns(lists: Sequence[list[int]]) -> list[int]:
    """Return the first of each list, then the second of each, and so on."""
    return [place for turn in itertools.zip_longest(*lists) for place in turn if place is not None]


def _is_sure(table: PredictionTable) -> bool:
    return table.probabilities is not None


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
