"""Traits of a strategy for the closing table of a comparison: its network, image size, learning rates and epochs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..display.json_values import IF_SET
from ..display.records import Record
from ..extraction.estimator import ImageEstimator
from ..finetuning.classifier import CNNFineTuneClassifier
from ..images.augmentation import Augmentation
from ..images.pixels import ValueRange
from ..images.preprocessing import Preprocessing
from .strategies import kind_of

__all__ = ["StrategyTraits", "strategy_traits"]


@dataclass(frozen=True, repr=False)
class StrategyTraits(Record):
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
    preprocessing : Preprocessing or None
        How the network reads images. JSON does not have it.
    augmentation : Augmentation or None
        Of a strategy that trains a network.
    augment_draws : int or None
        How many draws of it an image has; None for frozen features.
    value_range : (low, high), "minmax" or None
        By which images of more than 8 bits are read. JSON has it where it is set.
    """

    network: str | None = None
    image_size: int | None = None
    learning_rate: float | None = None
    head_learning_rate: float | None = None
    most_epochs: int | None = None
    warmup_epochs: int | None = None
    warmup_learning_rate: float | None = None
    weights_digest: str | None = None
    preprocessing: Preprocessing | None = field(default=None, metadata={"json": False})
    augmentation: Augmentation | None = None
    augment_draws: int | None = None
    value_range: ValueRange = field(default=None, metadata=IF_SET)


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
    read: dict[str, Any] = {
        "weights_digest": source.weights_digest,
        "preprocessing": source.preprocessing,
        "value_range": images.value_range,
    }
    if not isinstance(images, CNNFineTuneClassifier):
        return StrategyTraits(source.name, side, **read)
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
        augmentation=settings.augmentation,
        augment_draws=settings.augment_draws,
        **read,
    )
