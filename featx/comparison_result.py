"""The figures of a comparison, as the one object behind the printout, the JSON and the picture."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .estimates import Estimate, as_json
from .extraction import Failure
from .learning_curves import Extrapolation
from .transfer import StageStudy, TransferCase

__all__ = ["ComparisonResult", "CurveResult", "SizeResult", "StrategyResult", "Verdict"]


@dataclass(frozen=True)
class StrategyResult:
    """What one strategy reached at one training size.

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
        Means over the repeats; see `RunOutcome`.
    seconds : dict of str to float
        Of `extraction`, `training` and `prediction`; means over the repeats, as though nothing had been cached.
    p_value : float or None
        Of the difference in accuracy from the best strategy at this size; None for that one. Not adjusted for the
        number of strategies.
    """

    strategy: str
    kind: str
    accuracy: Estimate
    macro_f1: Estimate
    accuracies: list[float]
    train_accuracy: float | None
    validation_accuracy: float | None
    seconds: dict[str, float]
    p_value: float | None = None

    @property
    def cost(self) -> float:
        """Seconds until the model is there: extraction and training."""
        return self.seconds["extraction"] + self.seconds["training"]


@dataclass(frozen=True)
class Verdict:
    """Which strategy to use at one size.

    Attributes
    ----------
    best : str
        The strategy of the highest accuracy.
    use : str
        The cheapest of the best one and those not distinguishable from it.
    equal : list of str
        The strategies that are not distinguishable from the best.
    seconds_per_point : float or None
        What each percentage point over the next best strategy costs, where the best is distinguishable and dearer.
    text : str
    """

    best: str
    use: str
    equal: list[str]
    seconds_per_point: float | None
    text: str


@dataclass(frozen=True)
class SizeResult:
    """What all strategies reached at one training size.

    Attributes
    ----------
    n_train : int
        Training images; with groups, their mean over the repeats.
    per_class : float
        Training images of a class, on average.
    fewest : int
        Those of the rarest class.
    strategies : list of StrategyResult
        The best first.
    verdict : Verdict
    """

    n_train: int
    per_class: float
    fewest: int
    strategies: list[StrategyResult]
    verdict: Verdict


@dataclass(frozen=True)
class CurveResult:
    """Accuracy against training size for one strategy.

    Attributes
    ----------
    strategy : str
    sizes : list of int
    accuracies : list of Estimate
    extrapolation : Extrapolation or None
        To twice the largest size; None when a single size was measured.
    """

    strategy: str
    sizes: list[int]
    accuracies: list[Estimate]
    extrapolation: Extrapolation | None


@dataclass
class ComparisonResult:
    """What `compare_strategies` gives.

    Attributes
    ----------
    classes : list of str
    n_images, n_test : int
        Images in all, and test images of a repeat; with groups, the mean.
    repeats, random_state : int
    protocol, interval, test : str
        How the rows were drawn, what the intervals are, and the paired test, in words.
    sizes : list of SizeResult
        The smallest first.
    curves : list of CurveResult
    stages : StageStudy or None
        How early, middle and last stages do as frozen features.
    cases : list of TransferCase
        For each size, if there is such a study.
    notes : list of str
        What else to know of the figures.
    failures : list of Failure
        Images that could not be read and were left out.
    runs_found : int
        Runs that an earlier call had finished.
    """

    classes: list[str]
    n_images: int
    n_test: int
    repeats: int
    random_state: int
    protocol: str
    interval: str
    test: str
    sizes: list[SizeResult]
    curves: list[CurveResult]
    stages: StageStudy | None = None
    cases: list[TransferCase] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    runs_found: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return everything as what JSON can hold."""
        return as_json(self)

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)
