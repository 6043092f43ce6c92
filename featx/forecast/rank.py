"""Forecast what ranking networks will cost, if none is eliminated (`rank --dry-run`)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from ..datasets.dataset import ImageDataset
from ..extraction.transformer import CNNFeatureTransformer
from ..ranking.plan import plan_ranking
from .prices import Prices
from .result import ForecastResult

__all__ = ["forecast_ranking"]


def forecast_ranking(dataset: ImageDataset, transformer: CNNFeatureTransformer, **options: Any) -> ForecastResult:
    """Return what `rank_backbones` will cost at most: what is eliminated is not forwarded any further.

    Up to 64 images are forwarded by each network, and the head that decides is fitted as `forecast_fit` fits it.
    Nothing is kept.

    Parameters
    ----------
    dataset : ImageDataset
    transformer : CNNFeatureTransformer
    **options
        As for `rank_backbones`.

    Returns
    -------
    ForecastResult

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFeatureTransformer` raises.
    """
    began = time.perf_counter()
    plan = plan_ranking(dataset, transformer, **options)
    readers = list(plan.networks.values())
    prices = Prices(plan.images, plan.data.whole.labels, readers=readers, began=began)
    plan = plan.with_keys(prices.keys())
    parts = [prices.price(passes) for passes in plan.passes]
    parts = [*(prices.forwarding(*timed) for timed in plan.timing), *parts]
    forecast = prices.forecast([*parts, *(prices.price(fits) for fits in plan.head_fits)], at_most=True)
    return replace(forecast, sooner="what can no longer be the best is not forwarded on more images")
