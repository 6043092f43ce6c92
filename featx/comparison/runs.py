"""Run every strategy on the rows of every repeat, or read the result of an earlier call from the folder of runs.

Each run is written as soon as it is finished, so that a comparison that was stopped resumes where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from ..datasets.dataset import ImageDataset
from ..display.notes import note_once
from ..display.progress import print_above_bars, progress_bar
from ..display.quantities import duration_text, percent_text
from ..evaluation.answers import predicted_classes
from ..evaluation.nested_subsets import nested_subsets
from ..exceptions import DatasetError, FeatxError, LayerError
from ..extraction.steps import HeadFits, Passes
from ..extraction.transformer import CNNFeatureTransformer
from ..heads.tuned_head import TunedHead
from ..heads.tuning_rows import TUNING_IMAGES
from ..networks.pooling import View
from .plan import ComparisonPlan
from .run_files import RunFiles, describe_estimator, digest_images, fingerprint, is_fully_described
from .runner import Runner, RunResult
from .stage_study import (
    MOST_IMAGES,
    STAGE_FOLDS,
    STAGE_GRID,
    StageStudy,
    compare_stages,
    plan_stages,
    predict_by_stages,
)

__all__ = ["STAGE_FILE", "ComparisonRuns", "Run"]

# The name of the file that holds what the stages of a network predicted.
STAGE_FILE = "stage predictions"


@dataclass(frozen=True)
class Run:
    """One strategy at one training size in one repeat, whether it has been made or not.

    Attributes
    ----------
    strategy : str
    size, repeat : int
        Their places among the training sizes and the repeats.
    n_train : int
        Images that it trains on.
    name : str
    file : str
        Its name does not depend on the other runs, so that more repeats, sizes or strategies find finished runs.
    key : str
        The run's fingerprint.
    any_name : bool
        Whether a run of another name with this fingerprint is the same run.
    former : str
        The fingerprint that earlier versions gave it, where theirs may have chosen parameters on other images.
    """

    strategy: str
    size: int
    repeat: int
    n_train: int
    name: str
    file: str
    key: str
    any_name: bool = False
    former: str = ""


class ComparisonRuns:
    """All runs of a comparison.

    Parameters
    ----------
    plan : ComparisonPlan
        With the keys of the images.
    files : RunFiles
    runner : Runner
    verbose : bool
        Show a progress bar, and print a line to stderr for each run.
    """

    def __init__(self, plan: ComparisonPlan, files: RunFiles, runner: Runner, verbose: bool) -> None:
        self._plan = plan
        self.dataset = plan.data.dataset
        self.strategies = plan.strategies
        self.repeats = plan.design.repeats
        self.trains = {name: plan.trains(name) for name in plan.strategies}
        self.files = files
        self.runner = runner
        self.verbose = verbose
        self._descriptions: dict[tuple[str, int, int], list[str]] = {}
        self._content = None if files.folder is None else digest_images(plan.data.keys, _places(self.dataset))

    def study(self, transfer: CNNFeatureTransformer, margin: float) -> tuple[StageStudy | None, str | None]:
        """Return the study of stages on the training images of the first repeat, or the reason why there is none."""
        rows, key = self.study_rows(transfer)
        labels, some = self.runner.labels[rows], self.dataset.take(rows)
        kept: dict[str, Any] = {"groups": some.groups, "together": some.together}
        if (known := self.files.load(STAGE_FILE, key)) is not None:
            predicted, widths = known[1], {View(layer, pooling): width for layer, pooling, width in known[0]["stages"]}
        else:
            transformer = self.runner.with_cache(transfer)
            self._say(f"stages of {transformer.source().name} as frozen features, {len(rows):,} images")
            sources, seed = self.runner.sources(transformer, rows), self.repeats[0].seed
            try:
                predicted, widths = predict_by_stages(transformer, sources, labels, **kept, random_state=seed)
            except (DatasetError, LayerError) as error:
                return None, error.message
            stages = [[*view, width] for view, width in widths.items()]
            self.files.save(STAGE_FILE, key, {"stages": stages}, predicted)
        name = transfer.source().name
        return compare_stages(name, predicted, widths, labels, **kept, margin=margin), None

    def study_rows(self, transfer: CNNFeatureTransformer) -> tuple[np.ndarray, str]:
        """Return the rows of the study of stages, and its fingerprint."""
        rows, seed = self.repeats[0].trains[-1], self.repeats[0].seed
        most = max(MOST_IMAGES, STAGE_FOLDS * len(self.runner.classes))
        if len(rows) > most:
            some = self.dataset.take(rows)
            kept: dict[str, Any] = {"groups": some.groups, "together": some.together}
            rows = rows[nested_subsets(self.runner.labels[rows], [most], **kept, random_state=seed)[0]]
        return rows, self._key(describe_estimator(transfer), rows, rows[:0], seed)

    def results(self) -> tuple[dict[tuple[str, int, int], RunResult], int]:
        """Return the results by strategy, size and repeat, and how many were finished already.

        Raises
        ------
        FeatxError
            What a strategy raises, with the name of its run.
        """
        results: dict[Run, RunResult] = {}
        runs = list(self)
        for run in runs:
            if (known := self._finished(run)) is not None:
                results[run] = RunResult(answers=known[1], **known[0])
        found = len(results)
        if found:
            self._say(f"{found} of {len(runs)} runs were finished already")
        left = [run for run in runs if run not in results]
        # A strategy with at most so many images of a class may train on the same ones at several sizes.
        made = {self._identity(run): result for run, result in results.items()}
        sizes: dict[str, list[int]] = {}
        for run in {self._identity(run): run for run in left if self._identity(run) not in made}.values():
            sizes.setdefault(run.strategy, []).append(run.n_train)
        with progress_bar(len(left), name="comparing", unit="run", shown=self.verbose) as bar:
            for run in left:
                identity = self._identity(run)
                results[run] = made[identity] if identity in made else self._compute(run, sizes[run.strategy])
                made[identity] = result = results[run]
                tested = self.repeats[run.repeat].tested(run.size)
                truth = np.searchsorted(self.runner.classes, self.runner.labels[tested])
                accuracy = np.mean(predicted_classes(result.answers) == truth)
                self._say(f"{run.name}: {percent_text(accuracy)} ({duration_text(result.wall)}){_left(runs, results)}")
                bar.update()
        return {(run.strategy, run.size, run.repeat): result for run, result in results.items()}, found

    def plan(self, transfer: CNNFeatureTransformer | None) -> Iterator[tuple[str, list[Any]]]:
        """Yield what is not finished: "stages" or the name of a strategy, and the steps; see `Runner.plan`."""
        if transfer is not None:
            yield "stages", self._plan_study(transfer)
        made = set()
        for run in self:
            identity = self._identity(run)
            if self._finished(run) is None and identity not in made:
                made.add(identity)
                seed = self.repeats[run.repeat].seed
                yield run.strategy, self.runner.plan(self._estimator(run), *self.rows(run), seed=seed)

    def _plan_study(self, transfer: CNNFeatureTransformer) -> list[Passes | HeadFits]:
        rows, key = self.study_rows(transfer)
        if self.files.load(STAGE_FILE, key) is not None:
            return []
        some = self.dataset.take(rows)
        kept: dict[str, Any] = {"groups": some.groups, "together": some.together, "random_state": self.repeats[0].seed}
        try:
            one_pass, folds = plan_stages(transfer, self.runner.labels[rows], **kept)
        except (DatasetError, LayerError):
            return []  # then there is no study
        passes, sizes = one_pass.plan(rows), [len(train) for train, _ in folds]
        head = TunedHead(grid=STAGE_GRID["logistic"])
        return [passes, *(HeadFits(head, passes, view, sizes, "tune heads") for view in passes.views)]

    def __iter__(self) -> Iterator[Run]:
        """Yield all runs in their order, finished or not."""
        # Without percentages a strategy is the same at every size.
        own_sizes = len(self.repeats[0].trains) if self._plan.design.sizes else 1
        lasting = {name: is_fully_described(estimator) for name, estimator in self.strategies.items()}
        for number, repeat in enumerate(self.repeats):
            for size, test in enumerate(map(repeat.tested, range(len(repeat.trains)))):
                for strategy in self.strategies:
                    rows = self.trains[strategy][number][size]
                    name = f"{strategy}, {len(rows):,} images, repeat {number + 1} of {len(self.repeats)}"
                    file = f"{strategy}-{len(rows)}-seed-{repeat.seed}"
                    described, before = (
                        self._described(strategy, size % own_sizes, n_train) for n_train in (len(rows), 0)
                    )
                    key = self._key(described, rows, test, repeat.seed)
                    many = len(rows) > TUNING_IMAGES and described != before
                    former = self._key(before, rows, test, repeat.seed) if many else ""
                    yield Run(strategy, size, number, len(rows), name, file, key, lasting[strategy], former)

    def rows(self, run: Run) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that a run trains on and those that it is tested on."""
        return self.trains[run.strategy][run.repeat][run.size], self.repeats[run.repeat].tested(run.size)

    def _described(self, strategy: str, size: int, n_train: int) -> list[str]:
        """Return what identifies a strategy that trains on so many images; 0 leaves out what depends on that."""
        known = strategy, size, n_train
        if known not in self._descriptions:
            self._descriptions[known] = describe_estimator(self._plan.estimator(strategy, size), n_train)
        return self._descriptions[known]

    def _finished(self, run: Run) -> tuple[dict[str, Any], np.ndarray] | None:
        found = self.files.load(run.file, run.key, any_name=run.any_name)
        if found is None and run.former and self.files.load(run.file, run.former, any_name=run.any_name) is not None:
            note_once(
                f"{self.files.folder} holds runs of more than {TUNING_IMAGES:,} images of an earlier version of featx, "
                "which do not say on how many of them parameters were chosen; they are made again"
            )
        return found

    def _identity(self, run: Run) -> tuple[Any, ...]:
        """Return what two runs have in common if they are the same training and the same test."""
        sizes = self._plan.design.sizes
        shares = None if sizes is None else sizes[run.size].validation_fraction
        return run.strategy, run.repeat, shares, *(rows.tobytes() for rows in self.rows(run))

    def _estimator(self, run: Run) -> BaseEstimator:
        return self._plan.estimator(run.strategy, run.size)

    def _compute(self, run: Run, sizes: Sequence[int]) -> RunResult:
        seed, estimator = self.repeats[run.repeat].seed, self._estimator(run)
        if self.files.folder is not None and estimator.get_params(deep=False).get("checkpoint", "") is None:
            estimator = clone(estimator).set_params(
                checkpoint=self.files.checkpoint(run.file, run.key, any_name=run.any_name)
            )
        try:
            result = self.runner.run(estimator, *self.rows(run), seed=seed, sizes=sizes)
        except FeatxError as error:
            error.message = f"{run.name}: {error.message}"
            raise
        except Exception as error:
            error.add_note(run.name)
            raise
        figures = {key: value for key, value in vars(result).items() if key != "answers"}
        self.files.save(run.file, run.key, figures, result.answers, any_name=run.any_name)
        return result

    def _key(self, description: list[str], train: np.ndarray, test: np.ndarray, seed: int) -> str:
        if self._content is None:
            return ""
        groups, together = self.dataset.groups, self.dataset.together
        rows: list[tuple[Any, ...]] = [
            (self._content[some], self.runner.labels[some], None if groups is None else groups[some])
            for some in (train, test)
        ]
        if together is not None and len(np.unique(together[train])) < len(train):
            # Earlier versions tuned on other folds where there are copies.
            rows.append(("copies together",))
        return fingerprint(description, seed, self.runner.classes, rows)

    def _say(self, text: str) -> None:
        if self.verbose:
            print_above_bars(text)


def _places(dataset: ImageDataset) -> list[str]:
    """Return what distinguishes images that cannot be read: their names leave out parts of URLs."""
    return [
        image if isinstance(image, str) else name for image, name in zip(dataset.images, dataset.names, strict=True)
    ]


def _left(runs: Sequence[Run], results: Mapping[Run, RunResult]) -> str:
    """Return how long the other runs will take, if each of their strategies has a finished run to estimate it from."""
    # The first run of a strategy computes embeddings that later ones find in the cache, so the fewest seconds an image
    # are the likeliest.
    fastest: dict[str, float] = {}
    same_size: dict[tuple[str, int], float] = {}
    for run, result in results.items():
        each = result.wall / run.n_train
        fastest[run.strategy] = min(fastest.get(run.strategy, each), each)
        same_size[run.strategy, run.size] = result.wall
    waiting = [run for run in runs if run not in results]
    if not waiting or any(run.strategy not in fastest for run in waiting):
        return ""
    seconds = sum(same_size.get((run.strategy, run.size), fastest[run.strategy] * run.n_train) for run in waiting)
    return f"; about {duration_text(seconds)} left"
