"""Fit one strategy on training rows and predict test rows, with the costs that this would have without a cache.

Cached embeddings cost nothing, so a strategy that runs second, or at a second size, would look cheap. Every cost is
therefore what it would have been without a cache: the measured seconds, scaled from the images that were forwarded to
the images needed. Where too few were forwarded to tell, up to 64 images are timed without a cache.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from ..cache import EmbeddingCache
from ..datasets.dataset import ImageDataset
from ..display.json_values import as_json
from ..evaluation.answers import answers_of
from ..evaluation.nested_subsets import nested_subsets
from ..extraction.estimator import ImageEstimator, open_cache
from ..extraction.extract import ExtractionResult
from ..extraction.pace import PACE_IMAGES, measure_pace
from ..extraction.steps import HeadFits, Passes
from ..extraction.transformer import CNNFeatureTransformer
from ..finetuning.training_plan import Epochs
from ..heads.head_labels import is_named
from ..heads.svm_cost import announce_svm
from ..heads.tuned_head import TunedHead
from ..images.sources import ImageSource
from .strategies import kind_of

__all__ = ["RunResult", "Runner"]


@dataclass(frozen=True)
class RunResult:
    """What one strategy did with one training and one test set.

    Attributes
    ----------
    answers : ndarray of float64, shape (n_test, k), or of int, shape (n_test,)
        Probabilities, or class numbers of a strategy without; see `featx.evaluation.answers`.
    train_accuracy : float or None
        On the training images; for a fine-tuned network in its best epoch, on augmented draws of them.
    validation_accuracy : float or None
        Of the tuning: the best mean over the inner folds, or that of the best epoch on images held out of training.
    seconds : dict of str to float
        Of `extraction` (training images), `training`, and `prediction` (test images, their extraction included), as
        if nothing had been cached.
    wall : float
        Seconds that the run really took.
    history : dict of str to list, or None
        The curves of a training, as `CNNFineTuneClassifier.history_` has them; None without a training, and of runs
        that earlier versions wrote.
    best_epoch : int or None
        The epoch whose weights were kept.
    """

    answers: np.ndarray
    train_accuracy: float | None
    validation_accuracy: float | None
    seconds: dict[str, float]
    wall: float
    history: dict[str, Any] | None = None
    best_epoch: int | None = None


class Runner:
    """Fits strategies on rows of one data set.

    Parameters
    ----------
    dataset : ImageDataset
        With labels.
    """

    def __init__(self, dataset: ImageDataset) -> None:
        self.dataset = dataset
        self.labels = np.asarray(dataset.labels)
        self.classes = np.unique(self.labels)
        # What is to be known of heads.
        self.notes: list[str] = []
        self._seconds_each: dict[Any, float] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="featx-")
        self._memory = EmbeddingCache(self._folder.name)

    def close(self) -> None:
        """Remove the embeddings that were cached for this comparison alone."""
        self._folder.cleanup()

    def with_cache(self, transformer: CNNFeatureTransformer) -> CNNFeatureTransformer:
        """Return a copy that raises on unreadable images, with a cache for this comparison if it has none."""
        cache = open_cache(transformer.cache)
        return clone(transformer).set_params(on_error="raise", cache=self._memory if cache is None else cache)

    def run(
        self, estimator: BaseEstimator, train: np.ndarray, test: np.ndarray, *, seed: int, sizes: Sequence[int] = ()
    ) -> RunResult:
        """Fit on the training rows and predict the test rows.

        Parameters
        ----------
        estimator : classifier of images
            Cloned, and given the seed.
        train, test : ndarray of int
        seed : int
        sizes : sequence of int, default=()
            How many images each run of the same strategy trains on, this one included; empty means this one alone. What
            a head takes is said of all.
        """
        start = time.perf_counter()
        if kind_of(estimator) == "frozen":
            found = self._run_frozen(estimator, train, test, seed, sizes or [len(train)])
        else:
            found = self._run_network(estimator, train, test, seed)
        fitted, answers, train_accuracy, validation_accuracy, seconds = found
        history = as_json(dict(_history(fitted))) or None
        best = getattr(fitted, "best_epoch_", None)
        wall = time.perf_counter() - start
        return RunResult(
            answers,
            train_accuracy,
            validation_accuracy,
            seconds,
            wall,
            history,
            None if best is None else int(best),
        )

    def plan(
        self, estimator: BaseEstimator, train: np.ndarray, test: np.ndarray, *, seed: int
    ) -> list[Passes | HeadFits | Epochs]:
        """Return what `run` is about to do, step by step, for one of featx's strategies; parameters as for `run`."""
        if kind_of(estimator) == "frozen":
            passes, predict = (self.with_cache(estimator[0]).plan(rows) for rows in (train, test))
            # The training rows are predicted too.
            predicted = 1 + len(test) / len(train)
            fit = HeadFits(estimator[1:], passes, passes.views[0], [len(train)], "tune and fit the head", predicted)
            return [passes, predict, fit]
        some = self.dataset.take(train)
        training = _seed(clone(estimator), seed).prepare(some.images, some.labels, some.groups)
        training.together = some.together
        return training.plan().steps(train, test)

    def _run_frozen(
        self, pipeline: Pipeline, train: np.ndarray, test: np.ndarray, seed: int, sizes: Sequence[int]
    ) -> tuple[BaseEstimator, np.ndarray, float | None, float | None, dict[str, float]]:
        transformer, head = self.with_cache(pipeline[0]), clone(pipeline[1:])
        step, classifier = head.steps[-1]
        _seed(classifier, seed)
        groups = {f"{step}__{key}": value for key, value in self._groups(classifier, train).items()}
        features, extraction = self._extract(transformer, train)
        labels, width = self.labels[train], features.shape[1]
        if isinstance(classifier, TunedHead):
            said = announce_svm(classifier.spec(), list(sizes), width, classifier.tuning_images)
            self.notes += [text for text in said if text not in self.notes]
        start = time.perf_counter()
        head.fit(features, labels, **groups)
        training = time.perf_counter() - start
        train_accuracy = float(np.mean(head.predict(features) == labels))
        features, prediction = self._extract(transformer, test)
        start = time.perf_counter()
        by_probability = isinstance(classifier, TunedHead) and is_named(classifier.head)
        answers = answers_of(head, features, self.classes, by_probability=by_probability)
        prediction += time.perf_counter() - start
        score = getattr(classifier, "best_score_", None)
        seconds = {"extraction": extraction, "training": training, "prediction": prediction}
        return head, answers, train_accuracy, None if score is None else float(score), seconds

    def _run_network(
        self, estimator: BaseEstimator, train: np.ndarray, test: np.ndarray, seed: int
    ) -> tuple[BaseEstimator, np.ndarray, float | None, float | None, dict[str, float]]:
        network = _seed(clone(estimator), seed)
        images, labels = self._images(train), self.labels[train]
        start = time.perf_counter()
        network.fit(images, labels, **self._groups(network, train))
        fitted = time.perf_counter() - start
        spent = getattr(network, "timings_", {})
        extraction = float(spent.get("extraction", 0.0))
        # If training resumed from a checkpoint, the history holds the epochs before it too.
        training = max(float(spent.get("training", fitted - extraction)), sum(_history(network).get("seconds", ())))
        needed, forwarded = (getattr(network, "forwarded_", {}).get(key, 0) for key in ("needed", "forwarded"))
        if forwarded < needed:
            measured = extraction / forwarded if forwarded >= PACE_IMAGES else self._boundary_seconds(estimator, train)
            extraction = extraction if measured is None else measured * needed
        answers, prediction = self._predict(network, test)
        train_accuracy, validation_accuracy = _best_epoch(network)
        if train_accuracy is None:
            train_accuracy = float(np.mean(network.predict(images) == labels))
        seconds = {"extraction": extraction, "training": training, "prediction": prediction}
        return network, answers, train_accuracy, validation_accuracy, seconds

    def _extract(self, transformer: CNNFeatureTransformer, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the embeddings, and the seconds that they would take without a cache."""
        found = transformer.extract(self.sources(transformer, rows))
        return found.embeddings[0], _uncached(found, lambda: self._frozen_seconds(transformer, rows))

    def _predict(self, network: BaseEstimator, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the answers, and the seconds that they would take without a cache."""
        start = time.perf_counter()
        if not hasattr(network, "predict_images"):
            # Not asked for the classes too: that could take as long again.
            answers = answers_of(network, self._images(rows), self.classes, by_probability=True)
            return answers, time.perf_counter() - start
        sources = self.sources(network, rows)
        probabilities, found = network.predict_images(sources)
        spent = time.perf_counter() - start - found.wall_seconds

        def measured() -> float:
            bare = copy.copy(network).set_params(cache=None)
            bare.predict_images(sources[:1])
            return _per_image(bare.predict_images(sources[:PACE_IMAGES])[1], len(sources[:PACE_IMAGES]))

        answers = np.zeros((len(rows), len(self.classes)))
        answers[:, np.searchsorted(self.classes, network.classes_)] = probabilities
        return answers, spent + _uncached(found, measured)

    def _frozen_seconds(self, transformer: CNNFeatureTransformer, rows: np.ndarray) -> float:
        """Return the seconds that a frozen network takes for an image, measured once for each network."""
        passes = clone(transformer).set_params(prefetch=(), verbose=False).plan(rows)
        key = passes.spec(), passes.device
        if key not in self._seconds_each:
            self._seconds_each[key] = measure_pace(passes, self.sources(transformer, rows[:PACE_IMAGES])).seconds
        return self._seconds_each[key]

    def _boundary_seconds(self, estimator: BaseEstimator, rows: np.ndarray) -> float | None:
        """Return the seconds for an image below the trained stages, from one epoch on a few images without a cache."""
        chosen = estimator.get_params(deep=False)
        if not {"cache", "epochs", "checkpoint"} <= set(chosen):
            return None
        key = tuple(f"{name}={value!r}" for name, value in chosen.items() if name != "checkpoint")
        if key not in self._seconds_each:
            size = min(len(rows), max(PACE_IMAGES, 4 * len(self.classes)))
            few = rows[nested_subsets(self.labels[rows], [size])[0]]
            bare = clone(estimator).set_params(cache=None, epochs=1, checkpoint=None)
            bare.fit(self._images(few), self.labels[few])
            self._seconds_each[key] = bare.timings_["extraction"] / max(1, bare.forwarded_["forwarded"])
        return self._seconds_each[key]

    def sources(self, estimator: ImageEstimator, rows: np.ndarray) -> Sequence[ImageSource]:
        """Return the images of some rows as the estimator reads them."""
        names = [self.dataset.names[i] for i in rows]
        return estimator.sources(self._images(rows), names)

    def _images(self, rows: np.ndarray) -> list[Any]:
        return [self.dataset.images[i] for i in rows]

    def _groups(self, estimator: BaseEstimator, rows: np.ndarray) -> dict[str, np.ndarray]:
        kept = {"groups": self.dataset.groups, "together": self.dataset.together}
        return {
            name: value[rows]
            for name, value in kept.items()
            if value is not None and has_fit_parameter(estimator, name)
        }


def _seed(estimator: BaseEstimator, seed: int) -> BaseEstimator:
    """Set the seed of an estimator that takes one."""
    return estimator.set_params(random_state=seed) if "random_state" in estimator.get_params(deep=False) else estimator


def _uncached(found: ExtractionResult, measured: Callable[[], float]) -> float:
    """Return the seconds that an extraction would take if every image were forwarded."""
    spent = found.wall_seconds
    if found.n_forwarded >= found.n_images:
        return spent
    passing = sum(found.seconds.get(stage, 0.0) for stage in ("wait", "forward", "write"))
    each = passing / found.n_forwarded if found.n_forwarded >= PACE_IMAGES else measured()
    return spent - passing + each * found.n_images


def _per_image(found: ExtractionResult, n_images: int) -> float:
    return found.wall_seconds / n_images


def _history(network: BaseEstimator) -> Mapping[str, Any]:
    history = getattr(network, "history_", None)
    return history if isinstance(history, Mapping) else {}


def _best_epoch(network: BaseEstimator) -> tuple[float | None, float | None]:
    """Return training and validation accuracy in the best epoch, as far as the network recorded them."""
    history = _history(network)
    if not {"epoch", "accuracy", "val_accuracy"} <= set(history):
        return None, None
    epochs, best = list(history["epoch"]), getattr(network, "best_epoch_", None)
    if best not in epochs:  # the best is the head before any stage was trained
        return None, getattr(network, "initial_validation_accuracy_", None)
    place = epochs.index(best)
    found = history["accuracy"][place], history["val_accuracy"][place]
    return tuple(None if value is None else float(value) for value in found)  # type: ignore[return-value]
