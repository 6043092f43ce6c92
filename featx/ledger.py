"""Images go in; those that cannot be read come out, with the reasons: the ledger of failures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from .exceptions import ImageDecodeError
from .images import ImageSource
from .patience import patient_map

__all__ = ["Failure", "find_unreadable"]


@dataclass(frozen=True)
class Failure:
    """An entry of the ledger: an image that could not be read.

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


def find_unreadable(images: Sequence[ImageSource]) -> list[Failure]:
    """Decode all images and return the ledger of those that cannot be read."""

    def reason(image: ImageSource) -> str | None:
        try:
            image.load()
        except ImageDecodeError as error:
            return error.reason
        return None

    reasons = patient_map(reason, images, threads=min(4, os.cpu_count() or 1))
    return [Failure(i, images[i].name, str(text)) for i, text in enumerate(reasons) if text is not None]
