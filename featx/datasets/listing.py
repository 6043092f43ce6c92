"""Listing: the images and labels that a folder, manifest or sample lists, before they become an ImageDataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..display.names import few
from ..display.quantities import count_text
from ..exceptions import DatasetError
from ..images.path_list import PathList
from .class_names import normalise_classes
from .coded_texts import CodedTexts
from .dataset import ImageDataset
from .split_names import PARTS

__all__ = ["Listing"]


@dataclass
class Listing:
    """Images as a source lists them, before they become an `ImageDataset`.

    Attributes
    ----------
    images : PathList or list
        Paths, URLs, encoded images or arrays.
    root : str
        The folder that relative names start at.
    labels, groups, strata, split : list of str, or None
    notes : list of str
    names : list of str, or None
        What messages call the images; the images themselves where they are text.
    unlabelled : (str, str), or None
        Why there are no labels, and what to do.
    """

    images: Sequence[Any]
    root: str = ""
    labels: list[str] | None = None
    groups: list[str] | None = None
    strata: list[str] | None = None
    split: list[str] | None = None
    notes: list[str] = field(default_factory=list)
    names: Sequence[str] | None = None
    unlabelled: tuple[str, str] | None = None

    def dataset(self, source: str, *, labelled: bool) -> ImageDataset:
        """Return the data set of what `source` lists: here class names and parts of a split become final.

        Raises
        ------
        DatasetError
            If labels are required, and a given split has no training part or its parts have different classes.
        """
        split = self.split if self.split and len(set(self.split)) > 1 else None
        if self.split and split is None:
            self.notes.append(
                f"all images of {source} are of the {self.split[0]} part, so there is no split: the data are read "
                "without one"
            )
        if labelled and split is not None and "training" not in split:
            raise DatasetError(
                f"{source} has {' and '.join(sorted(set(split)))} images only", "Pass one of the parts alone."
            )
        images = PathList(self.images) if self.names is None else self.images
        names = images if self.names is None else self.names
        labels, groups, strata, parts = (
            None if texts is None else CodedTexts.of(texts) for texts in (self.labels, self.groups, self.strata, split)
        )
        labels, groups = (None if known is None else normalise_classes(known) for known in (labels, groups))
        if labels is not None and parts is not None:
            self.notes += _missing_classes(source, labels, parts, labelled=labelled)
        columns: Any = {"labels": labels, "groups": groups, "strata": strata, "split": parts}
        return ImageDataset(images, names, notes=self.notes, **columns)


def _missing_classes(source: str, labels: CodedTexts, split: CodedTexts, *, labelled: bool) -> list[str]:
    """Return a note for each part of a split that lacks classes."""
    number = {part: number for number, part in enumerate(split.values.tolist())}
    classes = {part: set(labels[split.codes == number[part]].used.tolist()) for part in PARTS if part in number}
    first, notes = next(iter(classes)), []
    for part, known in classes.items():
        if labelled and not known & classes[first]:
            raise DatasetError(
                f"the {part} images of {source} have the classes {few(sorted(known))}, the {first} images others: "
                f"{few(sorted(classes[first]))}",
                "Give the classes the same names in all parts of the split.",
            )
        if missing := sorted(set(labels.used.tolist()) - known):
            notes.append(f"the {part} images lack {count_text(len(missing), 'class')}: {few(missing)}")
    return notes
