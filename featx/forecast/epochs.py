"""Time a few epochs on a few images."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from ..finetuning.training_plan import Epochs

__all__ = ["epoch_seconds"]

# The first epoch that is timed is not counted.
PROBE_EPOCHS = 4


def epoch_seconds(epochs: Epochs, images: list[Any]) -> float:
    """Return the seconds of an epoch for each image, validation included, from a few epochs on some images."""
    classifier = epochs.classifier
    # Without early stopping patience has no effect, and a note would say so.
    patience = {"patience": PROBE_EPOCHS} if classifier.early_stopping else {}
    probe = clone(classifier).set_params(
        cache=None, checkpoint=None, epochs=PROBE_EPOCHS, head_init="random", augment_draws=1, class_weight=None,
        verbose=False, boundary_cache=epochs.cached, **patience,
    )  # fmt: skip
    history = probe.fit(images, np.arange(len(images)) % 2).history_
    return float(np.median(history["seconds"][1:])) / len(images)
