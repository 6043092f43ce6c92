"""Log the parameters of a fine-tuning classifier that have no effect, because another one overrules them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ..display.notes import note_once

__all__ = ["note_ignored_parameters"]


def note_ignored_parameters(options: Any, *, head_init: str, groups: Any = None, given: bool = False) -> None:
    """Log each parameter that is set and has no effect because of another one.

    Parameters
    ----------
    options : CNNFineTuneClassifier
    head_init : {"logistic", "warmup", "random"}
        With "auto" resolved.
    groups : array-like or None
        As passed to fit.
    given : bool, default=False
        Whether the images to validate on are passed to fit.
    """
    layers = options.trainable_layers is not None
    # A number from a grid may be of a numpy type.
    stages = options.trainable_stages
    stages = stages if isinstance(stages, str) else list(np.ravel(stages))
    whole, head_only = not layers and stages == "all", not layers and stages in ([], [0])
    no_augmentation = options.augmentation is None or str(options.augmentation) == "none"
    nothing = "nothing is held out with early_stopping=False"
    ignored = [
        (("trainable_stages",), layers, "trainable_layers is given in its place"),
        (("warmup_epochs", "warmup_learning_rate"), head_init != "warmup", f"the head begins as {head_init=!r}"),
        (("momentum",), options.optimizer != "sgd", f"the optimizer is {options.optimizer!r}"),
        (("validation_fraction", "patience"), not options.early_stopping, nothing),
        (("validation_fraction",), given, "the images to validate on are given"),
        (("augment_draws", "test_draws"), no_augmentation, "there is no augmentation"),
        (("augment_draws",), not options.boundary_cache_bytes, "boundary_cache_bytes=0 augments anew in every epoch"),
        (
            ("augment_draws", "boundary_cache_bytes"),
            whole,
            "the whole network is trained, so that no part of it is computed once",
        ),
        (("boundary_cache_bytes", "batch_norm"), head_only, "only the head is trained"),
        (("learning_rate",), head_only and options.head_learning_rate is not None, "only the head is trained"),
    ]  # fmt: skip
    defaults = inspect.signature(type(options).__init__).parameters
    for names, holds, reason in ignored:
        for name in names:
            value = getattr(options, name)
            if holds and name in defaults and not np.array_equal(value, defaults[name].default):
                note_once(f"{name}={value!r} has no effect: {reason}")
    if head_init == "warmup" and options.optimizer != "adamw" and options.warmup_learning_rate is None:
        note_once(
            f"optimizer={options.optimizer!r} has no effect on the warm-up, which is by AdamW; to warm up by it, pass "
            "warmup_learning_rate=1e-3"
        )
    if groups is not None and (given or not options.early_stopping) and head_init != "logistic":
        why = "the images to validate on are given" if given else nothing
        note_once(f"groups have no effect: {why}, and the head is not tuned")
