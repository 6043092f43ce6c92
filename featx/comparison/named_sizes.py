"""Named sizes of a comparison as percentages of all images: to train on, to validate on and to test on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ..constraints import Constraint
from ..display.records import Record
from ..evaluation.nested_subsets import nested_subsets
from ..exceptions import ParameterError

__all__ = ["SIZES", "NamedSize", "draw_named_sizes", "named_sizes"]

# Percentages such as 33.3 are rounded.
ROUNDING = 1e-6
EXAMPLE = "Such as large=70/15/15, in Python {'large': (70, 15, 15)}."


def _are_percentages(value: Any) -> bool:
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray) or len(value) != 3:
        return False
    return all(isinstance(part, Real) and not isinstance(part, bool) and 0 <= float(part) < 100 for part in value)


SIZES = Constraint(
    "a mapping of name to (training, validation, test) in per cent of all images, or None",
    lambda value: value is None or (isinstance(value, Mapping) and all(map(_are_percentages, value.values()))),
    EXAMPLE,
)


@dataclass(frozen=True, repr=False)
class NamedSize(Record):
    """Percentages of all images.

    Attributes
    ----------
    name : str
    train, validation, test : float
        From 0 to 100. What is tuned by cross-validation has the training and validation images together; a network
        that is trained stops by the validation images.
    """

    name: str
    train: float
    validation: float
    test: float

    @property
    def pool(self) -> float:
        """The percentage of training and validation together."""
        return self.train + self.validation

    @property
    def validation_fraction(self) -> float:
        """The share of the pool to validate on."""
        # Parts are rounded up to whole images, so that the last binary digit must not add one.
        return math.floor(1e12 * self.validation / self.pool) / 1e12


def named_sizes(sizes: Mapping[str, Sequence[float]] | None) -> list[NamedSize] | None:
    """Return sizes in the order of their training and validation images, the smallest first.

    Raises
    ------
    ParameterError
        If they are not percentages, leave nothing to train or to test on, or are more than 100 in all.
    """
    SIZES.check("sizes", sizes)
    if sizes is None:
        return None
    if not sizes:
        raise ParameterError("got sizes={}; expected one at least", EXAMPLE)
    found = [NamedSize(str(name), *(float(part) for part in parts)) for name, parts in sizes.items()]
    for size in found:
        given = f"got the size {size.name}={size.train:g}/{size.validation:g}/{size.test:g}"
        if not size.name.strip():
            raise ParameterError(f"{given}, without a name", EXAMPLE)
        if not (size.train and size.test):
            raise ParameterError(f"{given}, which leaves nothing to train on or to test on", EXAMPLE)
        if size.pool + size.test > 100 + ROUNDING:
            raise ParameterError(f"{given}, {size.pool + size.test:g} % in all", "Make it 100 % or less.")
    return sorted(found, key=lambda size: (size.pool, size.train))


def draw_named_sizes(
    strata: np.ndarray,
    sizes: Sequence[NamedSize],
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (rows to train and validate on, rows to test on) for each size, stratified, by one random order.

    Test sets are the beginning of the order and the other rows its end. So of two sizes the smaller test set lies
    inside the larger one, the smaller training and validation set inside the larger one, and they never meet.

    Parameters
    ----------
    strata : ndarray of shape (n,)
        The classes, or finer labels inside them.
    sizes : sequence of NamedSize
    groups, together, random_state
        As for `nested_subsets`; whole groups are taken, so that percentages are met to within about one group.
    """
    n = len(strata)
    tests = [_count(size.test, n) for size in sizes]
    # What is left out beside what is trained on: all images that come before it in the order.
    before = [min(n - 1, max(test, n - _count(size.pool, n))) for size, test in zip(sizes, tests, strict=True)]
    drawn = nested_subsets(
        strata, [*tests, *before], groups=groups, together=together, random_state=random_state
    )  # fmt: skip
    every = np.arange(n)
    return [(np.setdiff1d(every, drawn[len(sizes) + i]), drawn[i]) for i in range(len(sizes))]


def _count(percent: float, n: int) -> int:
    # Half an image more is a whole one, whatever the binary fraction is.
    return max(1, math.floor(percent * n / 100 + 0.5 + ROUNDING))
