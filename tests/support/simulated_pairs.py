"""Pairs of classifiers with a known difference, answering images of random groups; how often a test or interval errs.

The first classifier is right on an image of group g with probability Phi(m_g + d_g / 2), the second with
Phi(m_g - d_g / 2), independently; m_g and d_g are normal, so that the expected accuracies are known.
"""

import numpy as np
from scipy.stats import norm

from featx.evaluation.paired import compare_paired

SIZES = {
    "ten images each": lambda rng, count: np.full(count, 10),
    "one to three images": lambda rng, count: rng.integers(1, 4, count),
    "uneven": lambda rng, count: 1 + np.floor(rng.lognormal(2, 1, count)).astype(int),
}
SPREADS = {"groups differ": (1.0, 0.8), "groups differ little": (0.3, 0.1), "groups are alike": (0.0, 0.0)}


def draw(rng, sizes, spread, level, shift):
    """Return which images each classifier got right, the group of each image and the true difference."""
    wide, lean = spread
    group = np.repeat(np.arange(len(sizes)), sizes)
    middle, gap = rng.normal(level, wide, len(sizes)), rng.normal(shift, lean, len(sizes))
    right = rng.random(len(group)) < norm.cdf(middle + gap / 2)[group]
    other = rng.random(len(group)) < norm.cdf(middle - gap / 2)[group]
    scale = np.sqrt(1 + wide**2 + lean**2 / 4)
    return right, other, group, norm.cdf((level + shift / 2) / scale) - norm.cdf((level - shift / 2) / scale)


def simulate(count, sizes, spread, level, shift, *, runs, grouped=True, seed=0):
    """Return the shares of p < 0.05 and of intervals that hold the truth, mean width and detectable difference."""
    rng = np.random.default_rng(seed)
    rejected, held, widths, detectable = [], [], [], []
    for _ in range(runs):
        right, other, group, truth = draw(rng, SIZES[sizes](rng, count), SPREADS[spread], level, shift)
        found = compare_paired(right, other, groups=group if grouped else None)
        rejected.append(found.p_value < 0.05)
        held.append(found.difference.low <= truth <= found.difference.high)
        widths.append(found.difference.high - found.difference.low)
        detectable.append(found.detectable)
    return np.mean(rejected), np.mean(held), np.mean(widths), np.mean(detectable)
