"""A labelled data set and strategies go in; what comparing them will cost comes out."""

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
from ..comparison.design import plan_data
from ..comparison.jobs import STUDY, ComparisonWork, Job, read_keys
from ..comparison.run_files import RunFiles
from ..comparison.runner import PACE_IMAGES, Runner
from ..comparison.stage_study import CV, GRID, stage_views
from ..comparison.strategies import kind_of
from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..datasets.split import join_test
from ..exceptions import LayerError, ParameterError
from ..extraction.estimator import open_cache
from ..extraction.transformer import CNNFeatureTransformer
from ..finetuning.classifier import CNNFineTuneClassifier
from .finetune import TrainingRehearsal
from .head_times import Features, evaluation_seconds, fitting_seconds
from .passes import Rehearsal
from .probe import Reading
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

    Up to 64 images are forwarded, each head is timed on a part of the embeddings, and a few epochs are trained on as
    many images. Nothing is kept of it.

    Parameters
    ----------
    dataset, strategies, test, train_sizes, test_size, min_images, repeats, random_state, folder, transfer, on_error
        As for `compare_strategies`. Strategies are those of `make_strategy`.

    Returns
    -------
    ForecastResult

    Raises
    ------
    ParameterError, DatasetError
        What `compare_strategies` raises before any image is forwarded; or if a strategy is of another kind.
    """
    check_values(locals())
    dataset = join_test(dataset, test, test_size=test_size)
    check_strategies(strategies, transfer, dataset)
    for name, estimator in strategies.items():
        if kind_of(estimator) != "frozen" and not isinstance(estimator, CNNFineTuneClassifier):
            raise ParameterError(f"the strategy {name} is not one of featx's, so nothing is known of its costs")
    options: dict[str, Any] = {"train_sizes": train_sizes, "repeats": repeats, "random_state": random_state}
    how = plan_data(**options, test_size=test_size, min_images=min_images)
    how.prepare(dataset)
    keys = read_keys(dataset, strategies)
    planned = how.prepare(dataset, keys)
    dataset, plan = planned.dataset, planned.split.repeats
    # A folder that is not there holds no finished run, and is not made.
    files = RunFiles(folder if folder is not None and Path(folder).is_dir() else None)
    with contextlib.closing(Runner(dataset)) as runner:
        contents = [keys[row] for row in planned.rows]
        work = ComparisonWork(dataset, strategies, plan, files, runner, False, contents)
        jobs = [job for job in work.jobs() if files.load(job.file, job.key) is None]
        study = None
        if transfer is not None:
            rows, key = work.study_rows(transfer)
            study = None if files.load(STUDY, key) is not None else rows
        images = next(map(_transformer, strategies.values())).sources(dataset.images, dataset.names)
        caches = [open_cache(_transformer(estimator).cache) for estimator in strategies.values()]
        verbose = any(_transformer(estimator).verbose for estimator in strategies.values())
        rehearsal = Rehearsal(images, cache=next(filter(None, caches), None), verbose=verbose)
        costs = _Costs(work, rehearsal)
        decoding = rehearsal.decoding() if on_error == "skip" else None
        if transfer is not None and study is not None:
            costs.study(transfer, study)
        for job in jobs:
            costs.run(job)
    at_most = any(getattr(estimator, "early_stopping", False) for estimator in strategies.values())
    parts = [rehearsal.digesting(), decoding, rehearsal.starts(), *costs.parts]
    return rehearsal.forecast(parts, at_most=at_most)


class _Costs:
    """The parts of the runs of a comparison."""

    def __init__(self, work: ComparisonWork, rehearsal: Rehearsal) -> None:
        self.work, self.rehearsal = work, rehearsal
        self.labels = work.runner.labels
        self.parts: list[Part] = []
        self._heads: dict[Any, float] = {}
        self._paced: set[Any] = set()
        self._trainings = {
            name: TrainingRehearsal(estimator)
            for name, estimator in work.strategies.items()
            if isinstance(estimator, CNNFineTuneClassifier)
        }

    def add(self, name: str, part: Part) -> None:
        """Note a part under the name of its strategy."""
        self.parts.append(replace(part, name=f"{name}: {part.name}"))

    def study(self, transfer: CNNFeatureTransformer, rows: np.ndarray) -> None:
        """Add the comparison of stages."""
        with contextlib.suppress(LayerError):
            views, source = stage_views(transfer), transfer.source()
            reading = Reading.of(transfer, source)
            self.add("stages", self.rehearsal.passes(source, views, rows, reading=reading))
            features = {view: self._features(source, view, reading) for view in views}
            cv = min(CV, int(np.unique(self.labels[rows], return_counts=True)[1].min()))
            seconds = evaluation_seconds(features, len(rows), ["logistic"], held_out=None, cv=max(2, cv), grids=GRID)
            width = sum(drawn.rows.shape[1] for drawn in features.values())
            self.add("stages", Part("tune heads", sum(seconds.values()), 0, 2 * 4 * len(rows) * width))

    def run(self, job: Job) -> None:
        """Add one strategy on the rows of one repeat."""
        repeat = self.work.plan[job.repeat]
        train, name = repeat.trains[job.size], job.strategy
        if name not in self._trainings:
            self._frozen(name, train, repeat.test)
            return
        training = self._trainings[name]
        some = self.work.dataset.take(train)
        kept: dict[str, Any] = {"together": some.together, "seed": repeat.seed}
        for part in training.parts(self.rehearsal, self.labels, train, some.groups, **kept):
            self.add(name, part)
        self.add(name, training.prediction(self.rehearsal, repeat.test))

    def _frozen(self, name: str, train: np.ndarray, test: np.ndarray) -> None:
        transformer, head = self.work.strategies[name][0], self.work.strategies[name][-1]
        source = transformer.source()
        reading = Reading.of(transformer, source)
        view = source.view(transformer.layer, transformer.pooling)
        for rows in (train, test):
            missing = self.rehearsal.n_passes - self.rehearsal.n_cached
            self.add(name, self.rehearsal.passes(source, [view], rows, reading=reading))
            missing = self.rehearsal.n_passes - self.rehearsal.n_cached - missing
            few = min(PACE_IMAGES, len(rows))
            spec = source.spec(view, reading.precision)
            if missing < few and (spec, reading.device) not in self._paced:
                # What it would have taken without a cache is measured, once for each network.
                self._paced.add((spec, reading.device))
                pace = self.rehearsal.pace(source, [view], reading, rows)
                self.add(name, Part("forward", (1 + few) * pace.seconds, n_images=1 + few))
        features = self._features(source, view, reading)
        key = name, len(train)
        if key not in self._heads:
            self._heads[key] = fitting_seconds(head, features, len(train), len(test))
        held = 4 * len(train) * features.rows.shape[1]
        self.add(name, Part("tune and fit the head", self._heads[key], 0, 5 * held))

    def _features(self, source: Any, view: Any, reading: Reading) -> Features:
        rows, embeddings = self.rehearsal.embeddings(source, view, reading)
        return Features(embeddings, self.labels[rows], self.labels)


def _transformer(estimator: BaseEstimator) -> Any:
    """Return the part of a strategy that reads images."""
    return estimator[0] if kind_of(estimator) == "frozen" else estimator
