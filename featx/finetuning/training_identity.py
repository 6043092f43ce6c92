"""What identifies a training, so that a checkpoint is used by the same training only."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ..constraints import plain
from .trunk import Trunk

__all__ = ["training_identity"]


def training_identity(training: Any, trunk: Trunk, validation: np.ndarray, keys: bytes) -> dict[str, str]:
    """Return everything that the result of a training depends on, as text by name.

    Parameters
    ----------
    training : FineTuning
    trunk : Trunk
    validation : ndarray of int
        The rows of the validation part.
    keys : bytes
        The keys of the content of all images, one after the other.
    """
    options, augmentation = training.options, training.augmentation
    settings = {name: str(plain(value)) for name, value in vars(training.optimization).items() if name != "device"}
    return settings | {
        "backbone": training.source.name,
        "weights": training.source.weights_digest,
        "layer and pooling": " ".join(training.view),
        "trained part": " ".join(trunk.trained) or "head only",
        "head": f"{training.head_init}, {options.hidden_units} hidden units, dropout {options.dropout:g}",
        "warmup_epochs": str(options.warmup_epochs) if training.head_init == "warmup" else "none",
        "batch_norm": options.batch_norm,
        "preprocessing": training.source.preprocessing.text,
        "augmentation": "none" if augmentation is None else augmentation.text,
        "boundary": f"{bool(options.boundary_cache_bytes)} {options.augment_draws}",
        "validation part": hashlib.sha256(validation.tobytes()).hexdigest() if len(validation) else "none",
        "images and labels": hashlib.sha256(keys + np.asarray(training.targets).tobytes()).hexdigest(),
        "classes": " ".join(str(name) for name in training.classes),
        "precision": training.precision,
    }
