"""Failures: images that cannot be read and are skipped (`on_error="skip"`), with the reasons."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..display.progress import progress_bar
from ..display.records import Record
from ..exceptions import ImageDecodeError
from ..runtime.deadlines import map_with_deadline
from .sources import ImageSource

__all__ = ["Failure", "find_unreadable", "first_reason"]


@dataclass(frozen=True, repr=False)
class Failure(Record):
    """An image that could not be read.

    Attributes
    ----------
    index : int
        Position in the input.
    name : str
    reason : str
    """

    index: int
    name: str
    reason: str


def find_unreadable(images: Sequence[ImageSource], *, verbose: bool = False) -> list[Failure]:
    """Decode all images and return those that cannot be read; `verbose` shows a progress bar."""

    def reason(image: ImageSource) -> str | None:
        try:
            image.load()
        except ImageDecodeError as error:
            return error.reason
        return None

    found = []
    reasons = map_with_deadline(reason, images, threads=min(4, os.cpu_count() or 1))
    with progress_bar(len(images), name="decoding", unit="img", shown=verbose) as bar:
        for i, text in enumerate(reasons):
            if text is not None:
                found.append(Failure(i, images[i].name, text))
            bar.update()
    return found


def first_reason(failures: Sequence[Failure]) -> str:
    """Return a sentence for the end of an error: the first failure, its reason, and how many more there are."""
    first = min(failures, key=lambda failure: failure.index)
    more = f", and {len(failures) - 1:,} more" if len(failures) > 1 else ""
    return f"The first is {first.name}: {first.reason.rstrip('.')}{more}."
