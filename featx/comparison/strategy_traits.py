"""Traits of a strategy for the closing table of a comparison: its network, image size, learning rates and epochs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator

from ..display.named_by_package import NamedByPackage
from ..extraction.estimator import ImageEstimator
from ..finetuning.classifier import CNNFineTuneClassifier
from .strategies import kind_of

__all__ = ["StrategyTraits", "strategy_traits"]


@dataclass(frozen=True)
class StrategyTraits(NamedByPackage):
    """What a strategy computes with.

    Attributes
    ----------
    network : str or None
        None for a classifier without one.
    image_size : int or None
        Side of the network's input in pixels.
    learning_rate, head_learning_rate : float or None
        Of the trained stages and of the head, with "auto" resolved; None for frozen features, and that of the stages
        where only the head is trained.
    most_epochs : int or None
        The most that are run; early stopping may end a training sooner.
    warmup_epochs : int or None
        Epochs of the head alone before that; 0 without a warm-up.
    warmup_learning_rate : float or None
        Of the warm-up, if it was set.
    weights_digest : str or None
        Of the weights that it begins with; see `BackboneSource`.
    """

    network: str | None = None
    image_size: int | None = None
    learning_rate: float | None = None
    head_learning_rate: float | None = None
    most_epochs: int | None = None
    warmup_epochs: int | None = None
    warmup_learning_rate: float | None = None
    weights_digest: str | None = None


def strategy_traits(estimator: BaseEstimator, labels: np.ndarray) -> StrategyTraits:
    """Return the traits of a classifier of images.

    Parameters
    ----------
    estimator : classifier
        Whose parameters were checked.
    labels : ndarray of shape (n,)
        Each class at least once.
    """
    images = estimator[0] if kind_of(estimator) == "frozen" else estimator
    if not isinstance(images, ImageEstimator):
        return StrategyTraits()
    source = images.source()
    side = source.preprocessing.crop
    if not isinstance(images, CNNFineTuneClassifier):
        return StrategyTraits(source.name, side, weights_digest=source.weights_digest)
    from ..finetuning.fit import FineTuning

    classes, targets = np.unique(labels, return_inverse=True)
    settings = FineTuning(images, [], classes, targets, None).settings
    stages = settings.trainable_stages
    head_only = (
        settings.trainable_layers is None and not isinstance(stages, str) and list(np.ravel(stages)) in ([], [0])
    )
    return StrategyTraits(
        network=source.name,
        image_size=side,
        learning_rate=None if head_only else settings.learning_rate,
        head_learning_rate=settings.head_learning_rate,
        most_epochs=settings.epochs,
        warmup_epochs=settings.warmup_epochs,
        warmup_learning_rate=settings.warmup_learning_rate if settings.warmup_epochs else None,
        weights_digest=source.weights_digest,
    )
