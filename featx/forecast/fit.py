"""Forecast what evaluating heads and fitting the best will cost (`fit --dry-run`)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from ..datasets.dataset import ImageDataset
from ..datasets.image_counts import print_counts
from ..extraction.transformer import CNNFeatureTransformer
from ..workflows.fit import plan_fit
from .prices import Prices
from .result import ForecastResult, Part

__all__ = ["forecast_fit"]


def forecast_fit(dataset: ImageDataset, transformer: CNNFeatureTransformer, **options: Any) -> ForecastResult:
    """Return what `fit_model` will cost.

    Up to 64 images are forwarded. Each head is fitted to known embeddings of these images, of which up to 20,000 are
    read from the cache; where they are few, to rows that resemble them. Nothing is kept.

    Parameters
    ----------
    dataset : ImageDataset
    transformer : CNNFeatureTransformer
    **options
        As for `fit_model`.

    Returns
    -------
    ForecastResult

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFeatureTransformer` raises.
    """
    began = time.perf_counter()
    plan = plan_fit(dataset, transformer, **options)
    prices = Prices(plan.images, plan.data.whole.labels, readers=[transformer], began=began)
    plan = plan.with_keys(prices.keys())
    if transformer.verbose:
        print_counts(plan.data.dataset, plan.data.split)
    forward, tuning = [prices.price(each) for each in plan.passes], [prices.price(fits) for fits in plan.head_fits]
    # The best is tuned once more on all rows; with one test set it is only fitted, which takes next to no time.
    again, n = 0.0, len(plan.data.rows)
    if plan.data.split.folds is not None:
        last = [prices.price(replace(fits, sizes=[n], predicted=0.0)) for fits in plan.head_fits]
        again = float(np.mean([part.seconds for part in last]))
    return prices.forecast([*forward, *tuning, Part("figures and the last fit", again)])
