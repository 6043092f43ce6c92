"""Forecast what fine-tuning a network will cost, from a few epochs on a few images (`finetune --dry-run`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.base import clone

from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..datasets.split import join_test
from ..display.quantities import count_text
from ..exceptions import DatasetError
from ..extraction.estimator import open_cache
from ..finetuning.boundary import boundary_passes
from ..finetuning.classifier import CNNFineTuneClassifier
from ..finetuning.fit import FineTuning
from ..finetuning.head import DenseHead
from ..finetuning.head_init import warm_up
from ..images.sources import ImageSource
from ..workflows.finetune import training_split_options
from .head_times import Features, linear_probe_seconds
from .passes import CountedPasses
from .probe import PROBE_IMAGES, ForwardOptions
from .result import ForecastResult, Part

__all__ = ["TrainingCosts", "forecast_finetuning"]

# The first epoch that is timed is not counted.
PROBE_EPOCHS = 4
PROBE_SECONDS = 12.0
# The cost of a training step in forward passes, if everything is trained: one forward, and two for the backward pass.
PASSES_PER_STEP = 3
WARM_UP_ROWS = 256


def forecast_finetuning(
    dataset: ImageDataset,
    classifier: CNNFineTuneClassifier,
    *,
    test_size: float | None = None,
    test: ImageDataset | None = None,
    min_images: int = 1,
    on_error: str = "raise",
) -> ForecastResult:
    """Return what `finetune_model` will cost at most: early stopping may end it sooner.

    Up to 64 images are forwarded, and a few epochs are trained on up to 64. Nothing of this is kept.

    Parameters
    ----------
    dataset, classifier, test_size, test, min_images, on_error
        As for `finetune_model`.

    Returns
    -------
    ForecastResult

    Raises
    ------
    DatasetError, ParameterError, and what `CNNFineTuneClassifier` raises.
    """
    check_values(locals())
    dataset = join_test(dataset, test, test_size=test_size)
    split_options = training_split_options(classifier, test_size=test_size, min_images=min_images)
    split_options.prepare(dataset)
    labels, sources = np.asarray(dataset.labels), classifier.sources(dataset.images, dataset.names)
    training = TrainingCosts(classifier)
    counted = CountedPasses(sources, cache=open_cache(classifier.cache), verbose=classifier.verbose)
    prepared = split_options.prepare(dataset, counted.keys())
    split, train = prepared.split, prepared.dataset.take(prepared.split.train)
    decoding = counted.decoding() if on_error == "skip" else None
    rows, validation, test_rows = (prepared.rows[part] for part in (split.train, split.validation, split.test))
    parts = training.parts(counted, labels, rows, train.groups, together=train.together, validation=validation)
    parts.append(training.prediction(counted, test_rows))
    return counted.forecast(
        [counted.digesting(), decoding, counted.starts(), *parts], at_most=bool(classifier.early_stopping)
    )


class TrainingCosts:
    """The costs of trainings of one classifier.

    Parameters
    ----------
    classifier : CNNFineTuneClassifier
        Not changed.
    """

    def __init__(self, classifier: CNNFineTuneClassifier) -> None:
        self.classifier = classifier
        self.forwarding = ForwardOptions.of(classifier, classifier.source())
        self._epoch: float | None = None
        self._heads: dict[int, float] = {}

    def parts(
        self,
        counted: CountedPasses,
        labels: np.ndarray,
        rows: np.ndarray,
        groups: np.ndarray | None,
        *,
        together: np.ndarray | None = None,
        validation: np.ndarray | None = None,
        seed: int | None = None,
    ) -> list[Part]:
        """Return the parts of a training on some rows, in their order, with their costs.

        Parameters
        ----------
        counted : CountedPasses
        labels : ndarray of shape (n,)
            Of all images.
        rows : ndarray of int
            For training, and for validation if no other rows are given.
        groups : ndarray or None
            Of these rows.
        together : ndarray of int, default=None
            Equal for rows of the same content.
        validation : ndarray of int, default=None
            Rows for validation.
        seed : int, default=None
            In place of the classifier's.
        """
        classifier = self.classifier
        if seed is not None:
            classifier = clone(classifier).set_params(random_state=seed)
        training = _training(classifier, counted.images, labels, rows, groups, validation, together)
        rows = rows if validation is None else np.concatenate([rows, validation])
        train, validation = training.split()
        trunk = training.trunk
        ask = partial(counted.passes, forwarding=self.forwarding, kept=counted.cache is not None)
        parts: list[Part] = []
        if (passes := boundary_passes(trunk, train, validation, training.boundary_options())) is not None:
            parts += [
                ask(source, [passes.view], rows[some], name="forward below the trained stages")
                for source, some in passes.rows
                if len(some)
            ]
        if training.head_init != "random":
            parts.append(ask(training.source, [training.view], rows[train], name="forward for the head"))
            parts.append(self._head(counted, training, labels, len(train)))
        epochs = training.optimization.epochs
        seconds = self._epoch_seconds(counted, rows) * len(rows) * epochs
        weights = 4 * sum(value.numel() for value in trunk.state().values())
        parts.append(Part(f"train {count_text(epochs, 'epoch')}", seconds, weights, n_images=epochs * len(train)))
        return parts

    def prediction(self, counted: CountedPasses, rows: np.ndarray) -> Part:
        """Return the part in which the trained network predicts rows; its embeddings cannot be cached yet."""
        draws = int(self.classifier.test_draws) if self.classifier.augmentation not in (None, "none") else 1
        source = self.classifier.source()
        view = source.view(self.classifier.layer, self.classifier.pooling)
        part = counted.passes(
            source, [view], np.tile(rows, draws), forwarding=self.forwarding, name="predict", kept=False
        )
        # A trained network is another network, and is built anew.
        return replace(part, seconds=part.seconds + counted.probe(source, [view], self.forwarding, rows).start)

    def _head(self, counted: CountedPasses, training: FineTuning, labels: np.ndarray, n: int) -> Part:
        """Return the part in which the head is fitted before the network is trained."""
        if n not in self._heads:
            rows, embeddings = counted.embeddings(training.source, training.view, self.forwarding)
            features = Features(embeddings, labels[rows], labels)
            if training.head_init == "logistic":
                # Balanced weights hardly change the time, and a mapping may name other labels.
                self._heads[n] = linear_probe_seconds(features, n, random_state=self.classifier.random_state)
            else:
                self._heads[n] = self._warm_up(features, training) * n
        width = counted.embeddings(training.source, training.view, self.forwarding)[1].shape[1]
        return Part("fit the head", self._heads[n], 0, 3 * 4 * n * width)

    def _warm_up(self, features: Features, training: FineTuning) -> float:
        """Return the seconds for an image while the head alone is trained."""
        x, y = features.draw(WARM_UP_ROWS)
        targets = np.unique(y, return_inverse=True)[1]
        head = DenseHead(x.shape[1], len(training.classes), hidden_units=self.classifier.hidden_units)
        began = time.perf_counter()
        warm_up(head.to(training.device), x, targets, training.optimization, 1)
        return (time.perf_counter() - began) / len(x) * int(self.classifier.warmup_epochs)

    def _epoch_seconds(self, counted: CountedPasses, rows: np.ndarray) -> float:
        """Return the seconds of an epoch for an image, validation included, from a few epochs on up to 64 images."""
        if self._epoch is None:
            classifier = self.classifier
            source = classifier.source()
            probe = counted.probe(source, [source.view(classifier.layer, classifier.pooling)], self.forwarding, rows)
            most = PROBE_SECONDS / (PROBE_EPOCHS * PASSES_PER_STEP * probe.seconds_per_image)
            chosen = counted.readable()[: int(np.clip(most, 16, PROBE_IMAGES))]
            if not chosen:
                raise DatasetError("none of the images that were probed can be read", "Look at some of them.")
            probe = clone(classifier).set_params(
                cache=None, checkpoint=None, epochs=PROBE_EPOCHS, head_init="random", augment_draws=1,
                class_weight=None, verbose=False,
                # Without early stopping it has no effect, and a note would say so.
                patience=PROBE_EPOCHS if classifier.early_stopping else classifier.patience,
            )  # fmt: skip
            images = [image.content for image in chosen]
            probe.fit(images, np.arange(len(images)) % 2)
            self._epoch = float(np.median(probe.history_["seconds"][1:])) / len(images)
        return self._epoch


def _training(
    classifier: CNNFineTuneClassifier,
    images: Sequence[ImageSource],
    labels: np.ndarray,
    rows: np.ndarray,
    groups: np.ndarray | None,
    validation: np.ndarray | None = None,
    together: np.ndarray | None = None,
) -> FineTuning:
    """Return the training on some rows, after raising what it would raise before any image is read."""
    classes, targets = np.unique(labels[rows], return_inverse=True)
    if len(classes) < 2:
        raise DatasetError(f"there is only one class, {str(classes[0])!r}", "A classifier needs at least two.")
    given = None
    if validation is not None and len(validation):
        given = [images[row] for row in validation], np.searchsorted(classes, labels[validation])
    some = [images[row] for row in rows]
    return FineTuning(classifier, some, classes, targets, groups, validation=given, together=together)
