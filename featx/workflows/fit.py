"""Search networks, layers, poolings and heads for a data set, evaluate them, and fit a model that predicts images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from ..choices import Pooling, Scoring
from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..datasets.image_counts import print_counts
from ..datasets.prepare import PreparedData, SplitOptions
from ..datasets.split import join_test, leave_out_unreadable, split_dataset, unreadable_named
from ..display.notes import note_step
from ..evaluation.data_split import DataSplit
from ..evaluation.operating_point import check_decision, class_number
from ..evaluation.splits import check_fraction, inner_folds
from ..evaluation.units import same_content
from ..exceptions import ImageDecodeError, ParameterError
from ..extraction.searched_networks import embed_networks, searched_networks
from ..extraction.steps import HeadFits, Passes
from ..extraction.transformer import CNNFeatureTransformer
from ..heads.head_labels import head_label
from ..heads.head_names import check_heads, head_grids
from ..heads.nested_cv import evaluate_heads
from ..heads.tuned_head import TunedHead
from ..heads.tuning_rows import TUNING_IMAGES
from ..images.failures import find_unreadable
from ..images.sources import ImageSource
from ..runtime.seeds import drawn_seed
from .fit_result import FitResult

__all__ = ["FitPlan", "fit_model", "plan_fit"]

CV_FOLDS = 5


@dataclass(frozen=True)
class FitPlan:
    """What `fit_model` is about to do.

    Attributes
    ----------
    networks : dict of str to CNNFeatureTransformer
        By name. Each computes all its views in one pass.
    heads : list of TunedHead
        Each is tuned on each view.
    data : PreparedData
        Joined with the test set, whose images come last; of these some may turn out to be unreadable.
    """

    networks: dict[str, CNNFeatureTransformer]
    heads: list[TunedHead]
    data: PreparedData

    @property
    def transformer(self) -> CNNFeatureTransformer:
        """That of the first network."""
        return next(iter(self.networks.values()))

    @property
    def images(self) -> Sequence[ImageSource]:
        """All images as the transformers read them, before some are left out."""
        return self.transformer.sources(self.data.whole.images, self.data.whole.names)

    @property
    def passes(self) -> list[Passes]:
        """The passes of the images that are not left out, for all views of each network."""
        return [network.plan(self.data.rows) for network in self.networks.values()]

    @property
    def head_fits(self) -> list[HeadFits]:
        """The fits of each head on each view, one for each fold; the last fit of the best is not among them."""
        sizes = [len(train) for train, _ in self.data.split.splits]
        views = [(passes, view) for passes in self.passes for view in passes.views]
        several = f" on {len(views)} views" if len(views) > 1 else ""
        return [
            HeadFits(head, passes, view, sizes, f"tune {head_label(head.head)}{several}")
            for head in self.heads
            for passes, view in views
        ]

    def with_keys(self, keys: Sequence[Any]) -> FitPlan:
        """Return the plan with the data split anew, now that copies are known."""
        return replace(self, data=self.data.with_keys(keys))


def fit_model(
    dataset: ImageDataset,
    transformer: CNNFeatureTransformer,
    *,
    backbones: Sequence[Any] | None = None,
    layers: Sequence[str | None] = (None,),
    poolings: Sequence[Pooling] = ("auto",),
    heads: Sequence[str | BaseEstimator] = ("logistic",),
    grids: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
    cv: int | None = None,
    test_size: float | None = None,
    test: ImageDataset | None = None,
    min_images: int = 1,
    per_class: int | None = None,
    class_weight: str | None = None,
    scoring: Scoring = "accuracy",
    positive: Any = None,
    operating_point: str | None = None,
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
    tuning_images: int | None = TUNING_IMAGES,
    verbose: bool = False,
) -> FitResult:
    """Search networks, layers, poolings and heads with one pass of the images by each network, and fit the best.

    Parameters
    ----------
    dataset : ImageDataset
        With labels. Its groups, if any, stay on one side of every split that is drawn. If it came with a split, the
        training and validation parts are fitted on and the test part judges, or the validation part if there is no test
        part.
    transformer : CNNFeatureTransformer
        Not changed. With ``on_error="skip"`` images that cannot be read are left out.
    backbones : sequence of (str or nn.Module), default=None
        None takes that of the transformer.
    layers, poolings : sequences
        Every combination is searched. A layer that is a stage of some of the networks only is left out of the others.
    heads, grids
        As for `evaluate_heads`.
    cv : int, default=None
        Folds of a cross-validation; None means 5, or the split that the data set came with.
    test_size : float, default=None
        Hold out this fraction instead of cross-validation.
    test : ImageDataset, default=None
        Another data set as the test set. Each of `cv`, `test_size` and `test` replaces a split that the data set came
        with.
    min_images : int, default=1
        Classes with fewer different images are left out, with a note. With a test set, only images outside it count.
    per_class : int, default=None
        Use at most this many images of each class, drawn at random by `random_state`; a smaller number draws some of
        those of a larger one. Copies of an image count once. A test set, and the validation and test parts of a split
        that the data set came with, are used whole. Of the other images no embedding is computed. Drawn images that
        cannot be read are left out and not replaced.
    class_weight, scoring, positive, operating_point, random_state, n_jobs, tuning_images
        As for `evaluate_heads`. With an operating point, the model predicts by its threshold.
    verbose : bool, default=False
        Print the number of images of each class and part to stderr, and show the progress of the tuning.

    Returns
    -------
    FitResult

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFeatureTransformer` raises.
    """
    random_state = drawn_seed(random_state)
    plan = plan_fit(**locals())
    plan = _with_content_keys(plan)
    data, images = plan.data, plan.images
    dataset, split, notes = data.dataset, data.split, data.notes
    if verbose:
        print_counts(dataset, split)
    kept = images if len(data.rows) == len(images) else [images[row] for row in data.rows]
    rows, several = data.rows, backbones is not None and len(plan.networks) > 1
    extraction, matrices = embed_networks(plan.networks, kept, keys=data.keys, named=several)
    if failed := [failure.index for failure in extraction.failures]:
        rows = np.delete(rows, failed)
        dataset = leave_out_unreadable(dataset, extraction.failures)
        matrices = {view: np.delete(matrix, failed, axis=0) for view, matrix in matrices.items()}
        with unreadable_named(extraction.failures):
            split = data.options.divide(dataset, **data.options.settings)
        extraction.failures = [replace(f, index=int(data.rows[f.index])) for f in extraction.failures]
    split = replace(split, notes=[*notes, *split.notes])
    evaluation, head = evaluate_heads(
        matrices,
        np.asarray(dataset.labels),
        heads=heads,
        grids=grids,
        split=split,
        groups=dataset.groups,
        together=dataset.together,
        class_weight=class_weight,
        scoring=scoring,
        positive=positive,
        operating_point=operating_point,
        random_state=random_state,
        n_jobs=n_jobs,
        tuning_images=tuning_images,
        verbose=verbose,
    )
    evaluation.predictions = evaluation.predictions.named(data.whole.names, rows)
    chosen = plan.networks[evaluation.backbone or next(iter(plan.networks))]
    features = clone(chosen).set_params(layer=evaluation.layer, pooling=evaluation.pooling, prefetch=())
    features._check_weights(reset=True)
    kept_rows = matrices[(*filter(None, [evaluation.backbone]), evaluation.layer, evaluation.pooling)]
    features.embedding_dim_ = kept_rows.shape[1]
    features.precision_ = chosen.arithmetic(chosen.source())
    found = Pipeline([("features", features), ("head", head)])
    return FitResult(found, evaluation, extraction, rows[split.fitted], kept_rows, rows)


def plan_fit(
    dataset: ImageDataset,
    transformer: CNNFeatureTransformer,
    *,
    backbones: Sequence[Any] | None = None,
    layers: Sequence[str | None] = (None,),
    poolings: Sequence[Pooling] = ("auto",),
    heads: Sequence[str | BaseEstimator] = ("logistic",),
    grids: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
    cv: int | None = None,
    test_size: float | None = None,
    test: ImageDataset | None = None,
    min_images: int = 1,
    per_class: int | None = None,
    class_weight: str | None = None,
    scoring: Scoring = "accuracy",
    positive: Any = None,
    operating_point: str | None = None,
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
    tuning_images: int | None = TUNING_IMAGES,
    verbose: bool = False,
) -> FitPlan:
    """Return what `fit_model` is about to do, after raising what it would raise before any image is read.

    Parameters
    ----------
    dataset, transformer, backbones, layers, poolings, heads, grids, cv, test_size, test, min_images, per_class,
    class_weight, scoring, positive, operating_point, random_state, n_jobs, tuning_images,
    verbose
        As for `fit_model`.
    """
    random_state = drawn_seed(random_state)
    check_values(locals())
    if test is not None and test_size is not None:
        raise ParameterError("got both a test set and test_size", "Give one of them.")
    dataset = join_test(dataset, test, cv=cv, test_size=test_size)
    check_heads(heads, grids or (), class_weight=class_weight)
    check_decision(positive, operating_point)
    common: dict[str, Any] = {"class_weight": class_weight, "scoring": scoring, "n_jobs": n_jobs,
                              "positive": positive, "operating_point": operating_point,
                              "tuning_images": tuning_images}  # fmt: skip
    tuned = [
        TunedHead(head, grid=grid, **common, random_state=random_state)
        for head, grid in dict(zip(heads, head_grids(heads, grids), strict=True)).items()
    ]
    for head in tuned:
        head.spec(len(dataset.classes))
    networks = searched_networks(transformer, backbones=backbones, layers=layers, poolings=poolings)
    settings = {"cv": CV_FOLDS if cv is None else cv, "test_size": test_size and check_fraction(test_size)}
    split_options = SplitOptions(
        partial(_split, random_state=random_state),
        settings,
        min_images=min_images,
        per_class=per_class,
        random_state=random_state,
    )
    # Before any file is read; which images are left out is known only when their content is.
    data = split_options.prepare(dataset)
    if positive is not None:
        class_number(positive, data.dataset.classes)
    return FitPlan(networks, tuned, data)


def _split(dataset: ImageDataset, *, cv: int, test_size: float | None, random_state: int) -> DataSplit:
    """Return the rows to fit and to test on; raise DatasetError if a part to fit on is too small for tuning."""
    split = split_dataset(dataset, cv=cv, test_size=test_size, random_state=random_state)
    if split.folds is None or dataset.groups is not None:
        for rows, _ in split.splits:
            part = dataset.take(rows)
            inner_folds(np.asarray(part.labels), part.groups, random_state, part.together)
    return split


def _with_content_keys(plan: FitPlan) -> FitPlan:
    """Return the plan split by the content of the images; raise the error of an image that cannot be read."""
    note_step("telling new images from known ones")
    images = plan.images
    keys = plan.transformer.content_keys(images, fetch=True)
    if plan.transformer.on_error != "raise":
        return plan.with_keys(_readable(images, keys))
    if failed := [key for key in keys if not isinstance(key, bytes)]:
        raise failed[0]
    return plan.with_keys(keys)


def _readable(images: Sequence[ImageSource], keys: list[Any]) -> list[Any]:
    """Return the keys, with an error for copies that cannot be decoded: they are not copies of an image."""
    if (together := same_content(keys)) is None:
        return keys
    numbers, counts = np.unique(together, return_counts=True)
    first = numbers[counts > 1]
    broken = {int(first[failure.index]): failure for failure in find_unreadable([images[row] for row in first])}
    return [
        ImageDecodeError(images[row].name, broken[number].reason) if number in broken else keys[row]
        for row, number in enumerate(together.tolist())
    ]
