"""Prepare a labelled data set: survey it and split it, or say which settings would work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..display.names import few
from ..display.notes import note_once
from ..display.quantities import count_text
from ..evaluation.class_sizes import SmallClassError
from ..evaluation.per_class import draw_per_class
from ..evaluation.units import content_units
from ..exceptions import DatasetError, ParameterError
from ..images.failures import Failure
from .dataset import ImageDataset
from .split import leave_out_unreadable, unreadable_named
from .survey import small_classes, survey

__all__ = ["PreparedData", "SplitOptions"]

# Fractions to test on that are tried where the chosen one does not work.
FRACTIONS = np.append(np.arange(0.05, 0.96, 0.05), [0.33, 0.34, 0.66, 0.67]).round(2)
MOST_FOLDS = 10
# How many values of min_images are tried; there are as many as different sizes of classes.
MOST_SIZES = 30
# The largest value of per_class that is tried; what needs more fails for another reason.
MOST_PER_CLASS = 30

# How to write settings, in Python and on the command line, and the settings.
Alternative = tuple[tuple[tuple[str, str], ...], Mapping[str, Any]]
UNCHANGED: Alternative = ((), {})


@dataclass(frozen=True)
class PreparedData:
    """A data set that was surveyed, and its split.

    Attributes
    ----------
    whole : ImageDataset
        As it was given.
    dataset : ImageDataset
        Without the images that were left out or not drawn.
    rows : ndarray of int
        Where its images are in the whole.
    keys : list of (bytes, error or None)
        What identifies the content of its images; empty if nothing was known of that.
    split : object
        What `SplitOptions.divide` returned for it.
    notes : list of str
        What the survey found, and what was drawn.
    options : SplitOptions
        How it was surveyed and split.
    unreadable : sequence of Failure
        Images that are no longer part of the whole.
    """

    whole: ImageDataset
    dataset: ImageDataset
    rows: np.ndarray
    keys: list[Any]
    split: Any
    notes: list[str]
    options: SplitOptions
    unreadable: Sequence[Failure] = ()

    def with_keys(self, keys: Sequence[Any]) -> PreparedData:
        """Return the whole prepared anew, now that copies are known; parameters as for `SplitOptions.prepare`."""
        with unreadable_named(self.unreadable):
            return self.options.prepare(self.whole, keys)

    def without(self, failures: Sequence[Failure]) -> PreparedData:
        """Leave images that cannot be read out of the whole, which is prepared anew by `with_keys`."""
        if not failures:
            return self
        return replace(self, whole=leave_out_unreadable(self.whole, failures), unreadable=failures)


@dataclass(frozen=True)
class SplitOptions:
    """How a data set is surveyed and split.

    Parameters
    ----------
    divide : callable
        Takes a data set and the settings as keywords, and returns the split; DatasetError if there is none.
    settings : mapping of str to object
        The chosen or default ones: `cv` or `test_size`, and others.
    alternatives : sequence of Alternative, default=()
        Other settings that may work.
    min_images : int, default=1
    validation_apart : bool, default=False
        As for `survey`.
    per_class : int, default=None
        Draw at most this many images of each class before the data set is split; of a given split, of its training
        part alone. The survey is that of all images.
    random_state : int, default=0
        The seed by which they are drawn.
    """

    divide: Callable[..., Any]
    settings: Mapping[str, Any]
    alternatives: Sequence[Alternative] = ()
    min_images: int = 1
    validation_apart: bool = False
    per_class: int | None = None
    random_state: int = 0

    def prepare(self, dataset: ImageDataset, keys: Sequence[Any] | None = None) -> PreparedData:
        """Survey a data set, log what is found, and split it.

        Parameters
        ----------
        dataset : ImageDataset
            With labels, joined with its test set.
        keys : sequence, default=None
            As for `survey`. Without them nothing is logged, because a call with keys follows.

        Raises
        ------
        DatasetError, ParameterError
            If it cannot be used; the next step names settings that would work.
        """
        checked = survey(dataset, keys, validation_apart=self.validation_apart, min_images=self.min_images)
        left, rows, notes = checked.dataset, checked.rows, checked.notes
        if self.per_class is not None:
            drawn, note = self._draw(left, self.per_class)
            left, rows, notes = left.take(drawn), rows[drawn], [*notes, note]
            if left.together is not None and len(np.unique(left.together)) == len(left):
                left = replace(left, together=None)
        for text in notes if keys is not None else []:
            note_once(text)
        try:
            split = self.divide(left, **self.settings)
        except DatasetError as error:
            self._advise(left, error, undrawn=checked.dataset)
            raise
        kept = [] if keys is None else [keys[row] for row in rows]
        return PreparedData(dataset, left, rows, kept, split, notes, self)

    def _draw(self, dataset: ImageDataset, per_class: int) -> tuple[np.ndarray, str]:
        """Return the rows of at most `per_class` images of each class, and of the parts that judge, and a note."""
        rows = np.arange(len(dataset))
        fitted = rows if dataset.split is None else np.flatnonzero(dataset.split == "training")
        classes, truth = np.unique(np.asarray(dataset.labels)[fitted], return_inverse=True)
        copies = None if dataset.together is None else dataset.together[fitted]
        drawn = fitted[draw_per_class(truth, per_class, together=copies, random_state=self.random_state)]
        counts = np.bincount(content_units(truth, copies).labels, minlength=len(classes))
        fewer = [f"{str(classes[n])!r} ({counts[n]:,})" for n in np.flatnonzero(counts < per_class)]
        kind = "image" if dataset.split is None else "training image"
        note = f"{len(drawn):,} of {count_text(len(fitted), kind)} drawn by per_class={per_class}"
        note += ", copies counted once" if copies is not None else ""
        note += f"; fewer are of {few(fewer)}" if fewer else ""
        return np.sort(np.concatenate([drawn, np.setdiff1d(rows, fitted)])), note

    def _advise(self, dataset: ImageDataset, error: DatasetError, *, undrawn: ImageDataset) -> None:
        """Add what would work to the next step, found by trying: one other setting, or, if none works, two of them."""
        kinds = (list(self._folds(dataset)), list(self._fractions(dataset)), list(self.alternatives))
        ways = [way for kind in kinds if (way := self._first(dataset, kind))]
        ways = [*self._more_per_class(undrawn), *ways]
        smaller, number = list(self._without_small(dataset)), len(dataset.classes)

        def beside(kinds: Sequence[Sequence[Alternative]]) -> list[str]:
            for least, left in smaller:
                for kind in kinds:
                    if way := self._first(left, kind, _min_images(least)):
                        return [f"{way}, which leaves {number - len(left.classes)} of the {number} classes out"]
            return []

        ways += beside([[UNCHANGED]])
        if not ways and (way := self._first(dataset, self._both(dataset))):
            ways = [way]
        ways = ways or beside(kinds)
        if isinstance(error, SmallClassError):
            what = "groups" if "group" in error.message else "images"
            error.next_step = f"Add {what}{', or use ' if ways else ''}{' or '.join(ways)}."
        elif ways:
            error.next_step += f" Or use {' or '.join(ways)}."

    def _first(self, dataset: ImageDataset, kind: Sequence[Alternative], *first: tuple[str, str]) -> str:
        """Return how to write the first of some settings that works, after those in `first`."""
        return next((_text(*first, *words) for words, changes in kind if self._works(dataset, changes)), "")

    def _works(self, dataset: ImageDataset, changes: Mapping[str, Any]) -> bool:
        try:
            self.divide(dataset, **{**self.settings, **changes})
        except (DatasetError, ParameterError):
            return False
        return True

    def _more_per_class(self, dataset: ImageDataset) -> Iterator[str]:
        """Yield the smallest `per_class` that works."""
        for number in range((self.per_class or MOST_PER_CLASS) + 1, MOST_PER_CLASS + 1):
            if self._works(dataset.take(self._draw(dataset, number)[0]), {}):
                yield f"per_class={number} (--per-class {number})"
                return

    def _folds(self, dataset: ImageDataset) -> Iterator[Alternative]:
        cv = self.settings.get("cv")
        if cv is None or dataset.split is not None or self.settings.get("test_size") is not None:
            return
        most = int(_counts(dataset).max())
        # Fewer folds need fewer images of a class; more folds leave more groups to tune on.
        for folds in [*range(min(most, cv - 1), 2, -1), *range(cv + 1, min(most, MOST_FOLDS) + 1)]:
            if folds >= 3:
                yield ((f"cv={folds}", f"--cv {folds}"),), {"cv": folds}

    def _fractions(self, dataset: ImageDataset) -> Iterator[Alternative]:
        size = self.settings.get("test_size")
        if size is None or dataset.split is not None:
            return
        for near in FRACTIONS[np.argsort(np.abs(FRACTIONS - size), kind="stable")].tolist():
            yield ((f"test_size={near:g}", f"--test-size {near:g}"),), {"test_size": near}

    def _both(self, dataset: ImageDataset) -> list[Alternative]:
        """Return another fraction to test on beside each of the other settings."""
        return [((*a, *b), {**one, **two}) for a, one in self._fractions(dataset) for b, two in self.alternatives]

    def _without_small(self, dataset: ImageDataset) -> Iterator[tuple[int, ImageDataset]]:
        """Yield values of min_images, with what they leave of a data set."""
        for least in (np.unique(_counts(dataset)) + 1)[:MOST_SIZES].tolist():
            small = list(small_classes(dataset, least, validation_apart=self.validation_apart))
            if len(dataset.classes) - len(small) < 2:
                return
            yield least, dataset.take(~np.isin(np.asarray(dataset.labels), small))


def _min_images(least: int) -> tuple[str, str]:
    return f"min_images={least}", f"--min-images {least}"


def _text(*words: tuple[str, str]) -> str:
    """Return settings as they are written in Python and on the command line."""
    return f"{' and '.join(name for name, _ in words)} ({' '.join(option for _, option in words)})"


def _counts(dataset: ImageDataset) -> np.ndarray:
    classes, truth = np.unique(np.asarray(dataset.labels), return_inverse=True)
    return np.bincount(content_units(truth, dataset.together).labels, minlength=len(classes))
