"""An estimator and its images go in; where a parameter that was set can have no effect on them, the log says so."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..display.notes import is_noted, note_once
from ..images.sources import ImageSource
from ..runtime.deadlines import patient_map

__all__ = ["note_idle_images", "note_idle_training"]


def note_idle_images(estimator: Any, images: Sequence[ImageSource]) -> None:
    """Say so where a value range cannot change what is seen of any image."""
    if estimator.value_range is None:
        return
    text = (
        f"value_range={estimator.value_range!r} has no effect on these images: all of them are read with 8 bits a "
        "channel, of which 0 is black and 255 white"
    )
    if is_noted(text):
        return
    # The first image that it has an effect on ends the search, as does one that cannot be read in time.
    with contextlib.closing(patient_map(ImageSource.depends_on_value_range, images, threads=1, ahead=8)) as answers:
        if not any(answers):
            note_once(text)


def note_idle_training(options: Any, *, head_init: str, groups: Any = None, given: bool = False) -> None:
    """Say so where a parameter of a fine-tuning classifier is set and another one takes its effect away.

    Parameters
    ----------
    options : CNNFineTuneClassifier
    head_init : {"logistic", "warmup", "random"}
        What "auto" stands for.
    groups : array-like or None
        Of the call of fit.
    given : bool, default=False
        Whether the images to validate on are given.
    """
    layers = options.trainable_layers is not None
    # A number may be numpy's, as it is out of a grid.
    stages = options.trainable_stages
    stages = stages if isinstance(stages, str) else list(np.ravel(stages))
    whole, head_only = not layers and stages == "all", not layers and stages in ([], [0])
    no_augmentation = options.augmentation is None or str(options.augmentation) == "none"
    nothing = "nothing is held out with early_stopping=False"
    idle = [
        (("trainable_stages",), layers, "trainable_layers is given in its place"),
        (("warmup_epochs",), head_init != "warmup", f"the head begins as head_init={head_init!r}"),
        (("momentum",), options.optimizer != "sgd", f"the optimizer is {options.optimizer!r}"),
        (("validation_fraction", "patience"), not options.early_stopping, nothing),
        (("validation_fraction",), given, "the images to validate on are given"),
        (("augment_draws", "test_draws"), no_augmentation, "there is no augmentation"),
        (("augment_draws",), not options.boundary_cache, "boundary_cache=False augments anew in every epoch"),
        (("boundary_dtype", "boundary_cache_bytes"), not options.boundary_cache, "boundary_cache=False caches none"),
        (
            ("augment_draws", "boundary_cache", "boundary_dtype", "boundary_cache_bytes"),
            whole,
            "the whole network is trained, so that no part of it is computed once",
        ),
        (("boundary_dtype", "boundary_cache_bytes", "batch_norm"), head_only, "only the head is trained"),
        (("learning_rate",), head_only and options.head_learning_rate is not None, "only the head is trained"),
    ]  # fmt: skip
    defaults = inspect.signature(type(options).__init__).parameters
    for names, holds, reason in idle:
        for name in names:
            value = getattr(options, name)
            if holds and name in defaults and not np.array_equal(value, defaults[name].default):
                note_once(f"{name}={value!r} has no effect: {reason}")
    if groups is not None and (given or not options.early_stopping) and head_init != "logistic":
        why = "the images to validate on are given" if given else nothing
        note_once(f"groups have no effect: {why}, and the head is not tuned")
