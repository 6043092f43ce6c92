"""Strategies and the rows of every repeat go in; the outcome of each run comes out, found again or computed.

Each finished run is written at once, so what is stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from ..cache import FileDigests
from ..datasets.dataset import ImageDataset
from ..display.progress import progress_bar, say
from ..evaluation.nested_subsets import nested_subsets
from ..exceptions import DatasetError, FeatxError, LayerError
from ..extraction.digests import image_keys
from ..extraction.estimator import open_cache
from ..extraction.transformer import CNNFeatureTransformer
from ..images.sources import as_sources
from ..runtime.cores import thread_count
from .design import Repeat
from .run_files import RunFiles, describe_estimator, digest_images, fingerprint
from .runner import Runner, RunResult
from .stage_study import CV, MOST_IMAGES, StageStudy, judge_stages, predict_by_stages

__all__ = ["STUDY", "ComparisonWork", "Job", "read_keys"]

# The name of the file that holds what the stages of a network predicted.
STUDY = "stage predictions"


@dataclass(frozen=True)
class Job:
    """One strategy at one size in one repeat.

    Attributes
    ----------
    strategy : str
    size, repeat : int
        Their numbers in the plan.
    n_train : int
    name : str
    file : str
        Knows nothing of the other runs, so that more repeats, sizes or strategies find what is there.
    key : str
        The run's fingerprint.
    """

    strategy: str
    size: int
    repeat: int
    n_train: int
    name: str
    file: str
    key: str


class ComparisonWork:
    """All runs of a comparison.

    Parameters
    ----------
    dataset : ImageDataset
        With labels.
    strategies : mapping of str to classifier
    plan : sequence of Repeat
    files : RunFiles
    runner : Runner
    verbose : bool
        Show a progress bar, and print a line to stderr for each run.
    keys : sequence of (bytes or error)
        Of the images; see `read_keys`.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        strategies: Mapping[str, BaseEstimator],
        plan: Sequence[Repeat],
        files: RunFiles,
        runner: Runner,
        verbose: bool,
        keys: Sequence[Any],
    ) -> None:
        self.dataset = dataset
        self.strategies = strategies
        self.plan = plan
        self.files = files
        self.runner = runner
        self.verbose = verbose
        self._content = None if files.folder is None else digest_images(keys, _places(dataset))

    def study(self, transfer: CNNFeatureTransformer, margin: float) -> tuple[StageStudy | None, str | None]:
        """Return the study of stages on the training images of the first repeat, or why there is none."""
        rows, key = self.study_rows(transfer)
        labels, some = self.runner.labels[rows], self.dataset.take(rows)
        kept: dict[str, Any] = {"groups": some.groups, "together": some.together}
        if (known := self.files.load(STUDY, key)) is not None:
            predicted, widths = known[1], {(layer, pooling): width for layer, pooling, width in known[0]["stages"]}
        else:
            transformer = self.runner.with_cache(transfer)
            self._say(f"stages of {transformer.source().name} as frozen features, {len(rows):,} images")
            sources, seed = self.runner.sources(transformer, rows), self.plan[0].seed
            try:
                predicted, widths = predict_by_stages(transformer, sources, labels, **kept, random_state=seed)
            except (DatasetError, LayerError) as error:
                return None, error.message
            stages = [[*view, width] for view, width in widths.items()]
            self.files.save(STUDY, key, {"stages": stages}, predicted)
        name = transfer.source().name
        return judge_stages(name, predicted, widths, labels, **kept, margin=margin), None

    def study_rows(self, transfer: CNNFeatureTransformer) -> tuple[np.ndarray, str]:
        """Return the rows that the study of stages is made on, and its fingerprint."""
        rows, seed = self.plan[0].trains[-1], self.plan[0].seed
        most = max(MOST_IMAGES, CV * len(self.runner.classes))
        if len(rows) > most:
            some = self.dataset.take(rows)
            kept: dict[str, Any] = {"groups": some.groups, "together": some.together}
            rows = rows[nested_subsets(self.runner.labels[rows], [most], **kept, random_state=seed)[0]]
        return rows, self._key(describe_estimator(transfer), rows, rows[:0], seed)

    def run(self) -> tuple[dict[tuple[str, int, int], RunResult], int]:
        """Return the outcomes by strategy, size and repeat, and how many of them were there already.

        Raises
        ------
        FeatxError
            What a strategy raises, with the name of its run.
        """
        outcomes: dict[Job, RunResult] = {}
        jobs = list(self.jobs())
        for job in jobs:
            if (known := self.files.load(job.file, job.key)) is not None:
                outcomes[job] = RunResult(probabilities=known[1], **known[0])
        found = len(outcomes)
        if found:
            self._say(f"{found} of {len(jobs)} runs were finished already")
        left = [job for job in jobs if job not in outcomes]
        with progress_bar(len(left), name="comparing", unit="run", shown=self.verbose) as bar:
            for job in left:
                outcomes[job] = outcome = self._run(job)
                truth = np.searchsorted(self.runner.classes, self.runner.labels[self.plan[job.repeat].test])
                accuracy = np.mean(outcome.probabilities.argmax(axis=1) == truth)
                self._say(f"{job.name}: {100 * accuracy:.1f} % ({_clock(outcome.wall)}){_left(jobs, outcomes)}")
                bar.update()
        return {(job.strategy, job.size, job.repeat): outcome for job, outcome in outcomes.items()}, found

    def jobs(self) -> Iterator[Job]:
        """Yield all runs in their order, finished or not."""
        described = {name: describe_estimator(estimator) for name, estimator in self.strategies.items()}
        for number, repeat in enumerate(self.plan):
            for size, rows in enumerate(repeat.trains):
                for strategy, description in described.items():
                    name = f"{strategy}, {len(rows):,} images, repeat {number + 1} of {len(self.plan)}"
                    file = f"{strategy}-{len(rows)}-seed-{repeat.seed}"
                    key = self._key(description, rows, repeat.test, repeat.seed)
                    yield Job(strategy, size, number, len(rows), name, file, key)

    def _run(self, job: Job) -> RunResult:
        repeat, estimator = self.plan[job.repeat], self.strategies[job.strategy]
        if self.files.folder is not None and estimator.get_params(deep=False).get("checkpoint", "") is None:
            estimator = clone(estimator).set_params(checkpoint=self.files.checkpoint(job.file, job.key))
        try:
            outcome = self.runner.run(estimator, repeat.trains[job.size], repeat.test, seed=repeat.seed)
        except FeatxError as error:
            error.message = f"{job.name}: {error.message}"
            raise
        except Exception as error:
            error.add_note(job.name)
            raise
        figures = {key: value for key, value in vars(outcome).items() if key != "probabilities"}
        self.files.save(job.file, job.key, figures, outcome.probabilities)
        return outcome

    def _key(self, description: list[str], train: np.ndarray, test: np.ndarray, seed: int) -> str:
        if self._content is None:
            return ""
        groups, together = self.dataset.groups, self.dataset.together
        rows: list[tuple[Any, ...]] = [
            (self._content[some], self.runner.labels[some], None if groups is None else groups[some])
            for some in (train, test)
        ]
        if together is not None and len(np.unique(together[train])) < len(train):
            # Copies are tuned on in other folds than earlier versions made.
            rows.append(("copies together",))
        return fingerprint(description, seed, self.runner.classes, rows)

    def _say(self, text: str) -> None:
        if self.verbose:
            say(text)


def read_keys(dataset: ImageDataset, strategies: Mapping[str, BaseEstimator], *, verbose: bool = False) -> list[Any]:
    """Return what identifies the content of each image, or the error that reading it gave; URLs are not read."""
    images = as_sources(dataset.images, names=dataset.names)
    return image_keys(images, _memory(strategies), threads=thread_count(None), fetch=False, verbose=verbose)


def _places(dataset: ImageDataset) -> list[str]:
    """Return what tells images apart that cannot be read: names leave out parts of URLs."""
    return [
        image if isinstance(image, str) else name for image, name in zip(dataset.images, dataset.names, strict=True)
    ]


def _memory(strategies: Mapping[str, BaseEstimator]) -> FileDigests:
    """Return the memory of file digests of the first cache that a strategy has."""
    for estimator in strategies.values():
        for name, value in estimator.get_params(deep=True).items():
            if name.rpartition("__")[2] == "cache" and (cache := open_cache(value)) is not None:
                return cache.digests
    return FileDigests(None)


def _left(jobs: Sequence[Job], outcomes: Mapping[Job, RunResult]) -> str:
    """Return how long the other runs will take, if each strategy has a finished one to tell from."""
    # The first run of a strategy pays for embeddings that later ones find, so the quickest pace is the likeliest.
    paces: dict[str, float] = {}
    alike: dict[tuple[str, int], float] = {}
    for job, outcome in outcomes.items():
        pace = outcome.wall / job.n_train
        paces[job.strategy] = min(paces.get(job.strategy, pace), pace)
        alike[job.strategy, job.size] = outcome.wall
    waiting = [job for job in jobs if job not in outcomes]
    if not waiting or any(job.strategy not in paces for job in waiting):
        return ""
    seconds = sum(alike.get((job.strategy, job.size), paces[job.strategy] * job.n_train) for job in waiting)
    return f"; about {_clock(seconds)} left"


def _clock(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{round(whole / 60)} min"
