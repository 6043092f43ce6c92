"""Forecast what comparing strategies will cost, without the runs that are finished (`compare --dry-run`)."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sklearn.base import BaseEstimator

from ..choices import OnError
from ..comparison.named_sizes import SIZES
from ..comparison.part_counts import PartCounts, count_parts
from ..comparison.per_class import PER_CLASS
from ..comparison.plan import plan_comparison
from ..comparison.run_files import RunFiles
from ..comparison.runner import Runner
from ..comparison.runs import ComparisonRuns
from ..comparison.strategies import kind_of
from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..exceptions import ParameterError
from ..extraction.transformer import CNNFeatureTransformer
from ..finetuning.classifier import CNNFineTuneClassifier
from .prices import Prices
from .result import ForecastResult

__all__ = ["forecast_comparison"]


def forecast_comparison(
    dataset: ImageDataset,
    strategies: Mapping[str, BaseEstimator],
    *,
    test: ImageDataset | None = None,
    train_sizes: Sequence[float | int] | None = None,
    test_size: float | None = None,
    min_images: int = 1,
    repeats: int | None = None,
    random_state: int = 0,
    folder: str | os.PathLike[str] | None = None,
    transfer: CNNFeatureTransformer | None = None,
    on_error: OnError = "raise",
    sizes: Mapping[str, Sequence[float]] | None = None,
    per_class: Mapping[str, int] | None = None,
    on_plan: Callable[[list[PartCounts]], None] | None = None,
) -> ForecastResult:
    """Return what `compare_strategies` will cost at most, without the runs that are finished.

    Up to 64 images are forwarded, heads are fitted as `forecast_fit` fits them, and a few epochs trained. Nothing is
    kept.

    Parameters
    ----------
    dataset, strategies, test, train_sizes, test_size, min_images, repeats, random_state, folder, transfer, on_error
        As for `compare_strategies`. Strategies must be those of `make_strategy`.
    sizes, per_class, on_plan
        As for `compare_strategies`.

    Returns
    -------
    ForecastResult

    Raises
    ------
    ParameterError, DatasetError
        What `compare_strategies` raises before any image is forwarded; or if a strategy is not one of featx's.
    """
    began, options = time.perf_counter(), locals()
    check_values(options, per_class=PER_CLASS, sizes=SIZES)
    del options["folder"], options["on_error"], options["on_plan"]
    plan = plan_comparison(**options)
    for name, estimator in strategies.items():
        if kind_of(estimator) != "frozen" and not isinstance(estimator, CNNFineTuneClassifier):
            raise ParameterError(f"the strategy {name} is not one of featx's, so nothing is known of its costs")
    plan = plan.with_keys(plan.read_keys())
    if on_plan is not None:
        on_plan(count_parts(plan))
    readers = [estimator[0] if kind_of(estimator) == "frozen" else estimator for estimator in strategies.values()]
    images = readers[0].sources(plan.data.dataset.images, plan.data.dataset.names)
    prices = Prices(images, plan.data.dataset.labels, readers=readers, began=began)
    parts = [prices.decoding()] if on_error == "skip" else []
    # A folder that does not exist holds no finished run, and is not created.
    files = RunFiles(folder if folder is not None and Path(folder).is_dir() else None)
    with contextlib.closing(Runner(plan.data.dataset)) as runner:
        for name, steps in ComparisonRuns(plan, files, runner, False).plan(transfer):
            parts += [replace(part, name=f"{name}: {part.name}") for part in map(prices.price, steps)]
    return prices.forecast(parts, at_most=any(getattr(each, "early_stopping", False) for each in strategies.values()))
