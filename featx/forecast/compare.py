"""Forecast what comparing strategies will cost, without the runs that are finished (`compare --dry-run`)."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator, clone

from ..comparison.plan import plan_comparison
from ..comparison.run_files import RunFiles
from ..comparison.runner import Runner
from ..comparison.runs import STAGE_FILE, ComparisonRuns, Run
from ..comparison.stage_study import STAGE_GRID, plan_stages
from ..comparison.strategies import kind_of
from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..exceptions import DatasetError, LayerError, ParameterError
from ..extraction.pace import FIRST_IMAGES, PACE_IMAGES
from ..extraction.transformer import CNNFeatureTransformer
from ..finetuning.classifier import CNNFineTuneClassifier
from ..heads.head_fits import HeadFits
from ..heads.tuned_head import TunedHead
from .finetune import training_parts
from .prices import Prices
from .result import ForecastResult, Part

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
    on_error: str = "raise",
) -> ForecastResult:
    """Return what `compare_strategies` will cost at most, without the runs that are finished.

    Up to 64 images are forwarded, each head is fitted to some of the embeddings, and a few epochs are trained on at
    most 64 images. Nothing of this is kept.

    Parameters
    ----------
    dataset, strategies, test, train_sizes, test_size, min_images, repeats, random_state, folder, transfer, on_error
        As for `compare_strategies`. Strategies must be those of `make_strategy`.

    Returns
    -------
    ForecastResult

    Raises
    ------
    ParameterError, DatasetError
        What `compare_strategies` raises before any image is forwarded; or if a strategy is not one of featx's.
    """
    began, options = time.perf_counter(), locals()
    check_values(options)
    del options["folder"], options["on_error"]
    plan = plan_comparison(**options)
    for name, estimator in strategies.items():
        if kind_of(estimator) != "frozen" and not isinstance(estimator, CNNFineTuneClassifier):
            raise ParameterError(f"the strategy {name} is not one of featx's, so nothing is known of its costs")
    plan = plan.with_keys(plan.read_keys())
    readers = [estimator[0] if kind_of(estimator) == "frozen" else estimator for estimator in strategies.values()]
    images = readers[0].sources(plan.data.dataset.images, plan.data.dataset.names)
    prices = Prices(images, plan.data.dataset.labels, readers=readers, began=began)
    parts = [prices.decoding()] if on_error == "skip" else []
    # A folder that does not exist holds no finished run, and is not created.
    files = RunFiles(folder if folder is not None and Path(folder).is_dir() else None)
    with contextlib.closing(Runner(plan.data.dataset)) as runner:
        runs = ComparisonRuns(plan, files, runner, False)
        measured: set[Any] = set()
        named = [("stages", [] if transfer is None else _study(prices, runs, transfer))]
        named += [(run.strategy, _run(prices, runs, run, measured)) for run in runs.unfinished()]
    parts += [replace(part, name=f"{name}: {part.name}") for name, some in named for part in some]
    at_most = any(getattr(estimator, "early_stopping", False) for estimator in strategies.values())
    return prices.forecast(parts, at_most=at_most)


def _study(prices: Prices, runs: ComparisonRuns, transfer: CNNFeatureTransformer) -> list[Part]:
    """Return the price of the study of stages, if it is not finished."""
    rows, key = runs.study_rows(transfer)
    if runs.files.load(STAGE_FILE, key) is not None:
        return []
    some = runs.dataset.take(rows)
    try:
        one_pass, folds = plan_stages(
            transfer, runs.runner.labels[rows], groups=some.groups, together=some.together
        )
    except (DatasetError, LayerError):
        return []  # then there is no study
    passes, sizes = one_pass.plan(rows), [len(train) for train, _ in folds]
    fits = [HeadFits(TunedHead(grid=STAGE_GRID["logistic"]), view, sizes, "tune heads") for view in passes.views]
    return [prices.passes(passes), *(prices.fits(each, passes) for each in fits)]


def _run(prices: Prices, runs: ComparisonRuns, run: Run, measured: set[Any]) -> list[Part]:
    """Return the price of one strategy on the rows of one repeat; add the network whose pace it measures."""
    repeat, estimator = runs.repeats[run.repeat], runs.strategies[run.strategy]
    train, test = repeat.trains[run.size], repeat.test
    if kind_of(estimator) != "frozen":
        some = runs.dataset.take(train)
        training = clone(estimator).set_params(random_state=repeat.seed).prepare(some.images, some.labels, some.groups)
        training.together = some.together
        return training_parts(prices, training, train, test)
    passes, fit, tested = runs.runner.plan_frozen(estimator, train, test)
    parts = [prices.passes(passes), prices.passes(tested), prices.fits(fit, passes)]
    few, network = min(PACE_IMAGES, len(train)), (*passes.views, passes.source.name, passes.precision, passes.device)
    if parts[0].n_images < few and network not in measured:
        measured.add(network)
        few += 2 * FIRST_IMAGES
        parts.append(Part(passes.name, few * prices.pace(passes).seconds, n_images=few))
    return parts
