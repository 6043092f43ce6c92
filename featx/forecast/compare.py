"""Forecast what comparing strategies will cost, without the runs that are finished (`compare --dry-run`)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..comparison.compare import check_strategies
from ..comparison.design import comparison_split_options
from ..comparison.run_files import RunFiles
from ..comparison.runner import TIMED_IMAGES, Runner
from ..comparison.runs import STAGE_FILE, ComparisonRuns, Run, read_keys
from ..comparison.stage_study import CV, GRID, stage_views
from ..comparison.strategies import kind_of
from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..datasets.split import join_test
from ..exceptions import LayerError, ParameterError
from ..extraction.estimator import open_cache
from ..extraction.transformer import CNNFeatureTransformer
from ..finetuning.classifier import CNNFineTuneClassifier
from .finetune import TrainingCosts
from .head_times import Features, evaluation_seconds, fitting_seconds
from .passes import CountedPasses
from .probe import ForwardOptions
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

    Up to 64 images are forwarded, each head is timed on some of the embeddings, and a few epochs are trained on at most
    64 images. Nothing of this is kept.

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
    check_values(locals())
    dataset = join_test(dataset, test, test_size=test_size)
    check_strategies(strategies, transfer, dataset)
    for name, estimator in strategies.items():
        if kind_of(estimator) != "frozen" and not isinstance(estimator, CNNFineTuneClassifier):
            raise ParameterError(f"the strategy {name} is not one of featx's, so nothing is known of its costs")
    options: dict[str, Any] = {"train_sizes": train_sizes, "repeats": repeats, "random_state": random_state}
    split_options = comparison_split_options(**options, test_size=test_size, min_images=min_images)
    split_options.prepare(dataset)
    keys = read_keys(dataset, strategies)
    prepared = split_options.prepare(dataset, keys)
    dataset, design = prepared.dataset, prepared.split
    # A folder that does not exist holds no finished run, and is not created.
    files = RunFiles(folder if folder is not None and Path(folder).is_dir() else None)
    with contextlib.closing(Runner(dataset)) as runner:
        contents = [keys[row] for row in prepared.rows]
        runs = ComparisonRuns(dataset, strategies, design.repeats, files, runner, False, contents)
        unfinished = [run for run in runs if files.load(run.file, run.key) is None]
        study = None
        if transfer is not None:
            rows, key = runs.study_rows(transfer)
            study = None if files.load(STAGE_FILE, key) is not None else rows
        images = next(map(_transformer, strategies.values())).sources(dataset.images, dataset.names)
        caches = [open_cache(_transformer(estimator).cache) for estimator in strategies.values()]
        verbose = any(_transformer(estimator).verbose for estimator in strategies.values())
        counted = CountedPasses(images, cache=next(filter(None, caches), None), verbose=verbose)
        costs = _RunCosts(runs, counted)
        decoding = counted.decoding() if on_error == "skip" else None
        if transfer is not None and study is not None:
            costs.add_study(transfer, study)
        for run in unfinished:
            costs.add_run(run)
    at_most = any(getattr(estimator, "early_stopping", False) for estimator in strategies.values())
    parts = [counted.digesting(), decoding, counted.starts(), *costs.parts]
    return counted.forecast(parts, at_most=at_most)


class _RunCosts:
    """Collects the parts of the runs of a comparison, with their costs."""

    def __init__(self, runs: ComparisonRuns, counted: CountedPasses) -> None:
        self.runs, self.counted = runs, counted
        self.labels = runs.runner.labels
        self.parts: list[Part] = []
        self._heads: dict[Any, float] = {}
        self._timed: set[Any] = set()
        self._trainings = {
            name: TrainingCosts(estimator)
            for name, estimator in runs.strategies.items()
            if isinstance(estimator, CNNFineTuneClassifier)
        }

    def add(self, name: str, part: Part) -> None:
        """Add a part under the name of its strategy."""
        self.parts.append(replace(part, name=f"{name}: {part.name}"))

    def add_study(self, transfer: CNNFeatureTransformer, rows: np.ndarray) -> None:
        """Add the study of stages."""
        with contextlib.suppress(LayerError):
            views, source = stage_views(transfer), transfer.source()
            forwarding = ForwardOptions.of(transfer, source)
            self.add("stages", self.counted.passes(source, views, rows, forwarding=forwarding))
            features = {view: self._features(source, view, forwarding) for view in views}
            cv = min(CV, int(np.unique(self.labels[rows], return_counts=True)[1].min()))
            seconds = evaluation_seconds(features, len(rows), ["logistic"], held_out=None, cv=max(2, cv), grids=GRID)
            width = sum(drawn.rows.shape[1] for drawn in features.values())
            self.add("stages", Part("tune heads", sum(seconds.values()), 0, 2 * 4 * len(rows) * width))

    def add_run(self, run: Run) -> None:
        """Add one strategy on the rows of one repeat."""
        repeat = self.runs.repeats[run.repeat]
        train, name = repeat.trains[run.size], run.strategy
        if name not in self._trainings:
            self._frozen(name, train, repeat.test)
            return
        training = self._trainings[name]
        some = self.runs.dataset.take(train)
        kept: dict[str, Any] = {"together": some.together, "seed": repeat.seed}
        for part in training.parts(self.counted, self.labels, train, some.groups, **kept):
            self.add(name, part)
        self.add(name, training.prediction(self.counted, repeat.test))

    def _frozen(self, name: str, train: np.ndarray, test: np.ndarray) -> None:
        transformer, head = self.runs.strategies[name][0], self.runs.strategies[name][-1]
        source = transformer.source()
        forwarding = ForwardOptions.of(transformer, source)
        view = source.view(transformer.layer, transformer.pooling)
        for rows in (train, test):
            missing = self.counted.n_passes - self.counted.n_cached
            self.add(name, self.counted.passes(source, [view], rows, forwarding=forwarding))
            missing = self.counted.n_passes - self.counted.n_cached - missing
            few = min(TIMED_IMAGES, len(rows))
            spec = source.spec(view, forwarding.precision)
            if missing < few and (spec, forwarding.device) not in self._timed:
                # The time that it would have taken without a cache is measured, once for each network.
                self._timed.add((spec, forwarding.device))
                probe = self.counted.probe(source, [view], forwarding, rows)
                self.add(name, Part("forward", (1 + few) * probe.seconds_per_image, n_images=1 + few))
        features = self._features(source, view, forwarding)
        key = name, len(train)
        if key not in self._heads:
            self._heads[key] = fitting_seconds(head, features, len(train), len(test))
        held = 4 * len(train) * features.rows.shape[1]
        self.add(name, Part("tune and fit the head", self._heads[key], 0, 5 * held))

    def _features(self, source: Any, view: Any, forwarding: ForwardOptions) -> Features:
        rows, embeddings = self.counted.embeddings(source, view, forwarding)
        return Features(embeddings, self.labels[rows], self.labels)


def _transformer(estimator: BaseEstimator) -> Any:
    """Return the part of a strategy that reads images."""
    return estimator[0] if kind_of(estimator) == "frozen" else estimator
