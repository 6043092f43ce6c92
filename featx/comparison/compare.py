"""Compare strategies of transfer learning on the same images: accuracy, cost and which one to use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from sklearn.base import BaseEstimator

from ..choices import OnError, StrategyKind
from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..display.quantities import all_text, count_text
from ..exceptions import ParameterError
from ..extraction.transformer import CNNFeatureTransformer
from ..images.failures import Failure, find_unreadable
from ..images.pixels import checked_value_range
from ..images.sources import as_sources
from .images_needed import images_needed
from .named_sizes import SIZES
from .part_counts import PartCounts, count_parts
from .per_class import PER_CLASS
from .plan import ComparisonPlan, plan_comparison
from .predictions import with_predictions
from .result import ComparisonResult
from .run_files import RunFiles
from .runner import Runner
from .runs import ComparisonRuns
from .size_result import SizeResult
from .stage_study import StageStudy
from .strategies import kind_of, trains_head_only
from .strategy_traits import strategy_traits
from .summary import SummaryStatistics
from .transfer_cases import LARGE_PER_CLASS, TransferCase, transfer_case
from .tuning_notes import tuning_notes_of

__all__ = ["check_margin", "compare_strategies"]

# A larger value is probably meant in percentage points.
LARGEST_MARGIN = 0.5


def compare_strategies(
    dataset: ImageDataset,
    strategies: Mapping[str, BaseEstimator],
    *,
    test: ImageDataset | None = None,
    train_sizes: Sequence[float | int] | None = None,
    test_size: float | None = None,
    stratify: np.ndarray | None = None,
    min_images: int = 1,
    repeats: int | None = None,
    random_state: int = 0,
    margin: float = 0.01,
    folder: str | os.PathLike[str] | None = None,
    transfer: CNNFeatureTransformer | None = None,
    on_error: OnError = "raise",
    verbose: bool = False,
    sizes: Mapping[str, Sequence[float]] | None = None,
    per_class: Mapping[str, int] | None = None,
    on_plan: Callable[[list[PartCounts]], None] | None = None,
) -> ComparisonResult:
    """Compare frozen features, fine-tuning and training from scratch on the same test images.

    Every strategy is fitted on the same training rows and predicts the same test rows, at every training size, over
    repeated random splits. What a strategy tunes, it tunes inside its training rows.

    A given test set judges all repeats: `test`, or the test part of a split that the data set came with, or its
    validation part. Repeats then redraw the training images only and say nothing about other test images: figures are
    means over the repeats with the intervals of one test set. The paired test is then McNemar's on counts averaged over
    the repeats (with groups, the exact test of their mean gains), as it is after one repeat.

    Parameters
    ----------
    dataset : ImageDataset
        With labels. Its groups, if any, stay on one side of every split that is drawn.
    strategies : mapping of str to classifier
        Classifiers of images, by the names that tables use: those of `make_strategy`, a ``Pipeline`` that starts with a
        `CNNFeatureTransformer`, or any other. They are cloned, and given the seed of the repeat where they take a
        ``random_state``.
    test : ImageDataset, default=None
        Another data set as the only test set; all of `dataset` is then for training.
    train_sizes : sequence of float or int, default=None
        Fractions of all images (with a given test set, of the images for training), or counts: stratified subsets,
        the smaller inside the larger. None means all images that the test set leaves.
    test_size : float, default=None
        Fraction of all images that each repeat tests on, stratified by class. None means the split that the data set
        came with, or 0.25.
    stratify : ndarray of shape (n,), default=None
        Finer labels inside the classes, by which random test sets are stratified too; None means the `strata` of the
        data set.
    min_images : int, default=1
        Classes with fewer different images are left out, with a note. With a given test set, only images
        outside it count.
    repeats : int, default=None
        Random splits, or draws of training images; repeat r has the seed ``random_state + r``. None means 3, and 1 with
        a given test set.
    random_state : int, default=0
    margin : float, default=0.01
        The difference in accuracy that does not matter: strategies that differ by less are equal, and the cheapest of
        them is to be used.
    folder : str or PathLike, default=None
        Where each run is written as soon as it is finished, so that a second call computes only what is missing. A run
        is found again by the content of its images, its labels and rows, its parameters and the version of featx.
    transfer : CNNFeatureTransformer, default=None
        A network whose stages are compared as frozen features on the training images of the first repeat, to say
        which of the four cases of transfer learning each size is. None leaves that out.
    on_error : {"raise", "skip"}, default="raise"
        Whether an unreadable image raises an error or is left out for all strategies; all images are decoded first to
        find them.
    verbose : bool, default=False
        Show progress bars, on a terminal or in a notebook, and print a line to stderr for each run.
    sizes : mapping of str to (float, float, float), default=None
        In place of training sizes and a test size: names and percentages of all images to train on, to validate on
        and to test on, such as ``{"large": (70, 15, 15), "small": (20, 20, 60)}``. All are stratified, with whole
        groups on one side. Of two sizes, the smaller training and validation set lies inside the larger one, and so
        do the test sets: where these differ, each size is judged on its own. Networks that are trained stop by a
        stratified validation part of that share, whatever their ``validation_fraction``, and without one train to the
        last epoch; frozen features are tuned by cross-validation on training and validation images together. A split
        that the data set came with is not used.
    per_class : mapping of str to int, default=None
        The most images of each class, copies counted once, that a strategy trains on, by the name of the strategy.
        They are drawn from the training images of each size; those of smaller numbers and sizes lie inside those of
        larger ones. The test images are those of all strategies.
    on_plan : callable, default=None
        Called with the images of each size, a list of `PartCounts`, before anything is computed.

    Returns
    -------
    ComparisonResult

    Raises
    ------
    ParameterError
        If a parameter, a strategy or a size is invalid; before any image is forwarded.
    DatasetError
        If a class has fewer than two training images at some size.
    FeatxError
        What a strategy raises, with the name of its run; finished runs are kept in the folder.
    """
    check_values(locals(), per_class=PER_CLASS, sizes=SIZES)
    check_margin(margin)
    plan = plan_comparison(
        dataset,
        strategies,
        test=test,
        train_sizes=train_sizes,
        test_size=test_size,
        stratify=stratify,
        min_images=min_images,
        repeats=repeats,
        random_state=random_state,
        transfer=transfer,
        sizes=sizes,
        per_class=per_class,
    )
    files, whole = RunFiles(folder), plan.data.whole
    failures = _unreadable(plan.data.whole, strategies, verbose) if on_error == "skip" else []
    plan = replace(plan, data=plan.data.without(failures))
    keys = plan.read_keys(verbose=verbose)
    read_images = any(kind_of(estimator) != "other" for estimator in strategies.values())
    if failed := [key for key in keys if read_images and not isinstance(key, bytes)]:
        raise failed[0]
    plan = plan.with_keys(keys)
    dataset, design, counts = plan.data.dataset, plan.design, count_parts(plan)
    if on_plan is not None:
        on_plan(counts)
    given = design.split is not None
    classes, truth = np.unique(np.asarray(dataset.labels), return_inverse=True)
    kinds = {name: kind_of(estimator) for name, estimator in strategies.items()}
    statistics = SummaryStatistics(
        truth,
        len(classes),
        dataset.groups,
        design.repeats,
        kinds,
        random_state,
        margin,
        given,
        names=[size.name for size in design.sizes or ()],
        trains={name: plan.trains(name) for name in plan.per_class},
        traits={name: strategy_traits(estimator, truth) for name, estimator in strategies.items()},
    )
    with contextlib.closing(Runner(dataset)) as runner:
        runs = ComparisonRuns(plan, files, runner, verbose)
        study, reason = (None, None) if transfer is None else runs.study(transfer, margin)
        results, found = runs.results()
    found_sizes = [
        statistics.size(
            number, {name: [results[name, number, r] for r in range(len(design.repeats))] for name in strategies}
        )
        for number in range(len(design.repeats[0].trains))
    ]
    readable = np.delete(np.arange(len(whole)), [failure.index for failure in failures])
    found_sizes = with_predictions(
        found_sizes,
        results,
        design.repeats,
        truth=truth,
        classes=[str(name) for name in classes],
        groups=dataset.groups,
        names=whole.names,
        rows=readable[plan.data.rows],
    )
    return ComparisonResult(
        classes=[str(name) for name in classes],
        n_images=len(dataset),
        n_test=statistics.tested.n_test,
        repeats=len(design.repeats),
        random_state=random_state,
        protocol=design.protocol(statistics.tested.n_test),
        interval=statistics.tested.interval,
        test=statistics.tested.test,
        given_test=given,
        margin=margin,
        sizes=found_sizes,
        curves=[statistics.curve(name, found_sizes) for name in strategies],
        stages=study,
        cases=[] if study is None else [_case(study, size, strategies, len(classes)) for size in found_sizes],
        notes=[
            *plan.data.notes,
            *design.notes,
            *statistics.notes(found_sizes),
            *_notes(plan, found_sizes, kinds, study, reason),
            *runner.notes,
        ],
        failures=failures,
        runs_found=found,
        counts=counts,
        own_tests=design.own_tests,
        images_needed=images_needed(found_sizes),
    )


def check_margin(margin: float) -> None:
    """Raise ParameterError unless the margin is a difference in accuracy."""
    number = isinstance(margin, float | int | np.integer | np.floating) and not isinstance(margin, bool)
    if not number or not 0 <= margin < LARGEST_MARGIN:
        raise ParameterError(
            f"got margin={margin!r}; expected a difference in accuracy, at least 0 and below {LARGEST_MARGIN}",
            "One percentage point is 0.01.",
        )


def _unreadable(dataset: ImageDataset, strategies: Mapping[str, BaseEstimator], verbose: bool) -> list[Failure]:
    """Return the images that some strategy cannot read; their values may be outside the range of one strategy."""
    estimators = [each[0] if kind_of(each) == "frozen" else each for each in strategies.values()]
    ranges = dict.fromkeys(checked_value_range(getattr(estimator, "value_range", None)) for estimator in estimators)
    found: dict[int, Failure] = {}
    for value_range in ranges:
        images = as_sources(dataset.images, names=dataset.names, value_range=value_range)
        found = {failure.index: failure for failure in find_unreadable(images, verbose=verbose)} | found
    return [found[index] for index in sorted(found)]


def _case(study: StageStudy, size: SizeResult, strategies: Mapping[str, BaseEstimator], n_classes: int) -> TransferCase:
    described: dict[str, tuple[str, str | None]] = {}
    for name, estimator in strategies.items():
        kind = kind_of(estimator)
        reader = estimator[0] if kind == "frozen" else None
        if kind == "finetuned" and trains_head_only(estimator):
            kind, reader = "frozen", estimator
        layer = reader and reader.view().layer
        described[name] = kind, layer
    return transfer_case(study, n_train=size.n_train, n_classes=n_classes, strategies=described, verdict=size.verdict)


def _notes(
    plan: ComparisonPlan,
    sizes: Sequence[SizeResult],
    kinds: Mapping[str, StrategyKind],
    study: StageStudy | None,
    reason: str | None,
) -> list[str]:
    design = plan.design
    repeats = len(design.repeats)
    notes = [
        "seconds are what it would take without a cache: those of the images that were forwarded, or those of up to 64 "
        "images through the network, scaled to the images needed; prediction is of all test images",
        "train is the accuracy on the training images, validation that of the tuning, inside them"
        + ("; for a fine-tuned network both are of its best epoch, train on augmented draws"
           if {"finetuned", "scratch"} & set(kinds.values()) else ""),
    ]  # fmt: skip
    if len(kinds) > 1 and 1 < repeats < 6 and design.split is None:
        notes.append(f"{repeats} repeats are few: the test misses all but large differences")
    largest = {found.strategy: found for found in sizes[-1].strategies}
    notes += [
        f"{name} was trained on at most {count_text(most, 'image')} of each class: {largest[name].n_train:,} of the "
        f"{sizes[-1].n_train:,} at the largest size"
        for name, most in plan.per_class.items()
    ]
    notes += tuning_notes_of(plan.strategies, {name: found.n_train for name, found in largest.items()})
    tested = sorted(len(repeat.tested(-1)) for repeat in design.repeats)
    if tested[0] < tested[-1]:
        notes.append(
            f"accuracies are means over the repeats, which test {tested[0]:,} to {tested[-1]:,} images; the share of "
            "right rows among all predictions counts large test sets more"
        )
    if repeats > 1:
        notes.append(
            f"how well classes are recognised is counted over the test images of {all_text(repeats, 'repeat')}"
        )
    if design.own_tests:
        notes.append("accuracies of different sizes are on different test images, so no curve is extrapolated")
    if any(found.histories and found.traits.head_learning_rate is not None and None in found.histories
           for size in sizes for found in size.strategies):  # fmt: skip
        notes.append("runs that an earlier version wrote have no training curves; those are not drawn")
    if repeats == 1 and len(kinds) > 1:
        notes.append("one repeat does not show how much other training images would change the figures")
    if study is not None:
        notes.append(
            "the four rules are those of Stanford's CS231n; a strategy that fine-tunes only some stages counts as "
            f"following them; {LARGE_PER_CLASS} images a class or more count as large by convention"
        )
    if reason is not None:
        notes.append(f"the stages were not compared: {reason}")
    return notes
