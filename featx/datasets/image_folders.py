"""List the images of a folder, with the class labels and the split that its sub-folders name."""

from __future__ import annotations

from itertools import chain, repeat

from ..display.names import few
from ..display.quantities import count_text
from ..exceptions import DatasetError
from ..images.path_list import PathList
from .folder_layout import Layout, find_layout
from .folders import Folder, Skipped
from .listing import Listing

__all__ = ["list_folder"]


def list_folder(root: str, *, labelled: bool) -> tuple[Listing, Skipped]:
    """Return the images below a folder, and what was left out.

    Parameters
    ----------
    root : str
    labelled : bool
        Whether labels are required. Without them all images are listed, with labels and split where every image has
        them.

    Raises
    ------
    DatasetError
        If there are no images, or labels are required and it cannot be told which folders are classes.
    """
    top, skipped = Folder(root), Skipped()
    try:
        layout, notes = find_layout(top), []
    except DatasetError as error:
        if labelled:
            raise
        layout, notes = None, [f"without labels: {error.message}"]
    if layout is None:
        images = top.below(skipped)
        notes += [*skipped.notes(), *_empty([top], Skipped())]
        return Listing(images, root, notes=notes), skipped
    return _listed(top, layout, skipped, labelled=labelled), skipped


def _listed(top: Folder, layout: Layout, skipped: Skipped, *, labelled: bool) -> Listing:
    found = [(entry, below) for entry in layout.classes if (below := entry.folder.below(skipped))]
    images = PathList.joined(below for _, below in found)
    sizes = [len(below) for _, below in found]
    labels = _for_each([entry.label for entry, _ in found], sizes)
    split = _for_each([entry.part for entry, _ in found], sizes)
    loose: list[str] = []
    for folder in layout.outer:
        skipped.add(folder)
        loose += folder.images
    # Where no image has a label, the caller may know more about the folder.
    if labelled and layout.problem is not None and any(entry.label for entry, _ in found):
        raise layout.problem
    if layout.problem is not None:
        labels = None
    if split is not None and len(set(split)) < 2:
        split = None
    notes = layout.notes + _empty(layout.outer, skipped)
    notes += skipped.notes()
    if layout.problem is not None and not labelled:
        notes.append(f"without labels: {layout.problem.message}")
    if loose:
        outside = f"{count_text(len(loose), 'image')} outside the class folders"
        shown = few(sorted(loose))
        notes.append(f"{outside} left out: {shown}" if labelled else f"without labels: {outside}: {shown}")
    if loose and not labelled:
        images, labels, split = PathList(sorted(images + loose)), None, None
    return Listing(
        images,
        top.path,
        labels,
        split=split,
        notes=notes,
        unlabelled=None if layout.problem is None else (layout.problem.message, layout.problem.next_step),
    )


def _for_each(values: list[str | None], sizes: list[int]) -> list[str] | None:
    """Return the value of each image's folder, or None where a folder has none."""
    known = [value for value in values if value is not None]
    return list(chain.from_iterable(map(repeat, known, sizes))) if len(known) == len(values) else None


def _empty(folders: list[Folder], skipped: Skipped) -> list[str]:
    empty = [folder for outer in folders for folder in outer.without_images]
    for folder in empty:
        folder.below(skipped)
    noun, names = "folder", [folder.path for folder in empty]
    if len(folders) == 1:
        noun, names = "class", [folder.name for folder in empty]
    return [f"{count_text(len(names), noun)} without images left out: {few(names)}"] if names else []
