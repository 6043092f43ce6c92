"""Forecast what auditing a data set will cost (`audit --dry-run`)."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from ..audit.audit import plan_audit
from ..datasets.dataset import ImageDataset
from ..extraction.steps import HeadFits
from ..extraction.transformer import CNNFeatureTransformer
from .prices import Prices
from .result import ForecastResult

__all__ = ["forecast_audit"]

# Cross-validations inside each training part, which suspect labels without looking at the test images.
INNER = 3


def forecast_audit(
    dataset: ImageDataset,
    transformer: CNNFeatureTransformer,
    *,
    test: ImageDataset | None = None,
    head: str = "logistic",
    cv: int = 5,
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
) -> ForecastResult:
    """Return what `audit_dataset` will cost: forward passes, decoding, and the fits of its cross-validations.

    Up to 64 images are forwarded, and the head is fitted as `forecast_fit` fits it. Nothing is kept. The comparison of
    images, some 20 s of one core for 2,000, and the check for shortcuts are not included.

    Parameters
    ----------
    dataset, transformer, test, head, cv, random_state, n_jobs
        As for `audit_dataset`.

    Returns
    -------
    ForecastResult
        Of at most so much: the cost of leaks is not measured where there are none.

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFeatureTransformer` raises.
    """
    began = time.perf_counter()
    plan = plan_audit(
        dataset, transformer, test=test, head=head, cv=cv, random_state=random_state, n_jobs=n_jobs
    )  # fmt: skip
    images = plan.transformer.sources(plan.dataset.images, plan.dataset.names)
    prices = Prices(images, plan.dataset.labels, readers=[plan.transformer], began=began)
    passes = plan.transformer.plan(np.arange(len(images)))
    n, split = len(images), plan.dataset.split
    folds = [n - n // cv] * cv
    judged = folds if split is None else [int((split != "test").sum()) if (split == "test").any() else n]
    # As they are, without leaks, and without suspects, which are found by an inner cross-validation.
    inner = [size - size // INNER for size in judged for _ in range(INNER)]
    fits = (("judge labels", folds), ("measure the cost of leaks and suspects", [*3 * judged, *inner]))
    parts = [prices.price(HeadFits(plan.head, passes, passes.views[0], sizes, name)) for name, sizes in fits]
    forecast = prices.forecast([prices.decoding(), prices.price(passes), *parts], at_most=True)
    return replace(
        forecast,
        sooner="the cost of leaks is measured only where there are some; comparing pictures and the check of "
        "shortcuts are not counted",
    )
