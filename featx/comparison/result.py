"""The result of a comparison, from which its tables, its JSON and its picture are made."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..display.json_values import as_json
from ..display.records import Record
from ..display.summary_mixin import SummaryMixin
from ..evaluation.estimates import Estimate
from ..evaluation.learning_curves import Extrapolation
from ..extraction.extract import Failure
from .images_needed import ImagesNeeded
from .part_counts import PartCounts
from .prediction_columns import prediction_columns
from .size_result import SizeResult
from .stage_study import StageStudy
from .transfer_cases import TransferCase

__all__ = ["ComparisonResult", "CurveResult"]


@dataclass(frozen=True, repr=False)
class CurveResult(Record):
    """Accuracy against training size for one strategy.

    Attributes
    ----------
    strategy : str
    sizes : list of int
        Images that the strategy trained on, those to validate on included.
    accuracies : list of Estimate
    extrapolation : Extrapolation or None
        To twice the largest size; None after a single size, where sizes have their own test images, and where the
        strategy trained on fewer images than there were.
    """

    strategy: str
    sizes: list[int]
    accuracies: list[Estimate]
    extrapolation: Extrapolation | None


@dataclass(repr=False)
class ComparisonResult(SummaryMixin):
    """What `compare_strategies` returns.

    Attributes
    ----------
    classes : list of str
    n_images, n_test : int
        Images in all, and test images of a repeat at the largest size; with groups, the mean.
    repeats, random_state : int
    margin : float
        The difference in accuracy that does not matter.
    protocol, interval, test : str
        How the rows were drawn, what the intervals are, and the paired test, in words.
    given_test : bool
        Whether one given test set judges all repeats.
    sizes : list of SizeResult
        The smallest first.
    curves : list of CurveResult
    stages : StageStudy or None
        How accurate early, middle and last stages are as frozen features.
    cases : list of TransferCase
        For each size, if there is such a study.
    notes : list of str
        What else to know about the figures.
    failures : list of Failure
        Images that could not be read and were left out.
    runs_found : int
        Runs that an earlier call had finished.
    counts : list of PartCounts
        The images of each size.
    own_tests : bool
        Whether each size has its own test images.
    images_needed : ImagesNeeded or None
        With how many images each strategy is as good as the weakest with most; None after a single size.
    """

    classes: list[str]
    n_images: int
    n_test: int
    repeats: int
    random_state: int
    margin: float
    protocol: str
    interval: str
    test: str
    given_test: bool
    sizes: list[SizeResult]
    curves: list[CurveResult]
    stages: StageStudy | None = None
    cases: list[TransferCase] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    runs_found: int = 0
    counts: list[PartCounts] = field(default_factory=list)
    own_tests: bool = False
    images_needed: ImagesNeeded | None = None

    def predictions(self) -> dict[str, np.ndarray]:
        """Return the prediction of each strategy for each test image of each repeat and size, as columns.

        ``strategy`` and ``images`` (those trained on) come before the columns of `PredictionTable.columns`; a
        strategy's own are in ``sizes[i].strategies[j].predictions``.
        """
        return prediction_columns(self.sizes)

    def to_dict(self, *, predictions: bool = False) -> dict[str, Any]:
        """Return everything as types that JSON can hold.

        Parameters
        ----------
        predictions : bool, default=False
            Whether each strategy has its prediction for each test image, as `PredictionTable.to_records` has it.
        """
        found: dict[str, Any] = as_json(self)
        if predictions:
            for size, written in zip(self.sizes, found["sizes"], strict=True):
                for one, of_strategy in zip(size.strategies, written["strategies"], strict=True):
                    if one.predictions is not None:
                        of_strategy["predictions"] = one.predictions.to_records()
        return found

    def to_json(self, *, predictions: bool = False) -> str:
        """Return `to_dict` as JSON text; `predictions` is as there."""
        return json.dumps(self.to_dict(predictions=predictions), indent=2, default=str, allow_nan=False)
