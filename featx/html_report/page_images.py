"""Put images on a page: the list that its script reads, thumbnails up to the size of the file, and a note on both."""

from __future__ import annotations

from typing import Any

from .image_list import ImageList
from .page import render_page
from .reported_images import ReportedImages
from .thumbnails import make_thumbnails

__all__ = ["add_images"]

ORDERS = {
    "wrong": "most surely wrong",
    "alone": "wrong, and right with another strategy",
    "together": "wrong with every strategy",
    "unsure": "least sure",
    "classes": "a few of each class, right",
    "all": "all",
}
# Of the page, what is not known before there are thumbnails.
MARGIN = 10_000


def add_images(
    content: dict[str, Any], data: dict[str, Any], listed: ImageList, images: ReportedImages, *, max_bytes: int
) -> None:
    """Add images to what the template shows and to what the script reads.

    Parameters
    ----------
    content, data : dict
        All but the images; changed.
    listed : ImageList
    images : ReportedImages
    max_bytes : int
        Of the page: what it is without thumbnails decides how many there may be.
    """
    models = listed.models()
    # An order in which one strategy has nothing is still one of the others.
    kinds = [kind for kind in ORDERS if kind == "all" or any(one["orders"].get(kind) for one in models)]
    content["orders"] = [(kind, ORDERS[kind]) for kind in kinds]
    content["models"] = list(listed.tables)
    data |= {"images": listed.columns(), "models": models}
    rows = listed.table.rows.tolist()
    place_of = {row: place for place, row in reversed(list(enumerate(rows)))}
    order = [rows[place] for place in listed.first_thumbnails()] if images.sources else []
    content |= {"has_samples": False, "images_note": _note(listed, 0, images)}
    room = max_bytes - MARGIN - len(render_page(content, {**data, "thumbnails": {}, "samples": []}))
    found = make_thumbnails(images.sources, list(dict.fromkeys(order)), budget=max(0, room))
    data["thumbnails"] = {place_of[row]: text for row, text in found.items()}
    samples = next(iter(listed.orders.values()))["classes"]
    data["samples"] = [place for place in samples if place_of[rows[place]] in data["thumbnails"]]
    content |= {"has_samples": bool(data["samples"]), "images_note": _note(listed, len(found), images)}


def _note(listed: ImageList, n_thumbnails: int, images: ReportedImages) -> str:
    """Return which images are listed, and which of them are in the file."""
    n, different = len(listed.table.rows), len(set(listed.table.rows.tolist()))
    notes = []
    if n < listed.total:
        notes.append(f"Listed are {n:,} of {listed.total:,} images: the wrong ones, the least sure, and others.")
    if not images.sources:
        notes.append("The images are not at hand, so that only their names are shown.")
    elif n_thumbnails < different:
        notes.append(f"{n_thumbnails:,} of {different:,} images are in this file, the most surely wrong first; "
                     "the others are named by their paths.")  # fmt: skip
    return " ".join(notes)
