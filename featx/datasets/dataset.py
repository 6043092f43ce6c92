"""ImageDataset: images with their class labels, groups, strata and the parts of a given split."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..constraints import LABELS, shown
from ..display.summary_mixin import SummaryMixin
from ..exceptions import DatasetError, ParameterError
from ..images.cells import array_of
from ..images.labels import plain_labels, unlabelled
from ..images.path_list import PathList
from ..images.urls import redacted_names
from .coded_texts import CodedTexts

__all__ = ["ImageDataset"]

# The columns that a data set may have, with a value for each image.
COLUMNS = ("labels", "groups", "strata", "split", "together")


class _Column:
    """A field whose texts are kept as codes, until they are asked for."""

    def __set_name__(self, kind: type, name: str) -> None:
        self.name = name

    def __get__(self, dataset: ImageDataset | None, kind: type) -> Any:
        if dataset is None:  # the default
            return None
        if isinstance(kept := vars(dataset)[self.name], CodedTexts):
            vars(dataset)[self.name] = kept = kept.texts
        return kept

    def __set__(self, dataset: ImageDataset, values: Any) -> None:
        vars(dataset)[self.name] = values


@dataclass(frozen=True, repr=False)
class ImageDataset(SummaryMixin):
    """Images with what is known about them.

    Attributes
    ----------
    images : sequence
        Paths, URLs, encoded images or arrays: a list, or of files what compares and is sliced as a list and keeps each
        folder's name once.
    names : sequence of str
        What tables and messages call them: URLs without credentials.
    labels : ndarray of str, shape (n,), or None
        The class of each image.
    groups : ndarray of str, shape (n,), or None
        Images of one group (a patient, a module, a burst) stay on one side of every split.
    notes : list of str
        What was left out and why.
    strata : ndarray of str, shape (n,), or None
        Kinds of images inside the classes (an age, a camera, a severity) by which the test sets of `compare_strategies`
        are stratified too.
    split : ndarray of {"training", "validation", "test"}, shape (n,), or None
        The part of each image in the split that the data set came with, if it came with one.
    together : ndarray of int, shape (n,), or None
        Equal for images of the same content (duplicates), which stay on one side of every split that is drawn; None if
        there are no duplicates. `survey` fills it in.
    """

    images: Sequence[Any]
    names: Sequence[str]
    labels: np.ndarray | None = _Column()  # type: ignore[assignment]
    groups: np.ndarray | None = _Column()  # type: ignore[assignment]
    notes: list[str] = field(default_factory=list)
    strata: np.ndarray | None = _Column()  # type: ignore[assignment]
    split: np.ndarray | None = _Column()  # type: ignore[assignment]
    together: np.ndarray | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.images, Sequence | np.ndarray) or isinstance(self.images, str | bytes):
            raise DatasetError(f"got images={shown(self.images)}; expected a list of images", "Pass load_dataset(...).")
        LABELS.check("names", self.names)
        if len(self.names) != len(self.images):
            raise DatasetError(f"got {len(self.names):,} names for {len(self.images):,} images", "Pass one for each.")
        # Names are shown and written, so they hold no credentials; images are read by their full URLs.
        object.__setattr__(self, "names", redacted_names(self.names))
        for name in COLUMNS:
            values = vars(self)[name]
            if values is None or isinstance(values, CodedTexts):
                continue
            if isinstance(values, str) or np.ndim(values) != 1 or len(values) != len(self.images):
                raise DatasetError(
                    f"got {name} of shape {np.shape(values)} for {len(self.images):,} images",
                    "Pass one for each image, or None.",
                )
            if unlabelled(array_of(values) if hasattr(values, "detach") else values):
                raise DatasetError(f"got {name} with missing values", "Fill them in, or leave those images out.")
            object.__setattr__(self, name, plain_labels(values, name=name))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def classes(self) -> list[str]:
        """The class names, sorted; empty without labels."""
        return [] if (labels := self.coded("labels")) is None else labels.used.tolist()

    def coded(self, column: str) -> CodedTexts | None:
        """Return a column as its distinct values and their numbers, for a fraction of the memory of its texts."""
        values = vars(self)[column]
        return values if values is None or isinstance(values, CodedTexts) else CodedTexts.of_array(values)

    def take(self, rows: Sequence[int] | np.ndarray) -> ImageDataset:
        """Return the data set of the given rows, in their order."""
        rows = _checked_rows(rows, len(self))
        columns = {name: values[rows] for name in COLUMNS if (values := vars(self)[name]) is not None}
        images, names = (
            (PathList if isinstance(all_, PathList) else list)(all_[i] for i in rows)
            for all_ in (self.images, self.names)
        )
        return ImageDataset(images, names, notes=self.notes, **columns)


def _checked_rows(rows: Any, n: int) -> np.ndarray:
    if hasattr(rows, "__len__"):
        with contextlib.suppress(ValueError):  # lists of several lengths
            array = np.asarray(rows)
            if array.ndim == 1 and array.dtype == bool and len(array) == n:
                return np.flatnonzero(array)
            if array.ndim == 1 and not len(array):
                return array.astype(int)
            if array.ndim == 1 and array.dtype.kind in "iu" and -n <= array.min() and array.max() < n:
                return array
    raise ParameterError(
        f"got rows={shown(rows)}; expected numbers of images below {n:,}, or a flag for each", "One row is [row]."
    )
