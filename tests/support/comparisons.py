"""A classifier that notes which rows it was given, and results of comparisons that were not made."""

import itertools
import math

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from featx.comparison.size_result import StrategyResult, Verdict
from featx.comparison.stage_study import StageScores, StageStudy
from featx.comparison.strategy_pairs import PairResult
from featx.comparison.transfer_cases import transfer_case
from featx.datasets.dataset import ImageDataset
from featx.evaluation.estimates import Estimate
from wilson import wilson

QUICK = {"C": [0.01]}


class Network(ClassifierMixin, BaseEstimator):
    """Looks at the first pixel but one, with noise, and notes which rows it was given; the first pixel is the row."""

    calls: list = []  # noqa: RUF012

    def __init__(self, noise=0.0, *, random_state=0, checkpoint=None, stop_at=None, backbone=None, weights="DEFAULT"):
        self.noise = noise
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.stop_at = stop_at
        self.backbone = backbone
        self.weights = weights

    def fit(self, X, y, groups=None):
        Network.calls.append(("fit", self.noise, self.random_state, sorted(int(x[0, 0]) for x in X)))
        if self.checkpoint is not None:
            self.checkpoint.write_text("half trained")
        if self.stop_at == len([call for call in Network.calls if call[0] == "fit"]):
            raise KeyboardInterrupt
        self.classes_ = np.unique(y)
        self.history_ = {"epoch": [1, 2, 3], "accuracy": [0.7, 0.8, 0.9], "val_accuracy": [0.6, 0.75, 0.5]}
        self.best_epoch_ = 2
        self.timings_ = {"extraction": 120.0, "training": 60.0 * len(X)}
        return self

    def predict_proba(self, X):
        Network.calls.append(("predict", self.noise, self.random_state, sorted(int(x[0, 0]) for x in X)))
        right = np.eye(len(self.classes_))[[int(x[0, 1]) for x in X]]
        rng = np.random.default_rng([self.random_state, round(100 * self.noise), *(int(x[0, 0]) for x in X[:3])])
        wrong = rng.random(len(X)) < self.noise
        right[wrong] = np.roll(right[wrong], 1, axis=1)
        return 0.2 / len(self.classes_) + 0.8 * right

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def images_of(counts, *, seed=0):
    """Noise, brighter for each further class; the first two pixels hold the row and the class number."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    images = []
    for row, number in enumerate(y):
        image = rng.integers(0, 90, (8, 8), dtype=np.uint8) + np.uint8(40 * number)
        image[0, :2] = row, number
        images.append(image)
    return ImageDataset(images, [f"image {row}" for row in range(len(y))], np.array([f"class {n}" for n in y]))


def fits(calls):
    return [call for call in calls.calls if call[0] == "fit"]


def study_of(domain):
    stages = [StageScores(name, "avg", 8, wilson(8, 10)) for name in ("stage1", "stage2", "head")]
    return StageStudy("net", 100, "protocol", stages, "stage2" if domain == "different" else "head", 0.01, domain)


COMPARED = {"f": ("frozen", "head"), "e": ("frozen", "stage1"), "t": ("finetuned", None), "s": ("scratch", None)}


def verdict_of(answer, use, *, equal=(), worse=(), undecided=()):
    rest = {"margin": 0.01, "repeats_needed": None, "images_needed": None, "seconds_per_point": None}
    return Verdict(answer, use, use, list(equal), list(worse), list(undecided), **rest, text="", reasons=[])


def case_of(domain, n_train, verdict, strategies=COMPARED):
    return transfer_case(study_of(domain), n_train=n_train, n_classes=2, strategies=strategies, verdict=verdict)


def strategy_result(name, accuracy, minutes):
    seconds = {"extraction": 30 * minutes, "training": 30 * minutes, "prediction": 1.0}
    return StrategyResult(name, "other", Estimate(accuracy), Estimate(accuracy), [accuracy], None, None, seconds)


def pair_result(first, second, half, *, p_value=None, adjusted=None, spread=0.01):
    """The difference of two strategies with an interval of so many points on both sides; None for no interval."""
    gap = first.accuracy.value - second.accuracy.value
    if half is None:
        found = Estimate(gap, reason="too few groups")
        return PairResult(first.strategy, second.strategy, found, 0.125, 0.125, math.nan, spread)
    p = p_value if p_value is not None else 0.01 if abs(gap) > half / 100 else 0.3
    found = Estimate(gap, gap - half / 100, gap + half / 100)
    return PairResult(first.strategy, second.strategy, found, p, p if adjusted is None else adjusted, 0.05, spread)


def pairs_of(strategies, halves, **options):
    """Return strategies given as (name, accuracy in per cent, minutes), and their pairs with such half intervals."""
    found = [strategy_result(name, accuracy / 100, minutes) for name, accuracy, minutes in strategies]
    halves = halves if isinstance(halves, list) else [halves] * math.comb(len(found), 2)
    both = itertools.combinations(found, 2)
    return found, [pair_result(*two, half, **options) for two, half in zip(both, halves, strict=True)]
