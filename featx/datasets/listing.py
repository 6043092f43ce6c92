"""What a folder or a manifest lists: images with their columns of text, and the notes about what was left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Listing"]


@dataclass
class Listing:
    """Images as a source lists them, before they become an `ImageDataset`.

    Attributes
    ----------
    images : list
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

    images: list[Any]
    root: str = ""
    labels: list[str] | None = None
    groups: list[str] | None = None
    strata: list[str] | None = None
    split: list[str] | None = None
    notes: list[str] = field(default_factory=list)
    names: list[str] | None = None
    unlabelled: tuple[str, str] | None = None
