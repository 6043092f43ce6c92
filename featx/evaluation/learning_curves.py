"""Learning curves: a power law through the accuracies at several training sizes, and its extrapolation.

The error of a classifier tends to fall as a power of the number of training images (Hestness et al. 2017,
arXiv:1712.00409), but not always: Viering and Loog (2021, arXiv:2103.10948) collect curves of other shapes. What is
said about larger sizes is therefore a guess, and its interval does not allow for another shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..display.records import Record
from .estimates import Estimate
from .intervals import CONFIDENCE
from .resampled import corrected_error

__all__ = ["Extrapolation", "PowerLaw", "extrapolate_accuracy", "fit_power_law"]

RESAMPLES = 1000
# With fewer sizes, a floor cannot be distinguished from a slope.
SIZES_FOR_A_FLOOR = 4
FLOORS = np.linspace(0.0, 0.98, 50)


@dataclass(frozen=True, repr=False)
class PowerLaw(Record):
    """error = scale * n ** -exponent + floor.

    Attributes
    ----------
    scale, exponent, floor : float
    """

    scale: float
    exponent: float
    floor: float

    def accuracy(self, n: float | np.ndarray) -> np.ndarray:
        """Return the accuracy at n training images, from 0 to 1."""
        return 1 - np.clip(self.scale * np.asarray(n, dtype=float) ** -self.exponent + self.floor, 0, 1)


@dataclass(frozen=True, repr=False)
class Extrapolation(Record):
    """The accuracy that a power law predicts at a size that was not measured.

    Attributes
    ----------
    n_images : int
    accuracy : Estimate
    law : PowerLaw
    n_sizes : int
        Measured sizes that it is based on; with two, nothing shows how well the law fits.
    """

    n_images: int
    accuracy: Estimate
    law: PowerLaw
    n_sizes: int


def fit_power_law(sizes: Sequence[int], errors: Sequence[float]) -> PowerLaw:
    """Fit error = a n^-b by least squares of the logarithms; with four sizes or more, error = a n^-b + c.

    The floor c is the one of 50 values between zero and the smallest error for which the curve fits the errors best.

    Parameters
    ----------
    sizes : sequence of int
        At least two different ones.
    errors : sequence of float
        Above zero.
    """
    scale, exponent, floor = _fit(np.asarray(sizes, dtype=float), np.asarray(errors, dtype=float)[None, :])
    return PowerLaw(float(scale[0]), float(exponent[0]), float(floor[0]))


def extrapolate_accuracy(
    sizes: Sequence[int],
    accuracies: Sequence[Sequence[float]],
    *,
    n_train: int,
    n_test: int,
    target: int | None = None,
    random_state: int = 0,
) -> Extrapolation | None:
    """Return the accuracy that a power law predicts at a larger size, with a 95 % interval.

    Return None where there was no error at any size: no law goes through errors of zero.

    The interval is a parametric bootstrap: 1,000 fits to errors drawn around the measured ones, from Student's t with
    the corrected standard error of the repeats, or from the binomial distribution after one repeat.

    Parameters
    ----------
    sizes : sequence of int
        At least two different ones.
    accuracies : sequence of sequence of float
        For each size, those of the repeats.
    n_train : int
        Images outside the test set; see `corrected_error`.
    n_test : int
    target : int, default=None
        None means twice the largest size.
    random_state : int, default=0
    """
    target = target or 2 * max(sizes)
    least = 0.5 / n_test
    means = np.array([float(np.mean(values)) for values in accuracies])
    if (means == 1).all():
        return None
    errors = np.maximum(1 - means, least)
    law = fit_power_law(sizes, errors.tolist())
    rng = np.random.default_rng(random_state)
    shape = (RESAMPLES, len(sizes))
    if (repeats := len(accuracies[0])) > 1:
        spreads = np.array([corrected_error(values, n_train=n_train, n_test=n_test) for values in accuracies])
        draws = (1 - means) + spreads * rng.standard_t(repeats - 1, shape)
    else:
        draws = rng.binomial(n_test, errors, shape) / n_test
    scale, exponent, floor = _fit(np.asarray(sizes, dtype=float), np.clip(draws, least, 1 - least))
    guesses = 1 - np.clip(scale * float(target) ** -exponent + floor, 0, 1)
    low, high = np.percentile(guesses, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    value = float(law.accuracy(target))
    return Extrapolation(target, Estimate(value, min(value, float(low)), max(value, float(high))), law, len(sizes))


def _fit(sizes: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scale, exponent and floor for each row of errors, shape (m, sizes)."""
    shares = FLOORS if len(sizes) >= SIZES_FOR_A_FLOOR else FLOORS[:1]
    x = np.log(sizes) - np.log(sizes).mean()
    smallest = errors.min(axis=1, keepdims=True)
    best = np.full(len(errors), np.inf)
    found = np.zeros((3, len(errors)))
    for share in shares:
        logs = np.log(errors - share * smallest)
        slope = (logs * x).sum(axis=1) / (x**2).sum()
        scale = np.exp(logs.mean(axis=1) - slope * np.log(sizes).mean())
        curve = scale[:, None] * sizes ** slope[:, None] + share * smallest
        loss = ((curve - errors) ** 2).sum(axis=1)
        # A floor under a curve that rises would only bend it upwards.
        better = (loss < best * (1 - 1e-9)) & ((slope < 0) | (share == 0))
        best = np.where(better, loss, best)
        found = np.where(better, np.stack([scale, -slope, share * smallest[:, 0]]), found)
    return found[0], found[1], found[2]
