"""A labelled data set and a classifier go in; it comes out trained, with honest figures on images held out."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone

from .baseline import Baseline, compare_baseline, largest_class
from .datasets import ImageDataset
from .estimates import Estimate, as_json
from .exceptions import DatasetError, ParameterError
from .extraction import Extraction
from .finetune import CNNFineTuneClassifier
from .images import as_sources
from .ledger import Failure, find_unreadable
from .metrics import confusion_matrix, interval_notes, report_classes, score_predictions
from .persistence import save_model
from .splits import held_out_split

__all__ = ["FineTuneOutcome", "finetune_model", "join_data", "split_data"]


@dataclass
class FineTuneOutcome:
    """What `finetune_model` gives.

    Attributes
    ----------
    model : CNNFineTuneClassifier
        Fitted on the training images.
    classes : list of str
    protocol : str
        How the figures came about.
    metrics : dict of str to Estimate
        On the test images.
    notes : list of str
        What to know of the intervals; see `interval_notes`.
    baseline : Baseline
        Whether the model beats always answering the largest class of the training images.
    per_class : list of dict
        Precision, recall, F1 and support of each class.
    confusion_matrix : list of list of int
        True classes in rows, predicted ones in columns.
    history : dict of str to list
        The curves of the training; see `CNNFineTuneClassifier`.
    best_epoch : int
    trained_stages : list of str
    seconds : dict of str to float
        Of `extraction`, `training` and `prediction`.
    extraction : Extraction
        Counts and timings of all passes through the network, those of the prediction included.
    n_train, n_test : int
    failures : list of Failure
        The ledger.
    """

    model: CNNFineTuneClassifier
    classes: list[str]
    protocol: str
    metrics: dict[str, Estimate]
    notes: list[str]
    baseline: Baseline
    per_class: list[dict[str, Any]]
    confusion_matrix: list[list[int]]
    history: dict[str, list[Any]]
    best_epoch: int
    trained_stages: list[str]
    seconds: dict[str, float]
    extraction: Extraction
    n_train: int
    n_test: int
    failures: list[Failure] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the model as what JSON can hold."""
        parts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "model"}
        parts["extraction"] = {name: getattr(self.extraction, name) for name in ("n_images", "n_forwarded", "seconds")}
        return as_json(parts)

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file, with the figures beside it; see `save_model`."""
        save_model(self.model, path, evaluation=json.loads(self.to_json()))


def finetune_model(
    dataset: ImageDataset,
    classifier: CNNFineTuneClassifier,
    *,
    test_size: float = 0.2,
    test: ImageDataset | None = None,
    skip_unreadable: bool = False,
) -> FineTuneOutcome:
    """Fine-tune on a part of a data set and report figures on the rest.

    Parameters
    ----------
    dataset : ImageDataset
        With labels. Its groups, if any, stay on one side of the split.
    classifier : CNNFineTuneClassifier
        Not changed.
    test_size : float, default=0.2
        Fraction of the images that is held out, stratified by class.
    test : ImageDataset, default=None
        Another data set as the test set; then all of `dataset` is trained on.
    skip_unreadable : bool, default=False
        Leave out images that cannot be read, in place of raising.

    Returns
    -------
    FineTuneOutcome

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFineTuneClassifier` raises.
    """
    images, names, labels = join_data(dataset, test)
    failures = find_unreadable(as_sources(images, names=names)) if skip_unreadable else []
    failed = {failure.index for failure in failures}
    good = np.array([i for i in range(len(images)) if i not in failed], dtype=int)
    train, held, protocol = split_data(dataset, test, good, test_size, classifier.random_state)
    model = clone(classifier)
    groups = None if dataset.groups is None else dataset.groups[train]
    model.fit([images[i] for i in train], labels[train], groups=groups)
    began = time.perf_counter()
    probabilities, extraction = model.predict_images(
        as_sources([images[i] for i in held], names=[names[i] for i in held])
    )
    spent = {name: model.timings_[name] for name in ("extraction", "training")}
    spent["prediction"] = time.perf_counter() - began
    stages = {name: value + model.timings_.get(name, 0.0) for name, value in extraction.seconds.items()}
    extraction.n_images += model.forwarded_["needed"]
    extraction.n_forwarded += model.forwarded_["forwarded"]
    extraction.seconds = stages
    truth = np.searchsorted(model.classes_, labels[held])
    predicted = probabilities.argmax(axis=1)
    matrix = confusion_matrix(truth, predicted, len(model.classes_))
    classes = [str(name) for name in model.classes_]
    tested = _groups(dataset, test, held)
    metrics = score_predictions(truth, probabilities, groups=tested, random_state=classifier.random_state)
    largest = largest_class(np.searchsorted(model.classes_, labels[train]), len(classes))
    return FineTuneOutcome(
        model=model,
        classes=classes,
        protocol=f"{protocol}; trained on {len(train):,}",
        metrics=metrics,
        notes=interval_notes([metrics], groups=tested),
        baseline=compare_baseline(
            truth, predicted, np.full(len(truth), largest), metrics=metrics, classes=classes, groups=tested
        ),
        per_class=report_classes(classes, matrix),
        confusion_matrix=matrix.tolist(),
        history=model.history_,
        best_epoch=model.best_epoch_,
        trained_stages=model.trained_stages_,
        seconds=spent,
        extraction=extraction,
        n_train=len(train),
        n_test=len(held),
        failures=failures,
    )


def join_data(dataset: ImageDataset, test: ImageDataset | None) -> tuple[list[Any], list[str], np.ndarray]:
    """Return the images, names and labels of a data set and of a test set after it.

    Raises
    ------
    DatasetError
        If there are no labels, or a class of the test set is none of the data set's.
    """
    if dataset.labels is None or (test is not None and test.labels is None):
        raise DatasetError("the images have no labels", "Pass a folder of classes or a manifest with labels.")
    images, names, labels = list(dataset.images), list(dataset.names), dataset.labels
    if test is not None:
        if unknown := sorted(set(test.labels.tolist()) - set(labels.tolist())):  # type: ignore[union-attr]
            raise DatasetError(
                f"the test set has the class {unknown[0]!r}, which the training set has not", "Leave those images out."
            )
        images, names = images + list(test.images), names + list(test.names)
        labels = np.concatenate([labels, test.labels])
    return images, names, labels


def split_data(
    dataset: ImageDataset, test: ImageDataset | None, good: np.ndarray, test_size: float, random_state: int
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the rows to train on and those to test on, and how they came about; `good` are those to choose from.

    Raises
    ------
    DatasetError, ParameterError
    """
    labels = join_data(dataset, test)[2]
    if test is not None:
        train, held = good[good < len(dataset)], good[good >= len(dataset)]
        if not len(held) or not len(train):
            raise DatasetError("none of the images can be read", "The ledger lists the reasons.")
        protocol = f"a test set of {len(held):,} images"
    else:
        groups = None if dataset.groups is None else dataset.groups[good]
        first, second = held_out_split(labels[good], test_size, groups=groups, random_state=random_state)
        train, held = good[first], good[second]
        grouped = ", whole groups on one side" if groups is not None else ""
        protocol = f"{len(held):,} images held out, stratified by class{grouped}"
    if not set(labels[held].tolist()) <= set(labels[train].tolist()):
        raise ParameterError("the training part lacks a class of the test part", "Choose a smaller test_size.")
    return train, held, protocol


def _groups(dataset: ImageDataset, test: ImageDataset | None, held: np.ndarray) -> np.ndarray | None:
    """Return the groups of the test images, whose figures are resampled by them."""
    if test is not None:
        return None if test.groups is None else test.groups[held - len(dataset)]
    return None if dataset.groups is None else dataset.groups[held]
