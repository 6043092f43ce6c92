"""The images behind a result: where those that were tested can be read, and the labels and parts of all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exceptions import ParameterError
from ..images.sources import ImageSource, as_sources

if TYPE_CHECKING:
    from ..datasets.dataset import ImageDataset
    from ..evaluation.prediction_table import PredictionTable

__all__ = ["ReportedImages", "reader_of"]

REPEATED = "tested in a repeat"
# Parts of a table of predictions by how they begin, and what they are together.
JOINED = {"fold ": "images", "repeat ": REPEATED}


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
        cls, table: PredictionTable, dataset: ImageDataset | None, test: ImageDataset | None, *, reader: Any = None
    ) -> ReportedImages:
        """Return the images of a result.

        Parameters
        ----------
        table : PredictionTable
            Of a result.
        dataset, test : ImageDataset, default=None
            As for `write_report`.
        reader : ImageEstimator, default=None
            What reads them; see `reader_of`.

        Raises
        ------
        ParameterError
            If the names or labels of the data set are not those of the predictions.
        """
        if dataset is None:
            labels = [table.classes[number] for number in table.truth]
            return cls(None, _files_of(table), labels, _in_folds(table.parts))
        both = [dataset] if test is None else [dataset, test]
        names = [name for part in both for name in part.names]
        images = [image for part in both for image in part.images]
        known = [label for part in both for label in ([""] * len(part) if part.labels is None else part.labels)]
        _check_same(table, names, known)
        sources = as_sources(images, names=names) if reader is None else reader.sources(images, names)
        tested = _in_folds(table.parts)
        # What one repeat tests, another may train on.
        parts = np.full(len(images), "never tested" if REPEATED in tested else "trained on", dtype=object)
        parts[table.rows] = tested
        if test is None and dataset.split is not None:
            parts = dataset.split
        return cls(dataset, sources, list(map(str, known)), list(map(str, parts)))


def reader_of(result: Any) -> Any:
    """Return the estimator of a result that reads images, or None where it has no model."""
    model: Any = getattr(result, "model", None)
    return model.named_steps["features"] if hasattr(model, "named_steps") else model


def _files_of(table: PredictionTable) -> Sequence[ImageSource]:
    """Return the images at the paths in a table, by row; nothing where the first of them are no files."""
    if table.names is None or not any(os.path.isfile(name) for name in table.names[:10]):
        return []
    # None is an image that cannot be read: rows that were not tested are not asked for.
    paths: list[str | None] = [None] * (int(table.rows.max()) + 1)
    for row, name in zip(table.rows.tolist(), table.names.tolist(), strict=True):
        paths[row] = name
    return as_sources(paths, names=[path or "" for path in paths])


def _in_folds(parts: np.ndarray) -> list[str]:
    """Return the parts of the images, folds and repeats as one: each image was in several of them."""
    return [next((name for start, name in JOINED.items() if str(part).startswith(start)), str(part)) for part in parts]


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
