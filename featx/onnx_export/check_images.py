"""Images that an ONNX file is compared with featx on: of a data set, or cut and scaled from two photographs."""

from __future__ import annotations

import numpy as np

from ..datasets.dataset import ImageDataset
from ..extraction.estimator import ImageEstimator

__all__ = ["LEAST", "built_in_images", "images_to_check"]

# Fewer are filled up with the built-in ones; of more, as many are taken, evenly spaced.
LEAST, MOST = 64, 300
# Height and width of images smaller than any network's input, and of strips that are cut before they are resized.
TINY = ((1, 1), (1, 7), (3, 2), (5, 5), (8, 8), (17, 9), (31, 32), (2, 40))
STRIPS = ((40, 410), (415, 33), (9, 101), (120, 13))
LARGE = ((1281, 961), (1500, 2001))
GREY = 10


def images_to_check(dataset: ImageDataset | None, estimator: ImageEstimator) -> list[np.ndarray]:
    """Return at least 64 images as arrays of uint8, shape (height, width, 3).

    Parameters
    ----------
    dataset : ImageDataset or None
    estimator : ImageEstimator
        Says how the images of the data set are read.

    Raises
    ------
    ImageDecodeError
    """
    if dataset is None:
        return built_in_images(LEAST)
    sources = estimator.sources(dataset.images, dataset.names)
    rows = np.unique(np.linspace(0, len(sources) - 1, min(len(sources), MOST)).astype(int))
    own = [sources[int(row)].load()[1] for row in rows]
    return own + built_in_images(LEAST - len(own))


def built_in_images(count: int) -> list[np.ndarray]:
    """Return photographs, the same in every call: odd sizes, grey, large, tiny, and strips.

    Parameters
    ----------
    count : int
        Not more than there are of each kind and cuts of odd sizes.
    """
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photos = [Image.fromarray(photo) for photo in load_sample_images().images]
    rng = np.random.default_rng(0)
    found = []
    for number in range(max(count, 0)):
        photo = photos[number % len(photos)]
        height, width = (2 * int(rng.integers(10, 210)) + 1 for _ in range(2))
        left, top = int(rng.integers(0, photo.width - width + 1)), int(rng.integers(0, photo.height - height + 1))
        image = photo.crop((left, top, left + width, top + height))
        scaled = (*TINY, *STRIPS, *LARGE)
        if number < len(scaled):
            image = photo.resize(scaled[number][::-1])
        elif number < len(scaled) + GREY:
            image = image.convert("L").convert("RGB")
        elif number % 3 == 0:
            # Enlarged, or squeezed in one direction.
            image = image.resize((int(rng.integers(20, 700)), int(rng.integers(20, 700))))
        found.append(np.array(image))
    return found
