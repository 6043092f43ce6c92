"""Fine-tune a network on a part of a data set, and measure its accuracy on held-out images."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

from ..choices import OnError
from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..datasets.image_counts import print_counts
from ..datasets.prepare import PreparedData, SplitOptions
from ..datasets.split import join_test, split_dataset
from ..display.notes import note_step
from ..evaluation.class_sizes import SmallClassError, check_counts
from ..evaluation.data_split import DataSplit
from ..evaluation.held_out_result import score_held_out
from ..evaluation.operating_point import check_decision, class_number, parse_operating_point
from ..evaluation.reached_point import judge_point
from ..evaluation.splits import check_fraction
from ..evaluation.units import judged_units
from ..extraction.steps import HeadFits, Passes
from ..finetuning.classifier import CNNFineTuneClassifier
from ..finetuning.settings import TrainingSettings
from ..finetuning.training_plan import Epochs
from ..finetuning.validation_part import hold_out_validation
from ..images.failures import find_unreadable
from ..images.sources import ImageSource
from .finetune_result import FineTuneResult
from .validation_threshold import check_validation_part, decide_on_validation

__all__ = ["FineTunePlan", "finetune_model", "plan_finetuning"]

FINETUNING_TEST_SIZE = 0.2
# What to change where classes are too small for a validation part, in Python and on the command line.
EARLY_STOPPING_OFF = (("early_stopping=False", "--no-early-stopping"),)


@dataclass(frozen=True)
class FineTunePlan:
    """What `finetune_model` is about to do.

    Attributes
    ----------
    classifier : CNNFineTuneClassifier
        Not fitted.
    data : PreparedData
        Joined with the test set. Without a validation part the classifier holds out some of the training images.
    """

    classifier: CNNFineTuneClassifier
    data: PreparedData

    @property
    def images(self) -> Sequence[ImageSource]:
        """All images as the classifier reads them, before some are left out."""
        return self.classifier.sources(self.data.whole.images, self.data.whole.names)

    @property
    def split(self) -> DataSplit:
        """The rows of each part, with the validation part that the classifier will hold out if none is given."""
        return _stopped_split(self.classifier, self.data.dataset, self.data.split)

    @property
    def training(self) -> dict[str, Any]:
        """The keyword arguments of the classifier's `fit` and `prepare`."""
        train, stopping = (self.data.dataset.take(rows) for rows in (self.data.split.train, self.data.split.validation))
        given = {"X_val": stopping.images, "y_val": stopping.labels} if len(stopping) else {}
        return {"X": train.images, "y": train.labels, "groups": train.groups, **given}

    @property
    def steps(self) -> list[Passes | HeadFits | Epochs]:
        """The steps of the training and of the prediction of the test part, in their order."""
        split, rows = self.data.split, self.data.rows
        training = clone(self.classifier).prepare(**self.training)
        training.together = self.data.dataset.take(split.train).together
        return training.plan().steps(rows[np.concatenate([split.train, split.validation])], rows[split.test])

    def with_keys(self, keys: Sequence[Any]) -> FineTunePlan:
        """Return the plan with the data split anew, now that copies are known."""
        return dataclasses.replace(self, data=self.data.with_keys(keys))


def finetune_model(
    dataset: ImageDataset,
    classifier: CNNFineTuneClassifier,
    *,
    test_size: float | None = None,
    test: ImageDataset | None = None,
    min_images: int = 1,
    per_class: int | None = None,
    on_error: OnError = "raise",
    positive: Any = None,
    operating_point: str | None = None,
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
    per_class : int, default=None
        Use at most this many images of each class, as for `fit_model`, drawn by the classifier's `random_state`.
    on_error : {"raise", "skip"}, default="raise"
        Whether an image that cannot be read raises an error, or is left out and listed in `failures`; to find these
        images, all are decoded first.
    positive : object, default=None
        The class whose ROC AUC and average precision are among the figures, against the rest; of two classes the
        second, if it is not given.
    operating_point : str, default=None
        Such as "sensitivity=0.95" of the positive class, as for `TunedHead`: the model predicts by a threshold, which
        is chosen on the validation part, of the split or held out by the classifier.

    Returns
    -------
    FineTuneResult

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFineTuneClassifier` raises.
    """
    plan = plan_finetuning(**locals())
    names, n_images = plan.data.whole.names, len(plan.data.whole)
    failures = find_unreadable(plan.images, verbose=classifier.verbose) if on_error == "skip" else []
    plan = dataclasses.replace(plan, data=plan.data.without(failures))
    note_step("telling new images from known ones")
    keys = classifier.content_keys(plan.images)
    if failed := [key for key in keys if not isinstance(key, bytes)]:
        raise failed[0]
    plan = plan.with_keys(keys)
    dataset, split = plan.data.dataset, plan.data.split
    if classifier.verbose:
        print_counts(dataset, plan.split)
    model = clone(classifier)
    held, labels = dataset.take(split.test), np.asarray(dataset.labels)
    number = None if positive is None else class_number(positive, np.unique(labels))
    point = None if operating_point is None else parse_operating_point(operating_point)
    validation = dataset.take(plan.split.validation)
    if point is not None:  # now that copies are known
        check_validation_part(classifier, validation, positive)
    model.fit(**plan.training)
    chosen = None if point is None else decide_on_validation(model, validation, positive, point)
    began = time.perf_counter()
    probabilities, extraction = model.predict_images(model.sources(held.images, held.names))
    spent = {name: model.timings_[name] for name in ("extraction", "training")}
    spent["prediction"] = time.perf_counter() - began
    stages = {name: value + model.timings_.get(name, 0.0) for name, value in extraction.seconds.items()}
    extraction.n_images += model.forwarded_["needed"]
    extraction.n_forwarded += model.forwarded_["forwarded"]
    extraction.seconds = stages
    (embeddings,), extraction.embeddings = extraction.embeddings, []
    numbers = np.searchsorted(model.classes_, labels)
    decided = None if model.decision is None else model.decision.numbers(probabilities, model.classes_)
    units = judged_units(held.groups, held.together)
    report = score_held_out(
        numbers[split.test],
        probabilities,
        classes=model.classes_,
        trained=numbers[split.train],
        groups=held.groups,
        random_state=classifier.random_state,
        rows=split.test,
        metric="accuracy" if decided is None else "balanced_accuracy",
        decided=decided,
        positive=number,
        units=units,
    )
    if point is not None and chosen is not None and decided is not None:
        report.operating_point = judge_point(
            numbers[split.test] == number,
            decided == number,
            point,
            chosen,
            positive=str(positive),
            thresholds=[chosen.threshold],
            units=units,
        )
    readable = np.delete(np.arange(n_images), [failure.index for failure in failures])
    report.predictions = report.predictions.named(names, readable[plan.data.rows])
    order = np.argsort(split.test)
    return FineTuneResult(
        **{**vars(report), "notes": [*plan.data.notes, *split.notes, *report.notes]},
        model=model,
        protocol=f"{split.protocol}; trained on {len(split.train):,}"
        + (f", stopped by the {len(split.validation):,} of the validation part" if len(split.validation) else ""),
        history=model.history_,
        best_epoch=model.best_epoch_,
        trained_stages=model.trained_stages_,
        seconds=spent,
        extraction=extraction,
        n_train=len(split.train),
        train_rows=readable[plan.data.rows[split.train]],
        failures=failures,
        embeddings=embeddings[order],
        rows=readable[plan.data.rows[split.test[order]]],
    )


def plan_finetuning(
    dataset: ImageDataset,
    classifier: CNNFineTuneClassifier,
    *,
    test_size: float | None = None,
    test: ImageDataset | None = None,
    min_images: int = 1,
    per_class: int | None = None,
    on_error: OnError = "raise",
    positive: Any = None,
    operating_point: str | None = None,
) -> FineTunePlan:
    """Return what `finetune_model` is about to do, after raising what it would raise before any image is read.

    Without early stopping a given validation part is trained on.

    Parameters
    ----------
    dataset, classifier, test_size, test, min_images, per_class, on_error, positive, operating_point
        As for `finetune_model`.
    """
    check_values(locals())
    check_decision(positive, operating_point)
    dataset = join_test(dataset, test, test_size=test_size)
    TrainingSettings.of(classifier)
    stopping = bool(classifier.early_stopping)
    chosen = FINETUNING_TEST_SIZE if test_size is None else check_fraction(test_size)
    options = SplitOptions(
        partial(_split, classifier),
        {"test_size": chosen, "early_stopping": stopping},
        alternatives=[(EARLY_STOPPING_OFF, {"early_stopping": False})] if stopping else [],
        min_images=min_images,
        validation_apart=stopping,
        per_class=per_class,
        random_state=int(classifier.random_state),
    )
    # Before any file is read; which images are left out is known only when their content is.
    plan = FineTunePlan(classifier, options.prepare(dataset))
    if positive is not None:
        class_number(positive, plan.data.dataset.classes)
    if operating_point is not None:
        check_validation_part(classifier, plan.data.dataset.take(plan.split.validation), positive)
    classifier.check_parameters(plan.data.dataset.labels)
    return plan


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
    if early_stopping:
        _stopped_split(classifier, dataset, split)
    return split


def _stopped_split(classifier: CNNFineTuneClassifier, dataset: ImageDataset, split: DataSplit) -> DataSplit:
    """Return the split with the validation part that the classifier will hold out of the training part, if it does."""
    if not classifier.early_stopping or len(split.validation):
        return split
    train = dataset.take(split.train)
    classes, targets = np.unique(np.asarray(train.labels), return_inverse=True)
    rows = hold_out_validation(
        targets,
        classes,
        fraction=classifier.validation_fraction,
        groups=train.groups,
        together=train.together,
        random_state=int(classifier.random_state),
    )
    return dataclasses.replace(split, train=split.train[rows[0]], validation=split.train[rows[1]])
