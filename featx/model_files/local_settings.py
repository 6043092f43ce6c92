"""Reset the settings of a model that belong to a machine: cache folder, device, number of jobs."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from typing import Any

from sklearn.base import BaseEstimator

from ..extraction.estimator import ImageEstimator
from .model_parts import parts

__all__ = ["reset_local_settings"]

# Parameters that name a file or folder, which scikit-learn or featx would write to in fit, and read pickles from.
PATH_PARAMETERS = ("cache", "checkpoint", "memory")


def reset_local_settings(model: BaseEstimator) -> None:
    """Set what belongs to a machine to its default, in all parts of a model: a file must not choose where featx writes.

    A path may also be hidden: among the values of a grid, or in an attribute that an ensemble copies into its
    estimators.
    """
    for _, part in list(parts(model, inside=True)):
        if isinstance(part, ImageEstimator):
            _reset_estimator(part)
        elif isinstance(part, BaseEstimator):
            if "memory" in vars(part):
                part.__dict__["memory"] = None
            _drop_paths(vars(part))
        elif isinstance(part, dict):
            _drop_paths(part)


def _reset_estimator(estimator: ImageEstimator) -> None:
    parameters = inspect.signature(type(estimator)).parameters
    # By its class, not by its own methods, which the file may have replaced.
    local = type(estimator).parameters_of("machine", "running")
    estimator.__dict__.update({name: parameters[name].default for name in local})


def _drop_paths(mapping: dict[Any, Any]) -> None:
    """Remove the keys that are named like a path parameter, also of a step, and hold a path."""
    for key in list(mapping):
        if isinstance(key, str) and key.rpartition("__")[2] in PATH_PARAMETERS and _holds_path(mapping[key]):
            del mapping[key]


def _holds_path(value: Any) -> bool:
    if isinstance(value, str | bytes | os.PathLike):
        return True
    # A step may be called "cache"; the value under its name is an estimator, columns or positions.
    return (
        isinstance(value, Iterable)
        and not isinstance(value, Mapping | BaseEstimator)
        and any(isinstance(item, str | bytes | os.PathLike) or hasattr(item, "store_backend") for item in value)
    )
