"""The images behind a result: where those that were tested can be read, and the labels and parts of all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exceptions import ParameterError
from ..images.pixels import ValueRange
from ..images.sources import ImageSource, as_sources

if TYPE_CHECKING:
    from ..datasets.dataset import ImageDataset
    from ..evaluation.prediction_table import PredictionTable

__all__ = ["ReportedImages", "reader_of", "value_range_of"]

# Parts of a table of predictions by how they begin, and what they are together.
JOINED = {"fold ": "cross-validated", "repeat ": "tested in a repeat"}


@dataclass(frozen=True)
class ReportedImages:
    """The images of a result.

    Attributes
    ----------
    dataset : ImageDataset or None
    sources : sequence of ImageSource
        All images by row, as the model reads them; empty where they are not at hand.
    labels, parts : list of str
        Of the images that are counted: all, or without a data set those that were tested.
    """

    dataset: ImageDataset | None
    sources: Sequence[ImageSource]
    labels: list[str]
    parts: list[str]

    @classmethod
    def of(
        cls,
        table: PredictionTable,
        dataset: ImageDataset | None,
        test: ImageDataset | None,
        *,
        value_range: ValueRange = None,
        trained: np.ndarray | None = None,
    ) -> ReportedImages:
        """Return the images of a result.

        Parameters
        ----------
        table : PredictionTable
            Of a result.
        dataset, test : ImageDataset, default=None
            As for `write_report`.
        value_range : (low, high), "minmax" or None, default=None
            By which they were read; see `value_range_of`.
        trained : ndarray of int, default=None
            Rows that were trained on, as far as they are known.

        Raises
        ------
        ParameterError
            If the names or labels of the data set are not those of the predictions.
        """
        if dataset is None:
            labels = [table.classes[number] for number in table.truth]
            return cls(None, _files_of(table, value_range), labels, _in_folds(table.parts))
        both = [dataset] if test is None else [dataset, test]
        names = [name for part in both for name in part.names]
        images = [image for part in both for image in part.images]
        known = [label for part in both for label in ([""] * len(part) if part.labels is None else part.labels)]
        _check_same(table, names, known)
        sources = as_sources(images, names=names, value_range=value_range)
        if test is None and _is_split_by(dataset, table):
            parts = np.asarray(dataset.split)
        else:
            parts = np.full(len(images), "not tested" if trained is None else "not used", dtype=object)
            parts[[] if trained is None else trained] = "trained on"
            parts[table.rows] = _in_folds(table.parts)
        return cls(dataset, sources, list(map(str, known)), list(map(str, parts)))


def reader_of(result: Any) -> Any:
    """Return the estimator of a result that reads images, or None where it has no model."""
    model: Any = getattr(result, "model", None)
    return model.named_steps["features"] if hasattr(model, "named_steps") else model


def value_range_of(result: Any) -> ValueRange:
    """Return the range of values by which the images of a result were read, that of the first strategy of several."""
    if isinstance(sizes := getattr(result, "sizes", None), list):
        ranges = [one.traits.value_range for one in sizes[-1].strategies]
        return next((known for known in ranges if known is not None), None)
    reader = reader_of(result)
    known: ValueRange = getattr(result if reader is None else reader, "value_range", None)
    return known


def _files_of(table: PredictionTable, value_range: ValueRange) -> Sequence[ImageSource]:
    """Return the images at the paths in a table, by row; nothing where the first of them are no files."""
    if table.names is None or not any(os.path.isfile(name) for name in table.names[:10]):
        return []
    # None is an image that cannot be read: rows that were not tested are not asked for.
    paths: list[str | None] = [None] * (int(table.rows.max()) + 1)
    for row, name in zip(table.rows.tolist(), table.names.tolist(), strict=True):
        paths[row] = name
    return as_sources(paths, names=[path or "" for path in paths], value_range=value_range)


def _in_folds(parts: np.ndarray) -> list[str]:
    """Return the parts of the images, folds and repeats as one: each image was in several of them."""
    return [next((name for start, name in JOINED.items() if str(part).startswith(start)), str(part)) for part in parts]


def _is_split_by(dataset: ImageDataset, table: PredictionTable) -> bool:
    """Return whether one part of the split that a data set came with was tested, and not another one in its place."""
    if dataset.split is None:
        return False
    tested = set(dataset.split[table.rows].tolist())
    return len(tested) == 1 and tested != {"training"}


def _check_same(table: PredictionTable, names: list[str], labels: list[Any]) -> None:
    wrong = "got a data set that is not that of the result"
    step = "Pass the data set, and the test set, that the result was computed from."
    if len(table.rows) and int(table.rows.max()) >= len(names):
        raise ParameterError(f"{wrong}: it has {len(names):,} images, and row {table.rows.max():,} was tested", step)
    for row, truth in zip(table.rows.tolist(), table.truth.tolist(), strict=True):
        if str(labels[row]) != table.classes[truth]:
            text = f"{wrong}: the label of image {row:,} is {labels[row]!r} and was {table.classes[truth]!r}"
            raise ParameterError(text, step)
    if table.names is not None:
        for row, name in zip(table.rows.tolist(), table.names.tolist(), strict=True):
            if names[row] != name:
                raise ParameterError(f"{wrong}: image {row:,} is {names[row]!r} and was {name!r}", step)
