"""Out of memory in training: compute a batch in micro-batches, which are halved each time the memory runs out."""

from __future__ import annotations

import math

import numpy as np

from ..exceptions import TrainingError
from ..networks.device import halved

__all__ = ["MicroBatches"]


class MicroBatches:
    """How batches are cut into parts that the memory suffices for.

    Parameters
    ----------
    batch_size : int
    smallest : int
        The fewest images of a part: 2 where BatchNorm takes its statistics from them, since one image has none.
    device : str
    network : str
        Its name, for messages.

    Attributes
    ----------
    size : int
        The most images of a part; `batch_size` until the memory does not suffice.
    """

    def __init__(self, batch_size: int, *, smallest: int, device: str, network: str) -> None:
        self.size, self.smallest, self.device, self.network = batch_size, smallest, device, network

    def count_parts(self, n_images: int, size: int) -> int:
        """Return how many parts of similar size to cut images into, with at most `size` images in each."""
        return min(math.ceil(n_images / size), max(1, n_images // self.smallest))

    def slices(self, n_images: int) -> list[slice]:
        """Return the parts of a batch."""
        parts = np.array_split(np.arange(n_images), self.count_parts(n_images, self.size))
        return [slice(part[0], part[-1] + 1) for part in parts]

    def halve(self, n_images: int, error: RuntimeError) -> None:
        """Halve the parts after an error in a batch of `n_images`, if the memory did not suffice.

        Raises
        ------
        TrainingError
            If a part is one image already, or the network writes into a tensor that gradients are computed from.
        RuntimeError
            The error itself, if it has another reason.
        """
        if "modified by an inplace operation" in str(error):
            what = str(error).partition(". Hint:")[0]
            raise TrainingError(
                f"{self.network} writes into a tensor that training needs unchanged: {what}",
                "Let its forward write into copies, such as x = x.clone(), also where it writes into its input.",
            ) from error
        too_much = TrainingError(
            f"one image is too much for the memory of {self.device}: {error}",
            "Train fewer stages, choose a smaller image_size, or another network.",
        )
        self.size = halved(min(self.size, n_images), self.device, error, too_much)
