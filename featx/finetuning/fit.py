"""Run one fit of the fine-tuning classifier: split, cut the network, cache the boundary, initialise the head, train."""

from __future__ import annotations

import functools
import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_consistent_length
from torch import Tensor

from ..display.names import span_text
from ..display.notes import note_once
from ..exceptions import ParameterError
from ..extraction.digests import joined_keys
from ..extraction.estimator import open_cache, open_store
from ..extraction.extract import extract_embeddings
from ..extraction.steps import Passes
from ..heads.class_weights import class_weights
from ..images.labels import plain_labels
from ..images.sources import ImageSource
from ..networks.device import resolve_device, resolve_precision
from ..process import keep_freed_memory
from ..runtime.resources import thread_count
from ..torch_modules.seeds import seeded
from .boundary import boundary_passes, make_feed
from .checkpoint import Checkpoint
from .finetuned_estimator import FineTunedEstimator
from .head import DenseHead
from .head_init import fit_probe
from .ignored_parameters import note_ignored_parameters
from .settings import ResolvedSettings, TrainingSettings
from .training import Training
from .training_plan import Epochs, TrainingPlan
from .trunk import Trunk
from .validation_part import hold_out_validation
from .warm_up import WarmUp

__all__ = ["FineTuning", "TrainingResult"]


@dataclass(frozen=True)
class TrainingResult:
    """The trained tensors and the curves of training, which become fitted attributes of `CNNFineTuneClassifier`."""

    history: dict[str, Any]
    best_epoch: int
    initial_accuracy: float | None
    stages: list[str]
    timings: dict[str, float]
    forwarded: dict[str, int]
    state: dict[str, np.ndarray]
    head: dict[str, np.ndarray]


class FineTuning:
    """One call of ``CNNFineTuneClassifier.fit``.

    Parameters
    ----------
    classifier : CNNFineTuneClassifier
        Its parameters are read; nothing is set on it.
    images : sequence of ImageSource
    classes : ndarray
    targets : ndarray of int, shape (n,)
        Class numbers.
    groups : array-like of shape (n,) or None
    validation : (sequence of ImageSource, ndarray of int), default=None
        Images with class numbers to validate on, in place of a part of the others.
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same content; see `same_content`.

    Attributes
    ----------
    given : TrainingSettings
        As they were set, with the device and the precision that they stand for.
    settings : ResolvedSettings
        Those of the training, which are known once the network is cut in two.

    Raises
    ------
    ParameterError
        If a parameter holds a value that it does not accept; before anything is computed.
    """

    def __init__(
        self,
        classifier: FineTunedEstimator,
        images: Sequence[ImageSource],
        classes: np.ndarray,
        targets: np.ndarray,
        groups: Any,
        *,
        validation: tuple[Sequence[ImageSource], np.ndarray] | None = None,
        together: np.ndarray | None = None,
    ) -> None:
        given = TrainingSettings.of(classifier)
        check_consistent_length(images, groups)
        self.n_train = len(targets)  # parameters are checked without any image
        if validation is not None:
            images, targets = [*images, *validation[0]], np.concatenate([targets, validation[1]])
        self.classifier, self.images, self.classes = classifier, images, classes
        self.targets = targets.astype(np.int64)
        self.groups, self.together = None if groups is None else plain_labels(groups, name="groups"), together
        self.source = classifier.source()
        self.view = classifier.view(self.source)
        device, precision = resolve_device(given.device), resolve_precision(given.precision)
        self.given = replace(given, device=device, precision=precision)
        self.cache = open_cache(classifier.cache)
        self.class_weights = class_weights(given.class_weight, classes, self.targets[: self.n_train])
        self.timings = {"extraction": 0.0, "training": 0.0}
        self.clock: Counter[str] = Counter()

    def check(self) -> None:
        """Raise what the parameters and the network do not allow, before any image is read."""
        if self.trunk.part.updated_norms(self.trunk.update_statistics) and self.given.batch_size < 2:
            raise ParameterError(
                "got batch_size=1; the network has BatchNorm to estimate, and one image has no statistics",
                "Choose a larger batch_size.",
            )
        self.classifier.width(self.source, self.view)
        if self.given.checkpoint is not None:
            Checkpoint(self.given.checkpoint, {}).check_writable()

    def run(self) -> TrainingResult:
        """Train, from the beginning or from the checkpoint."""
        given = len(self.images) > self.n_train
        note_ignored_parameters(self.classifier, head_init=self.settings.head_init, groups=self.groups, given=given)
        plan = self.plan()
        trunk = plan.trunk
        if (layers := self.given.trainable_layers) is not None:
            note_once(f"trainable_layers={layers} trains {span_text(trunk.stages)} of {self.source.name}")
        trunk.part.warn(self.source.name)
        if self.given.device == "cpu":
            keep_freed_memory()
        trunk.to(self.given.device)
        checkpoint = self._checkpoint(plan.validation)
        if checkpoint is not None:
            checkpoint.load()  # one of another training is refused before any computation
        began = time.perf_counter()
        store, settings = open_store(self.cache).for_writing(), self.settings
        feed, forwarded = make_feed(trunk, self.images, plan.boundary, store=store, settings=settings, clock=self.clock)
        self.timings["extraction"] += time.perf_counter() - began
        weights = None if self.class_weights is None else torch.tensor(self.class_weights, device=settings.device)
        head, features = self._head(plan, forwarded)
        common = trunk, head.to(settings.device), feed, torch.from_numpy(self.targets), plan.train, plan.validation
        warm_up = None
        if features is not None and settings.head_init == "warmup":
            warm_up = WarmUp(*common, features, settings, class_weights=weights)
        training = Training(*common, settings, class_weights=weights, checkpoint=checkpoint, warm_up=warm_up)
        began = time.perf_counter()
        training.run(untrained_head=plan.for_head is None)
        self.timings["training"] += time.perf_counter() - began
        return TrainingResult(
            history=training.curves(),
            best_epoch=training.best_epoch,
            initial_accuracy=None if training.initial is None else training.initial[1],
            stages=trunk.stages,
            timings={**self.clock, **self.timings},
            forwarded=forwarded,
            state=_arrays(trunk.state()),
            head=_arrays(head.state_dict()),
        )

    def plan(self) -> TrainingPlan:
        """Choose the rows and passes, after raising what can be known before any computation."""
        self.check()
        train, validation = self.split()
        trunk, settings = self.trunk, self.settings
        boundary = boundary_passes(trunk, train, validation, settings)
        own = Passes(self.source, [self.view], train, **settings.computing, name="forward for the head")
        cached, number = boundary is not None, settings.epochs
        if settings.warmup_learning_rate is not None:
            # A little too many: an epoch of the warm-up computes no gradients of the network.
            number += settings.warmup_epochs
        epochs = Epochs(self.classifier, own, cached, number, len(train), len(validation), trunk.state_bytes())
        for_head = None if settings.head_init == "random" else own
        return TrainingPlan(trunk, train, validation, boundary, for_head, epochs)

    @functools.cached_property
    def trunk(self) -> Trunk:
        """The network in two parts."""
        trunk = Trunk.cut(
            self.source,
            self.view,
            trainable_stages=self.given.trainable_stages,
            trainable_layers=self.given.trainable_layers,
        )
        trunk.check_precision()
        trunk.update_statistics = self.given.batch_norm == "update"
        return trunk

    @functools.cached_property
    def settings(self) -> ResolvedSettings:
        """The settings with "auto" resolved, which depends on whether the network is trained from scratch."""
        random, norms = self.classifier.weights is None, self.trunk.part.initial_norms
        # Of a custom module, the statistics show whether it was ever trained.
        untrained = random or (bool(norms) and norms == self.trunk.part.updated_norms(update=True))
        return self.given.resolved(
            from_scratch=untrained and self.trunk.is_whole, begins_at_random=random or bool(norms)
        )

    def split(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to train on and those to validate on."""
        rows = np.arange(len(self.targets))
        if not self.given.early_stopping or len(rows) > self.n_train:
            return rows[: self.n_train], rows[self.n_train :]
        return hold_out_validation(
            self.targets,
            self.classes,
            fraction=self.given.validation_fraction,
            groups=self.groups,
            together=self.together,
            random_state=self.given.random_state,
        )

    def _head(self, plan: TrainingPlan, forwarded: dict[str, int]) -> tuple[DenseHead, np.ndarray | None]:
        """Return the head before it is trained, fitted on training rows only, and their embeddings if it needs any."""
        settings, train = self.settings, plan.train
        with seeded(settings.random_state):
            if plan.for_head is None:
                width = self.source.load("cpu").width(self.view, preprocessing=self.source.preprocessing)
                return self._empty_head(width), None
            began = time.perf_counter()
            found = extract_embeddings([self.images[row] for row in train], cache=self.cache, **plan.for_head.options)
            self.timings["extraction"] += time.perf_counter() - began
            forwarded["needed"] += found.n_images
            forwarded["forwarded"] += found.n_forwarded
            self.clock.update(found.seconds)
            features = found.embeddings[0]
            head = self._empty_head(features.shape[1])
            began = time.perf_counter()
            if settings.head_init == "logistic":
                probe = fit_probe(
                    features,
                    self.targets[train],
                    groups=None if self.groups is None else self.groups[train],
                    together=None if self.together is None else self.together[train],
                    class_weight=None if self.class_weights is None else dict(enumerate(self.class_weights)),
                    random_state=settings.random_state,
                )
                head.take_over(probe)
            else:
                head.standardise(features)
            self.timings["training"] += time.perf_counter() - began
            return head, features

    def identity(self, validation: np.ndarray, keys: bytes) -> dict[str, str]:
        """Return everything that the result depends on, as text by name, so that a checkpoint is of this training.

        The settings say which entries they belong to; where data and network decide what comes of one, that is it.

        Parameters
        ----------
        validation : ndarray of int
            The rows of the validation part.
        keys : bytes
            The keys of the content of all images, one after the other.
        """
        return self.settings.entries() | {
            "class_weights": str(self.class_weights),
            "backbone": self.source.name,
            "weights": self.source.weights_digest,
            "layer and pooling": " ".join(self.view),
            "trained part": " ".join(self.trunk.trained) or "head only",
            "preprocessing": self.source.preprocessing.text,
            "validation part": hashlib.sha256(validation.tobytes()).hexdigest() if len(validation) else "none",
            "images and labels": hashlib.sha256(keys + self.targets.tobytes()).hexdigest(),
            "classes": " ".join(str(name) for name in self.classes),
        }

    def _empty_head(self, width: int) -> DenseHead:
        return DenseHead(width, len(self.classes), hidden_units=self.given.hidden_units, dropout=self.given.dropout)

    def _checkpoint(self, validation: np.ndarray) -> Checkpoint | None:
        if self.given.checkpoint is None:
            return None
        threads = thread_count(self.given.n_jobs)
        keys = joined_keys(self.images, open_store(self.cache).digests, threads=threads)
        return Checkpoint(self.given.checkpoint, self.identity(validation, keys))


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: value.detach().cpu().contiguous().numpy().copy() for name, value in tensors.items()}
