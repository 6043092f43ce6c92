"""AuditResult: what `audit_dataset` found in a data set, and the manifest that keeps near-duplicates together."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..cache.files import replaced
from ..datasets.dataset import ImageDataset
from ..display.json_values import as_json
from ..display.summary_mixin import SummaryMixin
from ..exceptions import DatasetError, FeatxError, ParameterError
from ..images.pixels import ValueRange
from .accuracy_cost import AccuracyCost
from .duplicates import DuplicatePair
from .label_errors import Suspect
from .odd_images import OddImage
from .shortcuts import Shortcut

__all__ = ["AuditResult", "check_groups_file"]


def check_groups_file(path: str | os.PathLike[str], *datasets: ImageDataset) -> None:
    """Refuse a manifest of images that are no files, or whose name does not end in .csv, as another kind would be read.

    Parameters
    ----------
    path : str or PathLike
    *datasets : ImageDataset
        Whose images are to be in it.

    Raises
    ------
    DatasetError, ParameterError
    """
    if not os.fspath(path).lower().endswith(".csv"):
        raise ParameterError(f"got {os.fspath(path)} for a manifest with groups", "End it in .csv.")
    if not all(map(_are_files, datasets)):
        raise DatasetError("images in memory have no path to write into a manifest", "Pass files.")


def _are_files(dataset: ImageDataset) -> bool:
    """Return whether all images have a path, which a manifest can hold."""
    return all(isinstance(image, str | os.PathLike) for image in dataset.images)


@dataclass(repr=False)
class AuditResult(SummaryMixin):
    """What `audit_dataset` found.

    Attributes
    ----------
    dataset : ImageDataset
        The images that the rows below count, those of a separate test set last.
    pairs : list of DuplicatePair
        Images that show the same picture.
    groups : ndarray of str, shape (n,)
        Equal for images that such pairs join, or that were of one group before.
    accuracy : float or None
        Cross-validated, with near-duplicates on one side; None if labels were not checked.
    suspects : list of Suspect
        Labels that are probably wrong, the surest first.
    expected_wrong : float or None
        The estimated number of wrong labels; None where the cross-validated accuracy is below 90 %, of which most would
        be mistakes of the model.
    odd : list of OddImage
    shortcuts : list of Shortcut
        All that were checked; `found` says which predict the class.
    costs : list of AccuracyCost
    notes : list of str
        What was not checked, and why.
    seconds : dict of str to float
        Of each step.
    similar : list of DuplicatePair
        Pictures much alike whose detail differs, to look at; empty where they were counted among `pairs`.
    not_checked : list of str
        What was not looked at, such as "labels"; the notes say why.
    groups_file : str or None
        Where `write_groups` wrote its last manifest.
    value_range : (low, high), "minmax" or None
        That of the transformer, by which the images were read.
    """

    dataset: ImageDataset
    pairs: list[DuplicatePair]
    groups: np.ndarray
    accuracy: float | None
    suspects: list[Suspect]
    expected_wrong: float | None
    odd: list[OddImage]
    shortcuts: list[Shortcut]
    costs: list[AccuracyCost]
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    similar: list[DuplicatePair] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    groups_file: str | None = None
    value_range: ValueRange = None

    @property
    def leaks(self) -> list[DuplicatePair]:
        """The pairs with an image in each of two parts of the split that the data set came with."""
        return self._differing(self.dataset.split)

    @property
    def contradictions(self) -> list[DuplicatePair]:
        """The pairs whose images have different labels."""
        return self._differing(self.dataset.labels)

    @property
    def found(self) -> bool:
        """Whether there is anything to mend; similar pictures are not."""
        return bool(self.pairs or self.suspects or self.odd or any(one.found for one in self.shortcuts))

    @property
    def can_write_groups(self) -> bool:
        """Whether all images are files, so that `write_groups` can name them."""
        return _are_files(self.dataset)

    def _differing(self, column: np.ndarray | None) -> list[DuplicatePair]:
        return [] if column is None else [pair for pair in self.pairs if column[pair.first] != column[pair.second]]

    def to_dict(self) -> dict[str, Any]:
        """Return all that was found, with the names of images, as types that JSON can hold."""
        names, labels = self.dataset.names, np.asarray(self.dataset.labels)

        def images(rows: Sequence[int]) -> list[dict[str, Any]]:
            split = self.dataset.split
            parts = [{} if split is None else {"part": str(split[row])} for row in rows]
            return [
                {"row": r, "path": names[r], "label": str(labels[r]), **p} for r, p in zip(rows, parts, strict=True)
            ]

        found = as_json({
            "n_images": len(self.dataset),
            "classes": self.dataset.classes,
            "accuracy": self.accuracy,
            "expected_wrong": self.expected_wrong,
            "shortcuts": self.shortcuts,
            "costs": self.costs,
            "notes": self.notes,
            "not_checked": self.not_checked,
            "seconds": self.seconds,
        })  # fmt: skip
        for name, pairs in (("pairs", self.pairs), ("similar", self.similar)):
            found[name] = [
                {"images": images([p.first, p.second]), "kind": p.kind, "similarity": p.similarity} for p in pairs
            ]
        found["suspects"] = [{"path": names[one.row], **vars(one)} for one in self.suspects]
        found["odd"] = [{**images([one.row])[0], "kind": one.kind, "text": one.text} for one in self.odd]
        return dict(found)

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, default=str, allow_nan=False)

    def write_groups(self, path: str | os.PathLike[str]) -> None:
        """Write a manifest of the images with a column `group`, so that near-duplicates stay on one side of splits.

        It has no column of the split, which may have an image on one side and its near-duplicate on the other.

        Parameters
        ----------
        path : str or PathLike
            A .csv file.

        Raises
        ------
        DatasetError
            If images are not files.
        FeatxError
            If the file cannot be written.
        ParameterError
            If its name does not end in .csv, so that it could not be read as a manifest.
        """
        check_groups_file(path, self.dataset)
        images = self.dataset.images
        places = [place if "://" in (place := os.fspath(image)) else os.path.abspath(place) for image in images]
        try:
            with replaced(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(["path", "label", "group"])
                writer.writerows(zip(places, np.asarray(self.dataset.labels), self.groups, strict=True))
        except OSError as error:
            raise FeatxError(f"cannot write {path}: {error.strerror or error}", "Choose another place.") from error
        self.groups_file = os.fspath(path)
