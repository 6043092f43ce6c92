"""Fine-tune a network on a part of a data set, and measure its accuracy on held-out images."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..datasets.prepare import SplitOptions
from ..datasets.split import join_test, leave_out_unreadable, split_dataset
from ..display.json_values import as_json
from ..display.notes import note_step
from ..evaluation.class_sizes import SmallClassError, check_counts
from ..evaluation.data_split import DataSplit
from ..evaluation.held_out_result import HeldOutResult, score_held_out
from ..evaluation.splits import check_fraction
from ..extraction.extract import ExtractionResult
from ..finetuning.classifier import CNNFineTuneClassifier
from ..finetuning.settings import check_parameters
from ..finetuning.validation_part import hold_out_validation
from ..images.failures import Failure, find_unreadable

__all__ = ["FineTuneResult", "finetune_model", "training_split_options"]

FINETUNING_TEST_SIZE = 0.2
# What to change where classes are too small for a validation part, in Python and on the command line.
EARLY_STOPPING_OFF = (("early_stopping=False", "--no-early-stopping"),)


@dataclass(repr=False)
class FineTuneResult(HeldOutResult):
    """What `finetune_model` returns.

    Attributes
    ----------
    classes, n_test, metrics, per_class, confusion_matrix, baseline, notes
        As in `HeldOutResult`.
    model : CNNFineTuneClassifier
        Fitted on the training images.
    protocol : str
        In words, which images the figures are from.
    history : dict of str to list
        The training curves; see `CNNFineTuneClassifier`.
    best_epoch : int
    trained_stages : list of str
    seconds : dict of str to float
        Of `extraction`, `training` and `prediction`.
    extraction : ExtractionResult
        Counts and timings of all passes through the network, including those of the prediction.
    n_train : int
        Images that were trained on, including those that the classifier held out for early stopping.
    failures : list of Failure
        The images that could not be read.
    """

    model: CNNFineTuneClassifier
    protocol: str
    history: dict[str, list[Any]]
    best_epoch: int
    trained_stages: list[str]
    seconds: dict[str, float]
    extraction: ExtractionResult
    n_train: int
    failures: list[Failure] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the model as types that JSON can hold."""
        parts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "model"}
        parts["extraction"] = {name: getattr(self.extraction, name) for name in ("n_images", "n_forwarded", "seconds")}
        return as_json(parts)

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model and its figures to a file; see `save_model`."""
        from ..model_files.persistence import save_model  # which loads torch

        save_model(self.model, path, evaluation=json.loads(self.to_json()))


def finetune_model(
    dataset: ImageDataset,
    classifier: CNNFineTuneClassifier,
    *,
    test_size: float | None = None,
    test: ImageDataset | None = None,
    min_images: int = 1,
    on_error: str = "raise",
) -> FineTuneResult:
    """Fine-tune on a part of a data set and evaluate on the rest.

    Parameters
    ----------
    dataset : ImageDataset
        With labels. Its groups, if any, stay on one side of a split that is drawn. If it came with a split, the
        training part is trained on; the validation part decides when to stop, or is trained on too without early
        stopping; the test part judges, or the validation part if there is no test part.
    classifier : CNNFineTuneClassifier
        Not changed.
    test_size : float, default=None
        Fraction of the images that is held out, stratified by class; None means 0.2.
    test : ImageDataset, default=None
        Another data set as the test set; all of `dataset` is then trained on. Both `test_size` and `test` replace a
        split that the data set came with.
    min_images : int, default=1
        Classes with fewer different images are left out, with a note. With a test set, only images outside it count.
    on_error : {"raise", "skip"}, default="raise"
        Whether an image that cannot be read raises an error, or is left out and listed in `failures`; to find these
        images, all are decoded first.

    Returns
    -------
    FineTuneResult

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFineTuneClassifier` raises.
    """
    check_values(locals())
    dataset = join_test(dataset, test, test_size=test_size)
    split_options = training_split_options(classifier, test_size=test_size, min_images=min_images)
    classifier.check_parameters(split_options.prepare(dataset).dataset.labels)
    failures = []
    if on_error == "skip":
        failures = find_unreadable(classifier.sources(dataset.images, dataset.names), verbose=classifier.verbose)
    if failures:
        dataset = leave_out_unreadable(dataset, failures)
    note_step("telling new images from known ones")
    keys = classifier.content_keys(classifier.sources(dataset.images, dataset.names))
    if failed := [key for key in keys if not isinstance(key, bytes)]:
        raise failed[0]
    prepared = split_options.prepare(dataset, keys)
    dataset, split = prepared.dataset, prepared.split
    model = clone(classifier)
    train, held, labels = dataset.take(split.train), dataset.take(split.test), np.asarray(dataset.labels)
    stopping = dataset.take(split.validation)
    given = {"X_val": stopping.images, "y_val": stopping.labels} if len(stopping) else {}
    model.fit(train.images, train.labels, groups=train.groups, **given)
    began = time.perf_counter()
    probabilities, extraction = model.predict_images(model.sources(held.images, held.names))
    spent = {name: model.timings_[name] for name in ("extraction", "training")}
    spent["prediction"] = time.perf_counter() - began
    stages = {name: value + model.timings_.get(name, 0.0) for name, value in extraction.seconds.items()}
    extraction.n_images += model.forwarded_["needed"]
    extraction.n_forwarded += model.forwarded_["forwarded"]
    extraction.seconds = stages
    numbers = np.searchsorted(model.classes_, labels)
    report = score_held_out(
        numbers[split.test],
        probabilities,
        classes=model.classes_,
        trained=numbers[split.train],
        groups=held.groups,
        random_state=classifier.random_state,
    )
    return FineTuneResult(
        **{**vars(report), "notes": [*prepared.notes, *split.notes, *report.notes]},
        model=model,
        protocol=f"{split.protocol}; trained on {len(train):,}"
        + (f", stopped by the {len(stopping):,} of the validation part" if given else ""),
        history=model.history_,
        best_epoch=model.best_epoch_,
        trained_stages=model.trained_stages_,
        seconds=spent,
        extraction=extraction,
        n_train=len(train),
        failures=failures,
    )


def training_split_options(
    classifier: CNNFineTuneClassifier, *, test_size: float | None = None, min_images: int = 1
) -> SplitOptions:
    """Return how a data set that is joined with its test set is checked and split.

    Without a validation part the classifier holds out some of the training images; without early stopping a given
    validation part is trained on.

    Raises
    ------
    ParameterError
        If a parameter of the classifier has an invalid value.
    """
    check_parameters(classifier)
    stopping = bool(classifier.early_stopping)
    chosen = FINETUNING_TEST_SIZE if test_size is None else check_fraction(test_size)
    return SplitOptions(
        partial(_split, classifier),
        {"test_size": chosen, "early_stopping": stopping},
        alternatives=[(EARLY_STOPPING_OFF, {"early_stopping": False})] if stopping else [],
        min_images=min_images,
        validation_apart=stopping,
    )


def _split(
    classifier: CNNFineTuneClassifier, dataset: ImageDataset, *, test_size: float, early_stopping: bool
) -> DataSplit:
    seed = int(classifier.random_state)
    split = split_dataset(dataset, test_size=test_size, validation_apart=early_stopping, random_state=seed)
    if not early_stopping:
        split = dataclasses.replace(split, train=split.fitted, validation=split.validation[:0])
    labels, train = np.asarray(dataset.labels), dataset.take(split.train)
    if len(lacking := np.setdiff1d(labels[split.test], labels[split.train])):
        raise SmallClassError(
            f"the part to train on has no image of class {str(lacking[0])!r}, which the test part has",
            "Add images or groups of it, or choose a smaller test_size.",
        )
    classes, targets = np.unique(np.asarray(train.labels), return_inverse=True)
    check_counts(targets, classes, 1, "training needs")
    if early_stopping and not len(split.validation):
        fraction = classifier.validation_fraction
        kept: dict[str, Any] = {"groups": train.groups, "together": train.together}
        hold_out_validation(targets, classes, fraction=fraction, **kept, random_state=seed)
    return split
