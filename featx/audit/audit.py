"""Audit a labelled data set: near-duplicates and leaks, wrong labels, odd images, shortcuts, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone

from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..datasets.split import join_test
from ..display.notes import note_step
from ..display.quantities import count_text
from ..evaluation.data_split import DataSplit
from ..evaluation.splits import Split
from ..evaluation.units import join_groups, nontrivial_groups, same_content
from ..exceptions import DatasetError, ParameterError
from ..extraction.transformer import CNNFeatureTransformer
from ..heads.head_names import check_heads
from ..heads.held_out_predictions import predict_held_out
from ..heads.tuned_head import TunedHead
from ..runtime.resources import thread_count
from ..runtime.seeds import drawn_seed
from .accuracy_cost import measure_cost
from .duplicates import LEAST_SIDE, duplicate_groups, find_duplicates
from .label_errors import Suspect, find_label_errors
from .odd_images import find_odd_images
from .pictures import check_imagehash, read_pictures
from .result import AuditResult
from .shortcuts import find_shortcuts

__all__ = ["AuditPlan", "audit_dataset", "plan_audit"]

# Near-duplicate pairs for each image above which they are doubted.
CROWDED = 0.5

# Below this accuracy the mistakes of the model count as wrong labels: 149 of 2,000 were expected to be wrong where none
# was (Fashion-MNIST, 86.7 %).
ACCURATE = 0.9


def audit_dataset(
    dataset: ImageDataset,
    transformer: CNNFeatureTransformer,
    *,
    test: ImageDataset | None = None,
    head: str = "logistic",
    cv: int = 5,
    count_similar: bool = False,
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> AuditResult:
    """Look for what makes a data set unsound, before anything is trained on it.

    Parameters
    ----------
    dataset : ImageDataset
        With labels.
    transformer : CNNFeatureTransformer
        Its embeddings find near-duplicates, outliers and wrong labels. Not changed. Images that cannot be read are
        listed, whatever its `on_error` is.
    test : ImageDataset, default=None
        A separate test set.
    head : str, default="logistic"
        The head that judges labels; see `make_head`.
    cv : int, default=5
        Folds of the cross-validation whose predictions judge labels.
    count_similar : bool, default=False
        Whether similar pictures whose detail differs are near-duplicates too, in groups, leaks and costs. Some are two
        photographs of one object; but drawings of one design, such as two faces of a clock, are as alike.
    random_state : int, RandomState or None, default=0
        Seed of the folds and the head.
    n_jobs : int, default=None
        Threads that read images, and processes for the grid searches.
    verbose : bool, default=False
        Show progress.

    Returns
    -------
    AuditResult

    Raises
    ------
    DatasetError
        If there are no labels, or no image can be read.
    ParameterError
        If a parameter holds a value that it does not accept.
    MissingDependencyError
        If imagehash is not installed.
    """
    plan = plan_audit(
        dataset, transformer, test=test, head=head, cv=cv, random_state=random_state, n_jobs=n_jobs
    )  # fmt: skip
    dataset, transformer, tuned, random_state = plan.dataset, plan.transformer, plan.head, plan.random_state
    seconds: dict[str, float] = {}
    with _timed(seconds, "reading"):
        note_step("telling new images from known ones")
        sources = transformer.sources(dataset.images, dataset.names)
        keys = transformer.content_keys(sources, fetch=True)
        pictures = read_pictures(sources, threads=thread_count(n_jobs), verbose=verbose)
    with _timed(seconds, "embeddings"):
        extraction = transformer.extract(sources, keys=keys)
    for failure in extraction.failures:
        pictures.unreadable.setdefault(failure.index, failure.reason)
    rows = np.setdiff1d(np.arange(len(dataset)), list(pictures.unreadable))
    if not len(rows):
        raise DatasetError(f"none of the images can be read: {next(iter(pictures.unreadable.values()))}")
    # No second copy of all embeddings where every image could be read.
    X = extraction.embeddings[0] if len(rows) == len(dataset) else extraction.embeddings[0][rows]
    del extraction
    known = pictures.take(rows)
    classes, truth = np.unique(np.asarray(dataset.labels), return_inverse=True)
    with _timed(seconds, "near-duplicates"):
        note_step("looking for near-duplicates")
        together = same_content([keys[row] for row in rows])
        alike = find_duplicates([sources[row] for row in rows], known, X, together=together, verbose=verbose)
    found = [pair for pair in alike if count_similar or not pair.is_similar]
    similar = [] if count_similar else [pair for pair in alike if pair.is_similar]
    duplicates = duplicate_groups(found, len(rows))
    result = AuditResult(
        dataset=dataset,
        pairs=[pair.of_rows(rows) for pair in found],
        groups=_named_groups(dataset, rows, duplicates),
        accuracy=None,
        suspects=[],
        expected_wrong=None,
        odd=find_odd_images(pictures, truth, classes.tolist(), rows, X),
        shortcuts=[],
        costs=[],
        seconds=seconds,
        similar=[pair.of_rows(rows) for pair in similar],
        value_range=transformer.value_range,
    )
    if n_tiny := int((known.size.min(axis=1) < LEAST_SIDE).sum()):
        tiny = f"{count_text(n_tiny, 'image')} of fewer than {LEAST_SIDE} pixels a side"
        result.notes.append(f"{tiny}: looked at for exact copies only")
        result.not_checked.append(f"near-duplicates among {tiny}")
    if sum(pair.kind != "copy" for pair in found) > CROWDED * len(rows):
        result.notes.append(
            "warning: so many pairs mean that different images are too alike here to be told from near-duplicates; "
            "look at some before you use the groups, and doubt what is said of leakage"
        )
    left = dataset.take(rows)
    # Heads are given names, which an error shows.
    labels = np.asarray(left.labels)
    names, y = np.unique(labels, return_inverse=True)
    units = duplicates if left.groups is None else join_groups(left.groups, duplicates)
    try:
        with _timed(seconds, "labels"):
            note_step(f"judging labels by {cv} folds")
            folds = DataSplit.cross_validation(
                labels, cv, groups=left.groups, together=duplicates, random_state=random_state
            ).splits
            predicted, _ = predict_held_out(tuned, X, labels, folds, groups=left.groups, together=duplicates)
    except DatasetError as error:
        result.notes.append(f"labels, shortcuts and cost were not checked: {error}")
        result.not_checked += ["labels", "shortcuts"]
        return result
    probabilities = predicted.probabilities
    errors = find_label_errors(y, probabilities)
    result.accuracy = float((probabilities.argmax(axis=1) == y).mean())
    result.expected_wrong = errors.expected if result.accuracy >= ACCURATE else None
    result.suspects = [
        Suspect(
            int(rows[i]), str(names[y[i]]), str(names[j]), float(probabilities[i, j]), float(probabilities[i, y[i]])
        )
        for i, j in zip(errors.rows, errors.suggested, strict=True)
    ]
    with _timed(seconds, "shortcuts"):
        grouped = nontrivial_groups(units)
        result.shortcuts = find_shortcuts(known, y, folds, groups=grouped, random_state=random_state)
    try:
        with _timed(seconds, "cost"):
            note_step("measuring what leaks and suspects cost")
            as_given = _splits_as_given(left, y, cv, random_state)
            result.costs = measure_cost(tuned, X, labels, as_given, units, random_state=random_state)
    except DatasetError as error:
        result.notes.append(f"the cost was not measured: {error}")
    return result


@dataclass(frozen=True)
class AuditPlan:
    """What an audit is about to look at.

    Attributes
    ----------
    dataset : ImageDataset
        Joined with the test set.
    transformer : CNNFeatureTransformer
        One that skips images that cannot be read.
    head : TunedHead
    random_state : int
    """

    dataset: ImageDataset
    transformer: CNNFeatureTransformer
    head: TunedHead
    random_state: int


def plan_audit(
    dataset: ImageDataset,
    transformer: CNNFeatureTransformer,
    *,
    test: ImageDataset | None,
    head: str,
    cv: int,
    random_state: int | np.random.RandomState | None,
    n_jobs: int | None,
) -> AuditPlan:
    """Return what `audit_dataset` is about to do, after raising what it would raise before any image is read.

    Parameters
    ----------
    dataset, transformer, test, head, cv, random_state, n_jobs
        As for `audit_dataset`.
    """
    random_state = drawn_seed(random_state)
    check_values(locals())
    if isinstance(cv, bool) or not isinstance(cv, int | np.integer) or cv < 2:
        raise ParameterError(f"got cv={cv!r}; expected an integer of at least 2")
    check_heads([head], ())
    check_imagehash()
    dataset = join_test(dataset, test)
    transformer = clone(transformer).set_params(on_error="skip", prefetch=())
    transformer.check_parameters()
    return AuditPlan(dataset, transformer, TunedHead(head, random_state=random_state, n_jobs=n_jobs), random_state)


def _splits_as_given(dataset: ImageDataset, y: np.ndarray, cv: int, random_state: int) -> list[Split]:
    """Return the split that a data set came with, or folds in which near-duplicates are drawn like other images."""
    if dataset.split is None:
        return DataSplit.cross_validation(y, cv, groups=dataset.groups, random_state=random_state).splits
    last = "test" if (dataset.split == "test").any() else "validation"
    test = dataset.split == last
    if not test.any() or test.all():
        raise DatasetError(f"the split has nothing but a {last} part")
    if len(np.setdiff1d(y[test], y[~test])):
        raise DatasetError(f"the {last} part has a class that the training part does not have")
    return [(np.flatnonzero(~test), np.flatnonzero(test))]


def _named_groups(dataset: ImageDataset, rows: np.ndarray, duplicates: np.ndarray) -> np.ndarray:
    """Return the name of each image's group, from near-duplicates and the groups that there were."""
    numbers = np.arange(len(dataset))
    first = np.unique(duplicates, return_index=True)[1]
    numbers[rows] = rows[first[duplicates]]
    if dataset.groups is not None:
        codes = np.unique(join_groups(np.asarray(dataset.groups), numbers), return_inverse=True)[1]
        numbers = np.unique(codes, return_index=True)[1][codes]
    width = len(str(len(dataset)))
    return np.array([f"group {number:0{width}d}" for number in numbers])


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[step] = time.perf_counter() - start
