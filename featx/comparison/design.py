"""Design a comparison: the rows of every repeat, drawn at random or for a given test set, and how in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..datasets.dataset import ImageDataset
from ..datasets.prepare import SplitOptions
from ..datasets.split import split_dataset
from ..display.notes import note_once
from ..evaluation.data_split import DataSplit
from ..evaluation.splits import check_fraction
from .named_sizes import NamedSize
from .repeats import COMPARISON_TEST_SIZE, REPEATS, Repeat, check_strata, draw_by_percentages, draw_repeats

__all__ = ["ComparisonDesign", "comparison_split_options", "design_comparison", "stratified"]


@dataclass(frozen=True)
class ComparisonDesign:
    """The rows of a comparison.

    Attributes
    ----------
    repeats : list of Repeat
    split : DataSplit or None
        A given split, whose test set is that of every repeat; None for random splits.
    finer : bool
        Whether random test sets are stratified by finer labels than the class.
    grouped : bool
        Whether there are groups.
    sizes : list of NamedSize or None
        The percentages that random rows were drawn by.
    """

    repeats: list[Repeat]
    split: DataSplit | None
    finer: bool
    grouped: bool
    sizes: list[NamedSize] | None = None

    @property
    def own_tests(self) -> bool:
        """Whether the sizes have test images of their own."""
        return self.repeats[0].own_tests is not None

    @property
    def notes(self) -> list[str]:
        """What to know about a given split."""
        return [] if self.split is None else self.split.notes

    def protocol(self, n_test: int) -> str:
        """Return in words how the rows were drawn."""
        repeats, inside = len(self.repeats), "smaller training sets lie inside larger ones"
        how = f"stratified by class{' and finer labels' if self.finer else ''}"
        how += ", whole groups on one side" if self.grouped else ""
        if self.split is None and self.own_tests:
            return (
                f"{repeats} random split{'s' if repeats > 1 else ''} for each size, in per cent of all images, {how}; "
                "each size is judged on its own test images, the same for every strategy; of two sizes the smaller "
                f"test set lies inside the larger one, and {inside}"
            )
        if self.split is None:
            return (
                f"{repeats} random split{'s' if repeats > 1 else ''} with {n_test:,} test images"
                f"{' each' if repeats > 1 else ''}, {how}; the test images are the same for every "
                f"strategy and size, and {inside}"
            )
        parts = "training and validation parts" if len(self.split.validation) else "training images"
        again = ""
        if repeats > 1:
            again = (
                f"; the {repeats} repeats redraw the training images only, and where all are trained on, the seeds "
                "alone"
            )
        return (
            f"one given {self.split.description}, the same for every strategy and size; at most all "
            f"{len(self.split.fitted):,} of the {parts} are trained on, and {inside}{again}"
        )


def design_comparison(
    dataset: ImageDataset,
    *,
    train_sizes: Sequence[float | int] | None = None,
    test_size: float | None = None,
    sizes: list[NamedSize] | None = None,
    repeats: int | None = None,
    random_state: int = 0,
) -> ComparisonDesign:
    """Return the rows of a comparison; the data set is joined with its test set, if there is one.

    Parameters
    ----------
    dataset : ImageDataset
        With labels. Random test sets are stratified by its strata too.
    train_sizes, test_size, repeats, random_state
        As for `compare_strategies`.
    sizes : list of NamedSize, default=None
        In place of the training sizes and the test size.

    Raises
    ------
    ParameterError, DatasetError
    """
    labels = np.asarray(dataset.labels)
    kept: dict[str, Any] = {"groups": dataset.groups, "together": dataset.together, "random_state": random_state}
    if sizes is not None:
        drawn = draw_by_percentages(
            labels, sizes, stratify=dataset.strata, repeats=REPEATS if repeats is None else repeats, **kept
        )
        return ComparisonDesign(drawn, None, dataset.strata is not None, dataset.groups is not None, sizes)
    if dataset.split is not None:
        split = split_dataset(dataset)
        drawn = draw_repeats(
            labels,
            train_sizes=train_sizes,
            given=(split.fitted, split.test),
            repeats=1 if repeats is None else repeats,
            **kept,
        )
        return ComparisonDesign(drawn, split, False, dataset.groups is not None)
    drawn = draw_repeats(
        labels,
        train_sizes=train_sizes,
        test_size=COMPARISON_TEST_SIZE if test_size is None else test_size,
        stratify=dataset.strata,
        repeats=REPEATS if repeats is None else repeats,
        **kept,
    )
    return ComparisonDesign(drawn, None, dataset.strata is not None, dataset.groups is not None)


def comparison_split_options(*, test_size: float | None = None, min_images: int = 1, **options: Any) -> SplitOptions:
    """Return how the data set of a comparison is checked and split; parameters as for `compare_strategies`."""
    settings = {}
    if options.get("sizes") is None:
        settings["test_size"] = COMPARISON_TEST_SIZE if test_size is None else check_fraction(test_size)
    return SplitOptions(partial(design_comparison, **options), settings, min_images=min_images)


def stratified(dataset: ImageDataset, stratify: np.ndarray | None) -> ImageDataset:
    """Return the data set with these strata in place of its own, if any are given.

    Raises
    ------
    ParameterError
        If there is not one label for each image.
    """
    if stratify is None:
        return dataset
    if dataset.split is not None:
        note_once("stratify has no effect: one test set is given")
        return dataset
    strata = np.asarray(stratify)
    check_strata(strata, len(dataset))
    return replace(dataset, strata=strata)
