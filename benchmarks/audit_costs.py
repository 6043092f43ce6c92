"""Simulate how often the intervals of what near-duplicates and wrong labels cost hold the true difference.

    python benchmarks/audit_costs.py --repeats 300

Points of two normal classes, 400 in all; a quarter of these are near-duplicates of others where there are leaks. 5 % of
labels are wrong, the same for an image and its near-duplicates. A part drawn at random is the test part, or all are
cross-validated. The true difference is the mean over all repeats: what another data set of this kind would show, drawn,
split and trained on anew.
"""

from __future__ import annotations

import argparse

import numpy as np

from featx import TunedHead
from featx.audit.accuracy_cost import AccuracyCost, measure_cost
from featx.evaluation.data_split import DataSplit

IMAGES, FEATURES, DISTANCE, WRONG, TEST = 400, 5, 2.0, 0.05, 0.3


def one_audit(rng: np.random.Generator, leaks: bool, folds: int, neighbours: int) -> list[AccuracyCost]:
    """Return the costs of one data set; of one split if `folds` is 1."""
    originals = IMAGES * 3 // 4 if leaks else IMAGES
    origin = np.concatenate([np.arange(originals), rng.integers(originals, size=IMAGES - originals)])
    true = rng.integers(2, size=originals)
    points = rng.standard_normal((originals, FEATURES))
    points[:, 0] += DISTANCE * true
    X = (points[origin] + 0.05 * rng.standard_normal((IMAGES, FEATURES))).astype(np.float32)
    y = np.where(rng.random(originals) < WRONG, 1 - true, true)[origin]
    order = rng.permutation(IMAGES)
    X, y, origin = X[order], y[order], origin[order]
    if folds > 1:
        splits = DataSplit.cross_validation(y, folds, random_state=int(rng.integers(2**31))).splits
    else:
        test = np.arange(IMAGES) < TEST * IMAGES
        splits = [(np.flatnonzero(~test), np.flatnonzero(test))]
    return measure_cost(TunedHead("knn", grid={"n_neighbors": [neighbours]}), X, y, splits, origin)


def main() -> None:
    """Print the coverage in each setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=300)
    options = parser.parse_args()
    print("leaks, folds, neighbours, cost: true difference, coverage, intervals above zero, below zero, mean width")
    for leaks, folds, neighbours in ((True, 1, 1), (True, 1, 5), (True, 5, 1), (False, 1, 1), (False, 5, 5)):
        rng = np.random.default_rng(0)
        audits = [one_audit(rng, leaks, folds, neighbours) for _ in range(options.repeats)]
        for what in ("leakage", "suspects"):
            found = [cost.difference for audit in audits for cost in audit if cost.what == what]
            low, high, values = (np.array([getattr(one, name) for one in found]) for name in ("low", "high", "value"))
            mean = values.mean()
            held = ((low <= mean) & (mean <= high)).mean()
            print(
                f"{leaks}, {folds}, {neighbours}, {what}: {100 * mean:.1f} points, {held:.1%}, {(low > 0).mean():.1%}, "
                f"{(high < 0).mean():.1%}, {100 * (high - low).mean():.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
