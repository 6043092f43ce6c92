"""A labelled data set goes in; an evaluated, fitted model that predicts from images comes out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from .backbones import View
from .datasets import ImageDataset
from .estimates import as_json
from .evaluation import evaluate_heads
from .exceptions import DatasetError, ParameterError
from .extraction import Extraction
from .heads import make_head
from .images import ImageSource
from .notes import note_once
from .persistence import save_model
from .results import EvaluationResult
from .splits import held_out_split, outer_folds
from .transformer import CNNFeatureTransformer

__all__ = ["FitInputs", "FitOutcome", "check_fit", "fit_model"]

FOLDS = 5


@dataclass
class FitOutcome:
    """What `fit_model` gives.

    Attributes
    ----------
    model : Pipeline
        `CNNFeatureTransformer` and the kept head, fitted; predicts from images.
    evaluation : EvaluationResult
    extraction : Extraction
        Counts, timings and the ledger, without the embeddings.
    """

    model: Pipeline
    evaluation: EvaluationResult
    extraction: Extraction

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the model as what JSON can hold."""
        extraction = {
            "n_images": self.extraction.n_images,
            "n_forwarded": self.extraction.n_forwarded,
            "seconds": self.extraction.seconds,
            "failures": self.extraction.failures,
        }
        return as_json({"evaluation": self.evaluation, "extraction": extraction})

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, default=str, allow_nan=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file, with the evaluation beside it; see `save_model`."""
        save_model(self.model, path, evaluation=json.loads(self.to_json())["evaluation"])


@dataclass(frozen=True)
class FitInputs:
    """What `fit_model` reads and searches.

    Attributes
    ----------
    transformer : CNNFeatureTransformer
        Of all views.
    views : list of (layer, pooling)
    images : list of ImageSource
        Those of the test set come last.
    labels : ndarray of shape (n,)
    groups : ndarray of shape (n,) or None
    """

    transformer: CNNFeatureTransformer
    views: list[View]
    images: Sequence[ImageSource]
    labels: np.ndarray
    groups: np.ndarray | None


def fit_model(
    dataset: ImageDataset,
    transformer: CNNFeatureTransformer,
    *,
    layers: Sequence[str | None] = (None,),
    poolings: Sequence[str] = ("auto",),
    heads: Sequence[str] = ("logistic",),
    grids: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
    cv: int = FOLDS,
    test_size: float | None = None,
    test: ImageDataset | None = None,
    class_weight: str | None = None,
    scoring: str = "accuracy",
    random_state: int = 0,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> FitOutcome:
    """Search layers, poolings and heads over one pass of the images, and fit the best.

    Parameters
    ----------
    dataset : ImageDataset
        With labels. Its groups, if any, stay on one side of every split.
    transformer : CNNFeatureTransformer
        Not changed. With ``on_error="nan"`` images that cannot be read are left out.
    layers, poolings : sequences
        Every combination is searched.
    heads, grids, cv, class_weight, scoring, random_state, n_jobs, verbose
        As for `evaluate_heads`.
    test_size : float, default=None
        Hold out this fraction in place of cross-validation.
    test : ImageDataset, default=None
        Another data set as the test set.

    Returns
    -------
    FitOutcome

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFeatureTransformer` raises.
    """
    inputs = check_fit(
        dataset,
        transformer,
        layers=layers,
        poolings=poolings,
        heads=heads,
        grids=grids,
        cv=cv,
        test_size=test_size,
        test=test,
        class_weight=class_weight,
        random_state=random_state,
    )
    transformer, views, images = inputs.transformer, inputs.views, inputs.images
    labels, groups = inputs.labels, inputs.groups
    extraction = transformer.extract(images)
    failed = {failure.index for failure in extraction.failures}
    good = np.array([i for i in range(len(images)) if i not in failed], dtype=int)
    if not len(good):
        raise DatasetError("none of the images can be read", "The ledger lists the reasons.")
    y = labels[good]
    kept_groups = None if groups is None else groups[good]
    split = None
    if test is not None:
        split = np.flatnonzero(good < len(dataset)), np.flatnonzero(good >= len(dataset))
    elif test_size is not None:
        split = held_out_split(y, test_size, groups=kept_groups, random_state=random_state)
    evaluation, head = evaluate_heads(
        {view: matrix[good] if failed else matrix for view, matrix in zip(views, extraction.embeddings, strict=True)},
        y,
        heads=heads,
        grids=grids,
        cv=cv,
        split=split,
        groups=kept_groups,
        class_weight=class_weight,
        scoring=scoring,
        random_state=random_state,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    kept = clone(transformer).set_params(layer=evaluation.layer, pooling=evaluation.pooling, prefetch=())
    kept._check_weights(reset=True)
    kept.embedding_dim_ = extraction.embeddings[views.index((evaluation.layer, evaluation.pooling))].shape[1]
    extraction.embeddings = []
    return FitOutcome(Pipeline([("features", kept), ("head", head)]), evaluation, extraction)


def check_fit(
    dataset: ImageDataset,
    transformer: CNNFeatureTransformer,
    *,
    layers: Sequence[str | None] = (None,),
    poolings: Sequence[str] = ("auto",),
    heads: Sequence[str] = ("logistic",),
    grids: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
    cv: int = FOLDS,
    test_size: float | None = None,
    test: ImageDataset | None = None,
    class_weight: str | None = None,
    random_state: int = 0,
    **others: Any,
) -> FitInputs:
    """Return what `fit_model` reads and searches, and raise what it would raise before any image is read.

    Parameters
    ----------
    dataset, transformer, layers, poolings, heads, grids, cv, test_size, test, class_weight, random_state, others
        As for `fit_model`.
    """
    if test is not None and test_size is not None:
        raise ParameterError("got both a test set and test_size", "Give one of them.")
    if cv != FOLDS and (test is not None or test_size is not None):
        note_once(f"cv={cv} has no effect: one test set takes the place of the folds")
    if dataset.labels is None or (test is not None and test.labels is None):
        raise DatasetError("the images have no labels", "Pass a folder of classes or a manifest with labels.")
    for head in heads:
        make_head(head, grid=(grids or {}).get(head), class_weight=class_weight)
    source = transformer.source()
    views = list(dict.fromkeys(source.view(layer, pooling) for layer in layers for pooling in poolings))
    transformer = clone(transformer).set_params(layer=views[0][0], pooling=views[0][1], prefetch=views[1:])
    images, names, labels = list(dataset.images), list(dataset.names), dataset.labels
    groups = dataset.groups
    if test is not None:
        if unknown := sorted(set(test.labels.tolist()) - set(labels.tolist())):  # type: ignore[union-attr]
            raise DatasetError(f"the test set has the class {unknown[0]!r}, which the training set has not",
                               "Leave those images out.")  # fmt: skip
        images, names = images + list(test.images), names + list(test.names)
        groups = _joined_groups(dataset, test)
        labels = np.concatenate([labels, test.labels])
    if test is None:
        _check_splits(labels, groups, cv, test_size, random_state)
    return FitInputs(transformer, views, transformer.sources(images, names), labels, groups)


def _check_splits(
    labels: np.ndarray, groups: np.ndarray | None, cv: int, test_size: float | None, random_state: int
) -> None:
    """Find out before any image is forwarded whether the labels allow the splits."""
    if test_size is not None:
        held_out_split(labels, test_size, groups=groups, random_state=random_state)
    else:
        classes, truth = np.unique(labels, return_inverse=True)
        outer_folds(truth, classes, cv, groups, random_state)


def _joined_groups(dataset: ImageDataset, test: ImageDataset) -> np.ndarray | None:
    """Return the groups of both, an image being a group of its own where there are none."""
    if dataset.groups is None and test.groups is None:
        return None
    parts = [np.char.add(f"{place}/", np.arange(len(part)).astype(str) if part.groups is None else part.groups)
             for place, part in (("training", dataset), ("test", test))]  # fmt: skip
    return np.concatenate(parts)
