"""Paired tests of two classifiers on the same images: McNemar's, and a sign-flip test over groups; Holm's p-values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import bdtrc, betainc
from scipy.stats import binom, norm, t

from ..display.records import Record
from .estimates import Estimate
from .intervals import CONFIDENCE, FEWEST_GROUPS, NORMAL_QUANTILE

__all__ = ["SIGNIFICANCE", "PairedTest", "adjust_p_values", "compare_paired", "name_test", "widen_interval"]

FEW_GROUPS_REASON = "too few groups"
# Differences with at least this p-value are called not distinguishable.
SIGNIFICANCE = 0.05
POWER = 0.8
# A smallest p below this restricts no conclusion and is not mentioned.
NEGLIGIBLE_P = 0.001


@dataclass(frozen=True, repr=False)
class PairedTest(Record):
    """Two classifiers on the same test images.

    Attributes
    ----------
    difference : Estimate
        The accuracy of the first minus that of the second, with its 95 % interval.
    p_value : float
        How likely it is that classifiers of equal accuracy differ at least this much on such images, two-sided.
    smallest_p : float
        The smallest p that the test can have with this number of groups, or of images where there are no groups.
    test : str
        The name of the test.
    detectable : float
        The true difference that the test finds, with p < 0.05, four times in five; NaN where its p is never that small.
    """

    difference: Estimate
    p_value: float
    smallest_p: float
    test: str
    detectable: float


def compare_paired(
    right: np.ndarray, other: np.ndarray, *, groups: np.ndarray | None = None, folds: int = 1
) -> PairedTest:
    """Compare the accuracies of two classifiers on the same images.

    Parameters
    ----------
    right, other : ndarray of bool, shape (n,) or (repeats, n)
        Whether each classifier was right on each image, perhaps in each of several trainings of both.
    groups : ndarray, shape (n,), default=None
        Groups that are independent of each other, where images are not.
    folds : int, default=1
        How many folds the images were divided into, if they were predicted by cross-validation.

    Returns
    -------
    PairedTest

    Notes
    -----
    Without groups: McNemar's exact test (McNemar 1947; Dietterich 1998, sec. 3.1), the score interval of Tango (1998),
    and the difference at which the test has 80 % power if the classifiers disagree on as many images as here.

    With groups: Fisher's exact sign-flip test. In each group, the images that only the second classifier got right are
    subtracted from those that only the first did; if the classifiers are equal, each sum is as likely to have the other
    sign. The sums are whole numbers, so that one convolution for each group yields the probability of every total. With
    groups of one image this is McNemar's test. The interval is Student's over groups, of a ratio, since groups differ
    in size (Cochran 1977, sec. 6.5); below five groups there is none. It is never narrower than the score interval of
    as many independent images as there are groups, since all images of a group may be predicted alike and other kinds
    of groups may not have been sampled; but where the test rejects, this does not extend it beyond zero. The detectable
    difference is (t(0.975) + t(0.8)) standard errors; with six groups, where all must have the same sign, that of
    normal sums.

    Where both were trained several times, wins and losses are means over the trainings, and McNemar's p is that of
    the beta distribution, which equals the binomial's where they are whole numbers. More trainings add no test images,
    and cannot make the test or the interval err more often: the variance of an image's mean gain g is at most the mean
    of |g|, which is at most the share of images on which one training of each disagree, and that share is counted.

    Images predicted by cross-validation are not independent, since the models of the other folds are trained on each of
    them: the variance of a difference is up to twice that of as many independent images, the more so the less there is
    to learn. It is taken to be 1 + J / (J - 1) times as large (Nadeau and Bengio 2003, sec. 4, with n2 / n1 = 1 / (J -
    1)).
    """
    gains = np.atleast_2d(right).astype(int) - np.atleast_2d(other)
    (repeats, n), factor = gains.shape, _variance_factor(folds)
    wins, losses = float((gains > 0).sum()) / repeats, float((gains < 0).sum()) / repeats
    value, discordance = (wins - losses) / n, (wins + losses) / n
    test, by_images = name_test(groups, folds=folds), _detectable(discordance, round(n / factor))
    if groups is None:
        return PairedTest(
            difference=Estimate(value, *_score_interval(wins / factor, losses / factor, n / factor)),
            p_value=_corrected(_mcnemar(wins, losses), factor),
            smallest_p=_smallest_p(n, factor),
            test=test,
            detectable=by_images,
        )
    codes = np.unique(groups, return_inverse=True)[1]
    sums, sizes = np.bincount(codes, weights=gains.sum(axis=0)), np.bincount(codes)
    count, p_value = len(sums), _corrected(_sign_flip(sums.astype(int)), factor)
    sums = sums / repeats
    difference, detectable = Estimate(value, reason=FEW_GROUPS_REASON), math.nan
    if count >= FEWEST_GROUPS:
        # Without group g the difference would be larger by this.
        without = (value * sizes - sums) / (n - sizes)
        error = math.sqrt(factor * (count - 1) / count * float(without @ without))
        quantile = float(t.ppf((1 + CONFIDENCE) / 2, count - 1))
        # The number of independent images that would have the same error, with t's quantile in place of the normal one.
        variance = (discordance - value**2) / n
        share = min(1 / factor, variance / error**2 * (NORMAL_QUANTILE / quantile) ** 2) if error else 1 / factor
        low, high = _score_interval(share * wins, share * losses, share * n)
        low, high = max(-1.0, min(low, value - quantile * error)), min(1.0, max(high, value + quantile * error))
        # As many independent images as there are groups.
        share = count / n
        widest = _score_interval(share * wins, share * losses, share * n)
        difference = widen_interval(Estimate(value, low, high), *widest, p_value=p_value)
        if _smallest_p(count, factor) < SIGNIFICANCE:
            detectable = max(_detectable_by_groups(error, count, n, factor), by_images)
    return PairedTest(
        difference=difference,
        p_value=p_value,
        smallest_p=_smallest_p(count, factor),
        test=test,
        detectable=detectable,
    )


def widen_interval(interval: Estimate, low: float, high: float, *, p_value: float) -> Estimate:
    """Return an interval of a difference extended to these ends, but not past zero where the test excludes that."""
    if p_value < SIGNIFICANCE:
        low, high = (max(low, 0.0), high) if interval.value > 0 else (low, min(high, 0.0))
    return Estimate(interval.value, min(interval.low, low), max(interval.high, high))


def adjust_p_values(p_values: Sequence[float]) -> list[float]:
    """Return adjusted p-values: any of several is small by chance no more often than a single one (Holm 1979)."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def name_test(groups: np.ndarray | None, *, folds: int = 1) -> str:
    """Return the name of the test that `compare_paired` performs, with the smallest p where groups are few."""
    corrected = "" if folds == 1 else f", corrected for {folds} folds"
    if groups is None:
        return f"McNemar's exact test{corrected}"
    count = len(np.unique(groups))
    smallest = _smallest_p(count, _variance_factor(folds))
    few = f", whose p is {smallest:.2g} at the least" if smallest >= NEGLIGIBLE_P else ""
    return f"exact sign-flip test over {count} group{'' if count == 1 else 's'}{corrected}{few}"


def _variance_factor(folds: int) -> float:
    """Return by what factor the variance is taken to be larger than that of independent images."""
    return 1.0 if folds == 1 else 1 + folds / (folds - 1)


def _corrected(p_value: float, factor: float) -> float:
    """Return the p of the same normal deviate after division by the root of a larger variance."""
    if factor == 1 or p_value >= 1:
        return p_value
    return float(2 * norm.sf(norm.isf(p_value / 2) / math.sqrt(factor)))


def _mcnemar(wins: float, losses: float) -> float:
    """Return how likely it is that this many fair coins, perhaps a fractional number, fall at least as unevenly."""
    more, fewer = max(wins, losses), min(wins, losses)
    return 1.0 if more == fewer else min(1.0, 2 * float(betainc(more, fewer + 1, 0.5)))


def _sign_flip(sums: np.ndarray) -> float:
    """Return how likely it is that the total of these integers, with random signs, is at least as far from zero."""
    sizes = np.abs(sums)
    reach = int(sizes.sum())
    chances = np.zeros(2 * reach + 1)  # of the totals from -reach to reach
    chances[reach] = 1.0
    for size in sizes[sizes > 0]:
        half, chances = chances / 2, np.zeros_like(chances)
        chances[size:] += half[:-size]
        chances[:-size] += half[size:]
    tail = reach - abs(int(sums.sum()))
    return float(min(1.0, chances[: tail + 1].sum() + chances[-tail - 1 :].sum()))


def _smallest_p(count: int, factor: float = 1.0) -> float:
    """Return the p of a test over this many signs that are all the same."""
    return _corrected(math.ldexp(1.0, 1 - count), factor)


def _score_interval(wins: float, losses: float, n: float) -> tuple[float, float]:
    """Return the 95 % score interval of a difference of paired proportions (Tango 1998)."""

    def score(difference: float) -> float:
        # The most likely share of losses, if this were the true difference.
        b = (2 * n - wins + losses) * difference - wins - losses
        c = -losses * difference * (1 - difference)
        share = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        variance = n * (2 * share + difference * (1 - difference))
        return (wins - losses - n * difference) / math.sqrt(variance) if variance > 0 else 0.0

    value = (wins - losses) / n
    low, high = -1.0, 1.0
    if value > -1:
        low = _bisect(lambda x: score(x) < NORMAL_QUANTILE, -1.0, value)
    if value < 1:
        high = _bisect(lambda x: score(x) < -NORMAL_QUANTILE, value, 1.0)
    return low, high


@lru_cache(maxsize=1000)
def _detectable(discordance: float, n: int) -> float:
    """Return the difference that McNemar's exact test finds with 80 % power on n images, at this discordance."""
    if n == 0 or _smallest_p(n) >= SIGNIFICANCE:
        return math.nan

    # For each number of images on which the two disagree: more wins than `needed` are significant.
    disagreements = np.arange(n + 1)
    needed = binom.isf(SIGNIFICANCE / 2, disagreements, 0.5)

    def found(difference: float) -> bool:
        # Classifiers whose accuracies differ by this much disagree on at least this share of the images.
        share = max(discordance, difference)
        around = 5 * math.sqrt(n * share * (1 - share)) + 3
        part = slice(max(0, int(n * share - around)), int(n * share + around) + 1)
        won = bdtrc(needed[part], disagreements[part], (1 + difference / share) / 2)
        power = np.where(needed[part] < disagreements[part], won, 0) @ binom.pmf(disagreements[part], n, share)
        return bool(power >= POWER)

    return _bisect(found, 0.0, 1.0)


def _detectable_by_groups(error: float, count: int, n: int, factor: float) -> float:
    """Return the difference that the sign-flip test finds with 80 % power, from the standard error over groups."""
    # The standard error from few groups is too small on average, by about this factor.
    error *= (4 * count - 3) / (4 * count - 4)
    if _corrected(2 * math.ldexp(1.0, 1 - count), factor) >= SIGNIFICANCE:
        # All signs must be the same and no sum zero: the probability for one group is the root of the power.
        return float(norm.ppf(POWER ** (1 / count))) * math.sqrt(count) * error + count / (2 * n)
    return float(t.ppf(1 - SIGNIFICANCE / 2, count - 1) + t.ppf(POWER, count - 1)) * error


def _bisect(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return where a condition begins to hold between two numbers."""
    for _ in range(25):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return (low + high) / 2
