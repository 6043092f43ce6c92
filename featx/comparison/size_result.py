"""Results of strategies at one training size: accuracy, cost, and the verdict on which one to use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..choices import StrategyKind
from ..display.summary_mixin import SummaryMixin
from ..evaluation.estimates import Estimate
from ..evaluation.prediction_table import PredictionTable
from .strategy_pairs import PairResult
from .strategy_traits import StrategyTraits

__all__ = ["SizeResult", "StrategyResult", "Verdict"]


@dataclass(frozen=True, repr=False)
class StrategyResult(SummaryMixin):
    """The figures of one strategy at one training size.

    Attributes
    ----------
    strategy : str
    kind : {"frozen", "finetuned", "scratch", "other"}
        What became of the pretrained network.
    accuracy, macro_f1 : Estimate
        On the test images; means over the repeats.
    accuracies : list of float
        Of each repeat.
    train_accuracy, validation_accuracy : float or None
        Means over the repeats; see `RunResult`.
    seconds : dict of str to float
        Of `extraction`, `training` and `prediction`; means over the repeats, as if nothing had been cached.
    n_train : int
        Images that it trained on, those that it stopped or was tuned by included; the mean over the repeats. It is
        less than that of the size where `per_class` limits the strategy.
    per_class : float
        Those of a class, on average.
    traits : StrategyTraits
        Its network, image size and rates.
    epochs : float or None
        Epochs that were run; the mean over the repeats.
    histories : list of (dict of str to list, or None)
        For each repeat the curves of the training; None without a training, and of runs that earlier versions wrote.
    best_epochs : list of (int or None)
        For each repeat the epoch whose weights were kept.
    confusion : ndarray of int, shape (k, k), or None
        Test images by true class (rows) and predicted class (columns), summed over the repeats, so that an image that
        several repeats test counts as often.
    rates : dict of str to ndarray of float64, shape (k,)
        The `true_positive`, `false_negative` and `false_positive` rates of each class, of that matrix; NaN where there
        is no image to count.
    predictions : PredictionTable or None
        The prediction for each test image, in each repeat. JSON does not have it.
    """

    strategy: str
    kind: StrategyKind
    accuracy: Estimate
    macro_f1: Estimate
    accuracies: list[float]
    train_accuracy: float | None
    validation_accuracy: float | None
    seconds: dict[str, float]
    n_train: int = 0
    per_class: float = 0.0
    traits: StrategyTraits = field(default_factory=StrategyTraits)
    epochs: float | None = None
    histories: list[dict[str, Any] | None] = field(default_factory=list)
    best_epochs: list[int | None] = field(default_factory=list)
    # Arrays have no single answer to whether they are equal.
    confusion: np.ndarray | None = field(default=None, compare=False)
    rates: dict[str, np.ndarray] = field(default_factory=dict, compare=False)
    predictions: PredictionTable | None = field(default=None, compare=False, metadata={"json": False})

    @property
    def cost(self) -> float:
        """Seconds until the model is fitted: extraction and training."""
        return self.seconds["extraction"] + self.seconds["training"]


@dataclass(frozen=True, repr=False)
class Verdict(SummaryMixin):
    """Which strategy to use at one size.

    Attributes
    ----------
    answer : {"use", "equal", "undecided"}
        "use": each other strategy is distinguishably worse, or is no cheaper and not plausibly better by the margin.
        "equal": for some others the whole 95 % interval of the difference is inside the margin, and it is the cheapest
        of them. "undecided": neither.
    best : str
        The strategy of the highest accuracy.
    use : str
        The one to use. If undecided, the one to use meanwhile: that of the highest accuracy, unless it costs far more
        for a gain of less than the margin. Its accuracy is never lower than the best by more than the margin.
    equal : list of str
        Strategies that are equal to `use` within the margin.
    worse : list of str
        Strategies that are distinguishably worse than some other.
    undecided : list of str
        Strategies between which it is undecided, the highest accuracy first; otherwise empty.
    margin : float
        The difference in accuracy that does not matter.
    repeats_needed : int or None
        If undecided: the approximate number of repeats in all that would decide it, four times in five; None if 100
        would not.
    images_needed : int or None
        If no number of repeats would decide it: the approximate number of images in all that would, with ten repeats or
        as many as there are; with a given test set, of test images. None if a thousand times as many would not.
    seconds_per_point : float or None
        The cost of each percentage point over the next best strategy, if `use` is distinguishably better at a higher
        cost.
    text : str
        The answer in one line.
    reasons : list of str
        Why, what may be lost at what cost, and what would decide it.
    """

    answer: str
    best: str
    use: str
    equal: list[str]
    worse: list[str]
    undecided: list[str]
    margin: float
    repeats_needed: int | None
    images_needed: int | None
    seconds_per_point: float | None
    text: str
    reasons: list[str]


@dataclass(frozen=True, repr=False)
class SizeResult(SummaryMixin):
    """The figures of all strategies at one training size.

    Attributes
    ----------
    n_train : int
        Training images, those to validate on included; with groups, their mean over the repeats.
    per_class : float
        Training images of a class, on average.
    fewest : int
        Training images of the rarest class.
    strategies : list of StrategyResult
        The best first. It was chosen for its accuracy, which is therefore probably a little too high.
    pairs : list of PairResult
        The differences between them, each pair once.
    baseline : float
        The accuracy of always answering the largest class of the training images; mean over the repeats.
    verdict : Verdict
    warnings : list of str
        Strategies that do not beat the baseline.
    name : str
        Of the size, if it has one.
    n_test : int
        Test images of a repeat; with groups, the mean.
    """

    n_train: int
    per_class: float
    fewest: int
    strategies: list[StrategyResult]
    pairs: list[PairResult]
    baseline: float
    verdict: Verdict
    warnings: list[str] = field(default_factory=list)
    name: str = ""
    n_test: int = 0
