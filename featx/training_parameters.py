"""The parameters of a fine-tuning classifier go in; an error comes out where one holds what it does not accept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from .exceptions import ParameterError

__all__ = ["check_parameters", "class_weights", "resolve_automatic"]

# What "auto" stands for. Random weights need a higher rate, the same everywhere, and more epochs; how good they get
# shows only when the rate has come down.
PRETRAINED = {"learning_rate": 3e-5, "epochs": 10, "patience": 5}
FROM_SCRATCH = {"learning_rate": 1e-3, "epochs": 30}
# A head that has begun as a logistic regression needs little more than the stages below it.
HEAD_FACTOR = 3
HEAD_INITS = ("auto", "logistic", "warmup", "random")
BATCH_NORMS = ("frozen", "update")


def check_parameters(options: Any) -> None:
    """Raise a ParameterError where a parameter of the estimator holds a value that it does not accept."""
    for name, least in (("epochs", 1), ("batch_size", 1), ("augment_views", 1), ("test_views", 1), ("patience", 1),
                        ("warmup_epochs", 1), ("random_state", 0), ("boundary_cache_bytes", 0)):  # fmt: skip
        value = getattr(options, name)
        if name in PRETRAINED and _is_auto(value):
            continue
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ParameterError(f"got {name}={value!r}; expected an integer of at least {least}")
    if options.random_state >= 2**32:  # scikit-learn takes no more
        raise ParameterError(f"got random_state={options.random_state}; expected an integer below 2**32")
    for name, low, high in (("learning_rate", 0, math.inf), ("momentum", 0, 1), ("weight_decay", 0, math.inf),
                            ("dropout", 0, 1), ("label_smoothing", 0, 1)):  # fmt: skip
        value = getattr(options, name)
        if name in PRETRAINED and _is_auto(value):
            continue
        if not _is_number(value) or not low <= value < high:
            raise ParameterError(f"got {name}={value!r}; expected a number from {low} to below {high}")
    rate, fraction, units = options.head_learning_rate, options.validation_fraction, options.hidden_units
    if rate is not None and not (_is_number(rate) and 0 <= rate < math.inf):
        raise ParameterError(f"got head_learning_rate={rate!r}; expected a number that is not negative, or None")
    if not (_is_number(fraction) and 0 < fraction < 1):
        raise ParameterError(f"got validation_fraction={fraction!r}; expected a fraction between 0 and 1")
    if units is not None and (isinstance(units, bool) or not isinstance(units, Integral) or units < 1):
        raise ParameterError(f"got hidden_units={units!r}; expected a positive integer or None")
    for name, known in (("head_init", HEAD_INITS), ("batch_norm", BATCH_NORMS)):
        if getattr(options, name) not in known:
            raise ParameterError(f"got {name}={getattr(options, name)!r}; expected one of {', '.join(known)}")
    if options.batch_norm == "update" and options.batch_size < 2:
        raise ParameterError("got batch_size=1 with batch_norm='update'; one image has no statistics",
                             "Choose a larger batch_size, or batch_norm='frozen'.")  # fmt: skip
    if options.head_init == "logistic" and units is not None:
        raise ParameterError("got head_init='logistic' with hidden_units, which a logistic regression has not",
                             "Choose head_init='warmup', or hidden_units=None.")  # fmt: skip


def resolve_automatic(options: Any, *, from_scratch: bool) -> dict[str, Any]:
    """Return `learning_rate`, `head_learning_rate`, `epochs` and `patience` with what "auto" and None stand for.

    From scratch the patience is half of the epochs, the head's rate that of the network.
    """
    defaults = FROM_SCRATCH if from_scratch else PRETRAINED
    rate = float(defaults["learning_rate"] if _is_auto(options.learning_rate) else options.learning_rate)
    epochs = int(defaults["epochs"] if _is_auto(options.epochs) else options.epochs)
    usual = int(PRETRAINED["patience"])
    patience = max(usual, epochs // 2) if from_scratch else usual
    head_rate = options.head_learning_rate
    if head_rate is None:
        head_rate = rate if from_scratch else HEAD_FACTOR * rate
    return {
        "learning_rate": rate,
        "head_learning_rate": float(head_rate),
        "epochs": epochs,
        "patience": patience if _is_auto(options.patience) else int(options.patience),
    }


def class_weights(class_weight: Any, classes: np.ndarray, targets: np.ndarray) -> tuple[float, ...] | None:
    """Return a weight for each class: "balanced" is n / (k * images of the class), as in scikit-learn.

    Raises
    ------
    ParameterError
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(targets, minlength=len(classes))
        return tuple(float(w) for w in len(targets) / (len(classes) * counts))
    if isinstance(class_weight, Mapping):
        if unknown := [label for label in class_weight if label not in classes]:
            raise ParameterError(f"got class_weight for {unknown[0]!r}, which is no class", "Use labels of y.")
        for value in class_weight.values():
            if not _is_number(value) or not 0 <= value < math.inf:
                raise ParameterError(f"got {value!r} in class_weight; expected numbers that are not negative")
        weights = tuple(float(class_weight.get(label, 1.0)) for label in classes.tolist())
        if not any(weights):
            raise ParameterError(f"got class_weight={class_weight!r}; expected a class whose weight is above 0")
        return weights
    raise ParameterError(
        f"got class_weight={class_weight!r}; expected 'balanced', a mapping of label to weight, or None"
    )


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
