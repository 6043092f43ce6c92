"""What identifies a training, so that a checkpoint is used by the same training only."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from .trunk import Trunk

if TYPE_CHECKING:
    from .fit import FineTuning

__all__ = ["training_identity"]


def training_identity(training: FineTuning, trunk: Trunk, validation: np.ndarray, keys: bytes) -> dict[str, str]:
    """Return everything that the result of a training depends on, as text by name.

    The settings say which entries they belong to; where data and network decide what comes of one, that is the entry.

    Parameters
    ----------
    training : FineTuning
    trunk : Trunk
    validation : ndarray of int
        The rows of the validation part.
    keys : bytes
        The keys of the content of all images, one after the other.
    """
    return training.settings.entries() | {
        "class_weights": str(training.class_weights),
        "backbone": training.source.name,
        "weights": training.source.weights_digest,
        "layer and pooling": " ".join(training.view),
        "trained part": " ".join(trunk.trained) or "head only",
        "preprocessing": training.source.preprocessing.text,
        "validation part": hashlib.sha256(validation.tobytes()).hexdigest() if len(validation) else "none",
        "images and labels": hashlib.sha256(keys + np.asarray(training.targets).tobytes()).hexdigest(),
        "classes": " ".join(str(name) for name in training.classes),
    }
