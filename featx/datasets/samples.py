"""The name of a sample goes in, sample:digits or sample:photos; the images that come with scikit-learn come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..exceptions import DatasetError, nearest
from .listing import Listing

__all__ = ["list_sample"]


def list_sample(text: str) -> Listing:
    """Return the images of a sample, with labels where it has some.

    Raises
    ------
    DatasetError
        If there is no such sample.
    """
    name = text.partition(":")[2]
    if name not in ("digits", "photos"):
        hint = nearest(name, ["digits", "photos"])
        raise DatasetError(f"there is no sample {name!r}", f"{hint} Known: sample:digits, sample:photos.".strip())
    from sklearn import datasets as samples

    if name == "digits":
        digits = samples.load_digits()
        images = [np.rint(image * (255 / 16)).astype(np.uint8) for image in digits.images]
        names = [f"{text}[{i}]" for i in range(len(images))]
        return Listing(images, labels=digits.target.astype(str).tolist(), names=names)
    photos = samples.load_sample_images()
    return Listing(list(photos.images), names=[f"{text}[{Path(f).name}]" for f in photos.filenames])
