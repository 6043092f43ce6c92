"""Forecast what fine-tuning a network will cost, from a few epochs on a few images (`finetune --dry-run`)."""

from __future__ import annotations

import time
from typing import Any

from ..choices import OnError
from ..datasets.dataset import ImageDataset
from ..datasets.image_counts import print_counts
from ..finetuning.classifier import CNNFineTuneClassifier
from ..workflows.finetune import plan_finetuning
from .prices import Prices
from .result import ForecastResult

__all__ = ["forecast_finetuning"]


def forecast_finetuning(
    dataset: ImageDataset,
    classifier: CNNFineTuneClassifier,
    *,
    test_size: float | None = None,
    test: ImageDataset | None = None,
    min_images: int = 1,
    per_class: int | None = None,
    on_error: OnError = "raise",
    positive: Any = None,
    operating_point: str | None = None,
) -> ForecastResult:
    """Return what `finetune_model` will cost at most: early stopping may end it sooner.

    Up to 64 images are forwarded, and a few epochs are trained on up to 64. Nothing of this is kept.

    Parameters
    ----------
    dataset, classifier, test_size, test, min_images, per_class, on_error, positive, operating_point
        As for `finetune_model`.

    Returns
    -------
    ForecastResult

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFineTuneClassifier` raises.
    """
    began, options = time.perf_counter(), locals()
    plan = plan_finetuning(**options)
    prices = Prices(plan.images, plan.data.whole.labels, readers=[classifier], began=began)
    parts = [prices.decoding()] if on_error == "skip" else []
    plan = plan.with_keys(prices.keys())
    if classifier.verbose:
        print_counts(plan.data.dataset, plan.split)
    parts += map(prices.price, plan.steps)
    return prices.forecast(parts, at_most=bool(classifier.early_stopping))
