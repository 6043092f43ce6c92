"""Count the images of each class, and of each part of a split, in tables that are printed before a run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..display.progress import print_above_bars
from ..display.quantities import count_text, percent_text
from ..display.tables import CLASS_NAMES, Part, Table
from ..display.terminal import WIDEST_SENTENCE, line_width
from ..display.text_tables import render_text
from ..evaluation.data_split import DataSplit
from .dataset import ImageDataset

__all__ = ["count_images", "print_counts"]

# Most classes that have a row each.
MOST_CLASSES = 30


def count_images(dataset: ImageDataset, split: DataSplit) -> list[Part]:
    """Return a table of the images of each class, and one of the parts of the split, unless it has folds.

    Parameters
    ----------
    dataset : ImageDataset
        With labels.
    split : DataSplit
        Of its rows.
    """
    classes, counts = np.unique(np.asarray(dataset.labels), return_counts=True)
    names = [str(name) for name in classes]
    if len(names) <= MOST_CLASSES:
        tables: list[Part] = [_table("class", dict(zip(names, counts.tolist(), strict=True)))]
    elif counts.min() == counts.max():
        tables = [f"{count_text(len(names), 'class')} with {count_text(int(counts[0]), 'image')} each"]
    else:
        least, most = int(counts.argmin()), int(counts.argmax())
        tables = [
            f"{count_text(len(names), 'class')}: {names[least]!r} has the fewest images, {counts[least]:,}, "
            f"{names[most]!r} the most, {counts[most]:,}; the median is {np.median(counts):,g}"
        ]
    if split.folds is not None:
        return tables
    # Without a test part the validation part of a given split is the test set.
    validated = split.given and dataset.split is not None and "test" not in dataset.split
    sizes = {"training": split.train, "validation": split.validation, "test": split.test}
    if validated:
        sizes["validation part, as test"] = sizes.pop("test")
    how = "in whole groups" if dataset.groups is not None else "stratified by class"
    title = "the given split" if split.given else f"a random split, {how}"
    return [*tables, _table("part", {part: len(rows) for part, rows in sizes.items() if len(rows)}, title)]


def print_counts(dataset: ImageDataset, split: DataSplit) -> None:
    """Print what `count_images` returns to standard error, within the width of a terminal."""
    width = line_width(err=True)
    text = render_text(count_images(dataset, split), width=width and min(width, WIDEST_SENTENCE))
    print_above_bars(f"\n{text}\n")


def _table(what: str, counts: Mapping[str, int], title: str = "") -> Table:
    total = sum(counts.values())
    rows = [[name, f"{number:,}", percent_text(number / total)] for name, number in counts.items()]
    return Table([what, "images", "share"], rows, right=(1, 2), names={0: CLASS_NAMES}, title=title)
