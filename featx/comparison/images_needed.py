"""How many training images each strategy needs to be as accurate as the weakest strategy with most images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..display.records import Record
from .size_result import SizeResult

__all__ = ["ImagesNeeded", "images_needed"]

# Accuracies are means of fractions: equal ones may differ in the last digits.
ROUNDING = 1e-9


@dataclass(frozen=True, repr=False)
class ImagesNeeded(Record):
    """The fewest training images, of the sizes tried, with which each strategy is as accurate as a target.

    The target is the accuracy of the weakest strategy at the largest size. A strategy needs the images of the smallest
    size from which on, at every size tried, its accuracy is at least the target: a single good figure at a small size
    does not count. All are means over the repeats, and no figure between two sizes is made up, so a strategy may need
    fewer; and as the figures are uncertain by their intervals, so is the number.

    Attributes
    ----------
    target : float
        An accuracy.
    strategy : str
        Whose accuracy it is.
    n_train : int
        The images that this strategy trained on at the largest size.
    images : dict of str to int
        By strategy, the images that it trained on, those to validate on included.
    """

    target: float
    strategy: str
    n_train: int
    images: dict[str, int]


def images_needed(sizes: Sequence[SizeResult]) -> ImagesNeeded | None:
    """Return how many images each strategy needs; None if there is one size, or one strategy.

    Parameters
    ----------
    sizes : sequence of SizeResult
        The smallest first.
    """
    if len(sizes) < 2 or len(sizes[-1].strategies) < 2:
        return None
    weakest = min(sizes[-1].strategies, key=lambda found: found.accuracy.value)
    target = weakest.accuracy.value
    images: dict[str, int] = {}
    for name in (found.strategy for found in sizes[-1].strategies):
        # From the largest size down, as long as it is good enough.
        for size in reversed(sizes):
            found = next(each for each in size.strategies if each.strategy == name)
            if found.accuracy.value < target - ROUNDING:
                break
            images[name] = found.n_train
    return ImagesNeeded(target, weakest.strategy, weakest.n_train, images)
